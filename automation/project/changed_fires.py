"""Which fires a deploy adds and takes away: the fires of a job's definition against those of another one.

Owns: the coming fires of a definition as it is kept, with its calendars; how far two are compared.
Never: compares keys.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from automation.triggers.base import Trigger, TriggerInvalid
from automation.triggers.calendar import Calendar, CalendarInvalid, parse_calendar
from automation.triggers.parse import parse_trigger
from automation.triggers.planning import Planning

Definition = Mapping[str, Any]
#: Fires counted of one rule, and of all; beyond that, few of each of the rules that are left.
_OF_ONE, _OF_ALL, _OF_THE_REST = 1000, 20_000, 3
_CALENDARS = ("only_during", "not_during")


@dataclass(frozen=True)
class FireChange:
    """The nominal times that a change adds and takes away, of fires that run.

    Parameters
    ----------
    until: how far both were looked at; earlier than asked for where there are very many.
    """

    appear: tuple[datetime, ...] = ()
    vanish: tuple[datetime, ...] = ()
    until: datetime | None = None

    def first(self, most: int = 3) -> list[tuple[str, datetime]]:
        """The earliest of both, each with `+` or `−`."""
        both = [("−", one) for one in self.vanish] + [("+", one) for one in self.appear]
        return sorted(both, key=lambda one: (one[1], one[0] == "+"))[:most]


@dataclass
class Fires:
    """The fires of definitions in one span; equal rules are asked once.

    Parameters
    ----------
    base: the project's folder, where calendars have their files.
    """

    now: datetime
    end: datetime
    base: Path
    counted: int = 0
    _asked: dict[str, tuple[tuple[datetime, ...], datetime]] = field(default_factory=dict)
    _calendars: dict[str, Calendar | None] = field(default_factory=dict)

    def between(self, old: Definition | None, new: Definition | None) -> FireChange:
        """What the second has and the first has not, and the other way round; None is a job that is not there."""
        before, after = (list(_schedules(one)) if one else [] for one in (old, new))
        if not all(self._is_known(one) for one in (*before, *after)):
            # The file of an earlier calendar has changed since: both are compared without calendars.
            before, after = [{**one, "planning": {}} for one in before], [{**one, "planning": {}} for one in after]
        vanish, first_end = self._times(before)
        appear, second_end = self._times(after)
        until = min(first_end, second_end)
        return FireChange(
            tuple(sorted(one for one in appear - vanish if one < until)),
            tuple(sorted(one for one in vanish - appear if one < until)),
            until,
        )

    def _times(self, schedules: Iterable[Definition]) -> tuple[set[datetime], datetime]:
        """The fires of these schedules from now on, and before which moment they are all there."""
        found: set[datetime] = set()
        until = self.end
        for one in schedules:
            rule = json.dumps(one, sort_keys=True)
            if rule not in self._asked:
                self._asked[rule] = self._look(one)
            fires, end = self._asked[rule]
            found.update(fires)
            until = min(until, end)
        return found, until

    def _look(self, one: Definition) -> tuple[tuple[datetime, ...], datetime]:
        """The fires of one schedule, and before which moment that is all."""
        try:
            trigger = parse_trigger(one["spec"])
        except TriggerInvalid:
            # A rule of an earlier version of the program, which this one does not read.
            return (), self.end
        if trigger.from_end:
            return (), self.end
        planning = self._planning(one["planning"])
        most = _OF_ONE if self.counted < _OF_ALL else _OF_THE_REST
        seen, found = 0, []
        fire = trigger.next_after(self.now)
        while fire is not None and fire < self.end and seen < most:
            if planning is None or _runs(planning, trigger, fire):
                found.append(fire)
            seen += 1
            fire = trigger.next_after(fire)
        self.counted += seen
        return tuple(found), self.end if fire is None else min(fire, self.end)

    def _planning(self, kept: Definition) -> Planning | None:
        """How the schedule moves its fires; None where no calendar may keep one from running."""
        only, never = ([self._calendar(one) for one in kept.get(key, ())] for key in _CALENDARS)
        if not only and not never:
            return None
        return Planning(
            kept["seed"],
            timedelta(seconds=kept["jitter"]),
            kept["jitter_mode"],
            tuple(one for one in only if one is not None),
            tuple(one for one in never if one is not None),
            kept["on_blackout"],
        )

    def _is_known(self, one: Definition) -> bool:
        return all(self._calendar(kept) for key in _CALENDARS for kept in one["planning"].get(key, ()))

    def _calendar(self, kept: Definition) -> Calendar | None:
        """The calendar as it was when the definition was made; None where its file says something else now."""
        if kept["digest"] not in self._calendars:
            try:
                made = parse_calendar(kept["name"], kept.get("table") or {}, self.base)
            except CalendarInvalid:
                made = None
            self._calendars[kept["digest"]] = made if made is not None and made.digest == kept["digest"] else None
        return self._calendars[kept["digest"]]


def _runs(planning: Planning, trigger: Trigger, nominal: datetime) -> bool:
    """Whether a fire becomes a run of its own, as far as calendars say."""
    planned = planning.plan(trigger, nominal)
    if planned.blackout is not None or not planned.deferred:
        return planned.blackout is None
    following = trigger.next_after(nominal)
    return following is None or planning.plan(trigger, following).time != planned.time


def _schedules(one: Definition) -> Iterator[Definition]:
    """Rule and calendars of each schedule of a job that is active."""
    if one.get("enabled") and not one.get("problem"):
        for schedule in one.get("schedules", {}).values():
            planning = schedule.get("planning", {})
            # Jitter alone moves no nominal time, and equal rules are asked once.
            limited = any(planning.get(key) for key in _CALENDARS)
            yield {"spec": schedule["spec"], "planning": planning if limited else {}}

"""One schedule as RedBeat keeps it.

Owns: the entry's form in Redis, and when it is due next.
Never: is believed: what it says is written from the project and the ledger, which win.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from celery import Celery
from celery.schedules import BaseSchedule, schedstate
from redbeat.decoder import RedBeatJSONDecoder, RedBeatJSONEncoder
from redbeat.schedulers import RedBeatSchedulerEntry

from automation.queue.app import RUN_TASK
from automation.triggers.base import Trigger
from automation.triggers.parse import parse_trigger
from automation.triggers.planning import Planning

NEVER = -1.0
_TYPE = "automation"


class TriggerSchedule(BaseSchedule):
    """A trigger of ours in Celery's words; always UTC.

    Parameters
    ----------
    spec: what `parse_trigger` reads.
    planning: how the schedule moves its fires; what comes back from Redis does not know it.
    """

    def __init__(
        self,
        spec: Mapping[str, Any],
        trigger: Trigger | None = None,
        app: Celery | None = None,
        planning: Planning | None = None,
    ) -> None:
        super().__init__(app=app)
        self.spec = dict(spec)
        self.trigger = trigger or parse_trigger(spec)
        self.planning = planning or Planning()

    def following(self, cursor: datetime) -> datetime | None:
        """The planned time of the first fire after the cursor; None when there is none any more."""
        nominal = self.trigger.next_after(cursor)
        return None if nominal is None else self.planning.plan(self.trigger, nominal).time

    def remaining_estimate(self, last_run_at: datetime) -> timedelta | None:  # type: ignore[override]
        """How long until the next fire after the last; None when there is none any more."""
        following = self.following(last_run_at)
        return None if following is None else following - self.now()

    def is_due(self, last_run_at: datetime) -> schedstate:
        """Whether a fire lies between the last one and now."""
        remaining = self.remaining_estimate(last_run_at)
        if remaining is None:
            return schedstate(is_due=False, next=float("inf"))
        return schedstate(is_due=remaining <= timedelta(), next=max(remaining.total_seconds(), 0.0))


class ScheduleEncoder(RedBeatJSONEncoder):  # type: ignore[misc]
    """RedBeat's encoder, which also knows our schedule."""

    def default(self, obj: Any) -> Any:
        if isinstance(obj, TriggerSchedule):
            return {"__type__": _TYPE, "spec": obj.spec}
        return super().default(obj)


class ScheduleDecoder(RedBeatJSONDecoder):  # type: ignore[misc]
    """RedBeat's decoder, which also knows our schedule."""

    def dict_to_object(self, d: dict[str, Any]) -> Any:
        if d.get("__type__") == _TYPE:
            return TriggerSchedule(d["spec"])
        return super().dict_to_object(d)


class ScheduleEntry(RedBeatSchedulerEntry):  # type: ignore[misc]
    """An entry whose `last_run_at` is the last decided nominal time."""

    @classmethod
    def of(cls, app: Celery, job: str, schedule_id: str, trigger: TriggerSchedule, cursor: datetime) -> ScheduleEntry:
        """The entry of a job's schedule, decided up to `cursor`."""
        entry: ScheduleEntry = cls(
            name=entry_name(job, schedule_id), task=RUN_TASK, schedule=trigger, args=[], kwargs={}, app=app
        )
        entry.last_run_at = cursor
        return entry

    @property
    def score(self) -> float:
        """When it is due, as RedBeat's sorted set holds it."""
        return score_of(self.schedule, self.last_run_at)

    def fields(self) -> dict[str, str]:
        """The hash that RedBeat keeps of an entry."""
        return {"definition": definition_of(self.name, self.schedule), "meta": meta_of(self.last_run_at)}


def definition_of(name: str, schedule: TriggerSchedule) -> str:
    """The part of an entry that stays as it is."""
    definition = {
        "name": name,
        "task": RUN_TASK,
        "args": [],
        "kwargs": {},
        "options": {},
        "schedule": {"__type__": _TYPE, "spec": schedule.spec},
        "enabled": True,
    }
    return json.dumps(definition)


@lru_cache(maxsize=1000)
def meta_of(cursor: datetime) -> str:
    """The part that moves. Entries of one rule share it, and there may be very many of them."""
    return json.dumps({"last_run_at": cursor}, cls=ScheduleEncoder)


def score_of(schedule: TriggerSchedule, cursor: datetime) -> float:
    """When an entry that is decided up to the cursor is due, as RedBeat's sorted set holds it.

    Seconds since 1970; below zero is never.
    """
    following = schedule.following(cursor)
    return NEVER if following is None else following.timestamp()


def entry_name(job: str, schedule_id: str) -> str:
    """`job/schedule`; neither may have a slash."""
    return f"{job}/{schedule_id}"

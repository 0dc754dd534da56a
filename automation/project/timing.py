"""What a schedule's keys say beside its rule: what may be late or lost, and how its fires are moved.

Owns: ranges and defaults of `catchup` and its kin, `start_deadline`, `jitter`, and the calendars that a schedule names.
Never: decides when something runs; says what a calendar holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from automation.errors import Problem
from automation.project.keys import PLANNING, TIMING
from automation.project.model import Timing
from automation.project.values import Reader, Table, span_problem
from automation.text import nearest, parse_duration, printable
from automation.triggers.calendar import Calendar
from automation.triggers.planning import JITTER_MODES, ON_BLACKOUT, Planning

CATCHUPS = ("skip", "latest", "all")
CATCHUP_MAX = 1000
NO_DEADLINE = "none"
_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)
_BESIDE_DELAY = ("catchup", "catchup_window", "catchup_max", "misfire_grace")
#: Rules whose fires no jitter moves, and why.
UNMOVED = {
    "at": "beside at, which names each instant",
    "fixed_delay": "beside fixed_delay: it counts from the end of the run before, which differs each time",
}


@dataclass(frozen=True)
class NamedCalendar:
    """A calendar of the project, or why there is none under its name.

    Parameters
    ----------
    problem: what is wrong with it; whoever uses it has this problem too.
    """

    calendar: Calendar | None = None
    problem: Problem | None = None


Calendars = Mapping[str, NamedCalendar]


def read_timing(reader: Reader) -> Timing:
    """The keys that say what becomes of fires that cannot run in time."""
    known = Timing()
    if reader.lacks(TIMING):
        return known
    return Timing(
        catchup=reader.choice("catchup", known.catchup, CATCHUPS),
        catchup_window=reader.span("catchup_window", known.catchup_window, _SECOND, 366 * _DAY),
        catchup_max=reader.whole("catchup_max", known.catchup_max, 1, CATCHUP_MAX),
        misfire_grace=reader.span("misfire_grace", known.misfire_grace, timedelta(0), 7 * _DAY),
        start_deadline=read_deadline(reader, "start_deadline"),
    )


def read_planning(reader: Reader, seed: str, calendars: Calendars, kind: str = "") -> Planning:
    """The keys that move a schedule's fires or keep them from running.

    Parameters
    ----------
    seed: of the jitter: job and schedule.
    kind: of the rule; those of `UNMOVED` do not take the jitter that they inherit.
    calendars: those of the project, by name.
    """
    known = Planning(seed)
    if reader.lacks(PLANNING):
        return known
    jitter = reader.span("jitter", known.jitter, timedelta(0), 7 * _DAY)
    return Planning(
        seed=seed,
        jitter=known.jitter if kind in UNMOVED else jitter,
        jitter_mode=reader.choice("jitter_mode", known.jitter_mode, JITTER_MODES),
        only_during=_calendars(reader, "only_during", calendars),
        not_during=_calendars(reader, "not_during", calendars),
        on_blackout=reader.choice("on_blackout", known.on_blackout, ON_BLACKOUT),
    )


def check_together(reader: Reader, table: Table, timing: Timing, kind: str = "", *, alone: bool = False) -> None:
    """Note the keys of a table that mean nothing beside others.

    Parameters
    ----------
    reader: what holds in the table, what it inherits included.
    kind: of the rule that stands in the table; "" for none.
    alone: the table is inherited from, so that only what stands in it counts.
    """
    if kind == "fixed_delay":
        for key in _BESIDE_DELAY:
            if key in table.values:
                _nothing(reader, table, key, "beside fixed_delay: it counts from the end of the run before, so that no fire is ever lost")  # fmt: skip
    elif not alone or "catchup" in table.values:
        if timing.catchup != "all":
            _nothing(reader, table, "catchup_max", f'with catchup = "{timing.catchup}"; it goes with catchup = "all"')
        if timing.catchup == "skip":
            _nothing(reader, table, "catchup_window", 'with catchup = "skip", which runs nothing that is older')
    if alone:
        return
    if kind in UNMOVED:
        _nothing(reader, table, "jitter", UNMOVED[kind])
        _nothing(reader, table, "jitter_mode", UNMOVED[kind])
    elif not reader.has("jitter"):
        _nothing(reader, table, "jitter_mode", "without jitter")
    if not (reader.has("only_during") or reader.has("not_during")):
        _nothing(reader, table, "on_blackout", "without only_during or not_during, which name calendars")


def _nothing(reader: Reader, table: Table, key: str, why: str) -> None:
    if key in table.values:
        reader.notes.at(table, [key], f"means nothing {why}; remove it", on_key=True)


def read_deadline(reader: Reader, key: str) -> timedelta | None:
    """A duration, or `none` for no limit, which is the default."""
    text = reader.text(key, NO_DEADLINE, _deadline_problem, f'a duration, such as "15m", or "{NO_DEADLINE}"')
    return None if text == NO_DEADLINE else parse_duration(text)


def _deadline_problem(text: str) -> str | None:
    problem = None if text == NO_DEADLINE else span_problem(text, _SECOND, 30 * _DAY)
    return f'{problem}, or "{NO_DEADLINE}"' if problem else None


def _calendars(reader: Reader, key: str, known: Calendars) -> tuple[Calendar, ...]:
    names = reader.words(key, lambda name: _calendar_problem(name, known))
    found = [known[name] for name in dict.fromkeys(names)]
    for one in found:
        if one.problem is not None:
            reader.notes.block(one.problem)
    return tuple(one.calendar for one in found if one.calendar is not None)


def _calendar_problem(name: str, known: Calendars) -> str | None:
    if name in known:
        return None
    shown, meant = printable(name, 60), nearest(name, known)
    there = f"did you mean '{meant}'?" if meant else f"write one: [calendars.{shown}]"
    return f"there is no calendar '{shown}'; {there}"

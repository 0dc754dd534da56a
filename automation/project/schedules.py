"""From the tables of a schedule file to the schedules of a job.

Owns: the short form (`cron = …` at the job) and the list `[[jobs.NAME.schedules]]`.
Never: knows what a rule means; `parse_trigger` does.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from automation.project.instants import read_at, read_instant
from automation.project.keys import JOB, SCHEDULE
from automation.project.model import Schedule
from automation.project.policies import name_problem
from automation.project.timing import Calendars, check_together, read_planning, read_timing
from automation.project.values import Notes, Reader, Table, shown
from automation.triggers.base import Trigger, TriggerInvalid
from automation.triggers.cronfields import DAY_MATCHES, SECONDS, either_day, parts_of
from automation.triggers.parse import INSTANTS, KINDS, OPTIONS, option_problem, parse_trigger
from automation.triggers.spread import resolve
from automation.triggers.wallclock import load_zone, zone_warning
from automation.triggers.wallrule import GAPS, OVERLAPS

ONLY_SCHEDULE = "main"
MOST = 100
MAX_FIRES = 1_000_000
_START = "start"
_WANTED = {
    "cron": "a string; several rules are several [[jobs.NAME.schedules]]",
    "every": 'a duration, such as "90s"',
    "fixed_delay": 'a duration, such as "90s"',
}
_EMPTY = 'is empty; write a rule such as cron = "0 7 * * mon" or every = "15m", or remove the key'
_CHOICES = {"seconds": SECONDS, "day_match": DAY_MATCHES, "dst_gap": GAPS, "dst_overlap": OVERLAPS}
_OPTIONS = tuple(dict.fromkeys([*(key for keys in OPTIONS.values() for key in keys), *INSTANTS]))


@dataclass(frozen=True)
class _Place:
    """Where a schedule stands.

    Parameters
    ----------
    listed: in `[[jobs.NAME.schedules]]`, and not at the job itself.
    """

    reader: Reader
    table: Table
    job: str
    schedule_id: str
    calendars: Calendars
    listed: bool

    @property
    def own(self) -> Reader:
        """A reader of this table alone."""
        return Reader([self.table], self.reader.notes, self.reader.secrets)


def read_schedules(reader: Reader, job: Table, calendars: Calendars) -> tuple[Schedule, ...]:
    """When the job fires: one schedule, several, or none for a job that is only run by hand.

    Parameters
    ----------
    reader: of the job and what stands behind it, where a schedule's zone and policies may stand.
    calendars: those of the project.
    """
    name = str(job.path[-1])
    if "schedules" not in job.values:
        return tuple(_read(_Place(reader, job, name, ONLY_SCHEDULE, calendars, listed=False)))
    short = [key for key in (*KINDS, *_OPTIONS, "max_fires") if key in job.values]
    for key in short:
        message = f"a job has '{key}' or a list of schedules, not both; move it into one of [[jobs.{name}.schedules]]"
        reader.notes.at(job, [key], message, on_key=True)
    check_together(reader, job, read_timing(reader), alone=True)
    found = [] if short else _tables(reader, job, name)
    schedules: dict[str, Schedule] = {}
    for table in found:
        schedule_id = _read_id(Reader([table], reader.notes, reader.secrets), table, set(schedules))
        inner = Reader([table, *reader.layers], reader.notes, reader.secrets)
        inner.known_keys(table, SCHEDULE, hint=lambda key: "it belongs to the job" if key in JOB else None)
        for schedule in _read(_Place(inner, table, name, schedule_id or "?", calendars, listed=True)):
            schedules[schedule_id.casefold()] = schedule
    _check_replaced(reader.notes, found, schedules)
    return tuple(schedules.values())


def read_timezone(reader: Reader) -> str:
    """The zone's name; an abbreviation is accepted with a warning."""
    name = reader.text("timezone", "UTC", check=_zone_problem)
    warning = zone_warning(name)
    for table in reader.layers:
        if warning and "timezone" in table.values:
            reader.notes.at(table, ["timezone"], warning, severity="warning")
            break
    return name


def _tables(reader: Reader, job: Table, name: str) -> list[Table]:
    value = job.values["schedules"]
    if not isinstance(value, list) or not value:
        reader.refuse(job, "schedules", f"write tables: [[jobs.{name}.schedules]]")
        return []
    if len(value) > MOST:
        reader.notes.at(job, ["schedules"], f"has {len(value)} schedules; write at most {MOST}")
        return []
    tables = []
    for number, inner in enumerate(value):
        if isinstance(inner, dict):
            tables.append(Table(job.source, (*job.path, "schedules", number), inner))
        else:
            reader.notes.at(
                job, ["schedules", number], f"found {shown(inner)}; write a table: [[jobs.{name}.schedules]]"
            )
    return tables


def _read_id(own: Reader, table: Table, taken: set[str]) -> str:
    if not own.has("id"):
        own.notes.at(
            table, [], "missing 'id'; write id = \"morning\": a name that stays, as it is part of each occurrence"
        )
        return ""
    found = own.text("id", "", check=name_problem)
    if found.casefold() == _START:
        own.notes.at(table, ["id"], f"'{found}' is the id of the runs of run_on_start; write another one")
        return ""
    if found.casefold() in taken:
        own.notes.at(table, ["id"], f"the id '{found}' is taken by another schedule of this job; write another one")
        return ""
    return found


def _check_replaced(notes: Notes, tables: list[Table], schedules: dict[str, Schedule]) -> None:
    """Note an earlier id that a schedule still has, or that two schedules claim."""
    claimed: set[str] = set()
    for table in tables:
        old = table.values.get("replaces")
        if not isinstance(old, str):
            continue
        if old.casefold() in schedules:
            notes.at(
                table, ["replaces"], f"'{old}' is still the id of a schedule of this job; write an id that is gone"
            )
        elif old.casefold() in claimed:
            notes.at(table, ["replaces"], f"another schedule of this job replaces '{old}' already; remove one")
        claimed.add(old.casefold())


def _read(place: _Place) -> list[Schedule]:
    """The schedule that the table declares; none after noting what is wrong with it."""
    own, notes, table = place.own, place.reader.notes, place.table
    timezone = read_timezone(place.reader)
    named = [kind for kind in KINDS if own.has(kind)]
    if len(named) > 1:
        whose = "schedule" if place.listed else "job"
        message = f"a {whose} has one of {' and '.join(named)}, not both; remove one"
        notes.at(table, [named[-1]], message, on_key=True)
    elif not named and place.listed:
        notes.at(
            table, [], f'missing when it fires; write exactly one of {", ".join(KINDS)}, such as cron = "0 7 * * mon"'
        )
    rules = {kind: _rule(own, table, kind, timezone) for kind in named}
    before = len(notes)
    kind = named[0] if len(named) == 1 else ""
    options = _read_options(own, table, kind, timezone)
    made = _beside(place, kind)
    if not kind or not rules[kind] or len(notes) > before:
        return []
    return _make(place, {kind: rules[kind], **_zone(kind, timezone), **options}, made | {"timezone": timezone})


def _rule(own: Reader, table: Table, kind: str, timezone: str) -> str | list[str]:
    if kind == "at":
        return read_at(own, table, timezone)
    return own.text(kind, "", check=lambda text: None if text.strip() else _EMPTY, wanted=_WANTED.get(kind, "a string"))


def _beside(place: _Place, kind: str) -> dict[str, Any]:
    """What a schedule's table says beside its rule."""
    reader, own = place.reader, place.own
    timing = read_timing(reader)
    check_together(reader, place.table, timing, kind)
    if own.has("max_fires") and not kind:
        own.notes.at(place.table, ["max_fires"], "there is no rule that it could belong to", on_key=True)
    return {
        "timing": timing,
        "planning": read_planning(reader, f"{place.job}/{place.schedule_id}", place.calendars, kind),
        "max_fires": own.whole("max_fires", 0, 1, MAX_FIRES) or None,
        "replaces": (own.text("replaces", "", check=name_problem) or None) if place.listed else None,
    }


def _make(place: _Place, spec: dict[str, Any], beside: dict[str, Any]) -> list[Schedule]:
    notes, table = place.reader.notes, place.table
    kind = next(kind for kind in KINDS if kind in spec)
    try:
        if kind == "cron":
            spec["cron"] = resolve(spec["cron"], f"{place.job}/{place.schedule_id}", spec.get("seconds"))
        trigger = _trigger(spec)
    except TriggerInvalid as error:
        key = error.key if error.key in table.values else kind
        notes.at(table, [key], str(error))
        return []
    if kind == "cron" and "day_match" not in spec:
        warning = either_day(parts_of(spec["cron"], spec.get("seconds")))
        if warning:
            notes.at(table, ["cron"], warning, severity="warning")
    line, column = table.source.positions.locate((*table.path, kind))
    return [Schedule(id=place.schedule_id, trigger=trigger, spec=spec, line=line, column=column, **beside)]


def _trigger(spec: dict[str, Any]) -> Trigger:
    """The trigger of the specification; of equal ones, of which large projects have many, the same."""
    if any(isinstance(value, list) for value in spec.values()):
        return parse_trigger(spec)
    return _shared(tuple(spec.items()))


@lru_cache(maxsize=5000)
def _shared(spec: tuple[tuple[str, str], ...]) -> Trigger:
    return parse_trigger(dict(spec))


def _zone(kind: str, timezone: str) -> dict[str, str]:
    return {} if kind in ("every", "fixed_delay") else {"timezone": timezone}


def _read_options(own: Reader, table: Table, kind: str, timezone: str) -> dict[str, str]:
    """The keys beside the rule, as the specification holds them: words, and instants in UTC."""
    options: dict[str, str] = {}
    for key in _OPTIONS:
        if not own.has(key):
            continue
        problem = option_problem(key, kind) if kind else None
        if problem:
            own.notes.at(table, [key], problem, on_key=True)
        elif not any(own.has(one) for one in KINDS):
            own.notes.at(
                table, [key], f"there is no rule that it could belong to; write one of {', '.join(KINDS)}", on_key=True
            )
        elif key in _CHOICES:
            options[key] = own.choice(key, "", _CHOICES[key])
        else:
            moment = read_instant(own, table, key, timezone)
            if moment is not None:
                options[key] = moment.isoformat()
    return {key: value for key, value in options.items() if value}


def _zone_problem(name: str) -> str | None:
    try:
        load_zone(name)
    except TriggerInvalid as error:
        return str(error)
    return None

"""What counts for a job in the end, value by value, each with the place that it comes from.

Owns: the order of these values, and finding the table that had the word.
Never: knows a default; the job has it already.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from automation.ledger.alarm import Alerts
from automation.ledger.limit import Rate
from automation.project.jobs import Declared
from automation.project.load import load_declared
from automation.project.model import Job, Schedule
from automation.project.timing import UNMOVED
from automation.project.values import Table, dotted
from automation.registry import Registry
from automation.triggers.calendar import Calendar

#: Where a field of the model has another name than its key.
_KEYS = {"mode": "overlap", "key": "overlap_key"}
_OF_JOB = (
    "name", "schedules", "path", "line", "problem", "params", "retry", "overlap", "unique", "limiting", "limits", "after",
    "lineage", "breaker", "alerts",
)  # fmt: skip
_OF_SCHEDULE = ("id", "trigger", "spec", "line", "column", "timing", "planning")


@dataclass(frozen=True)
class Effective:
    """One value that counts.

    Parameters
    ----------
    key: the path inside the job: `timeout`, `retry.first`, `schedules.main.jitter`, `params.start`.
    path, line: where it stands; None where nothing says it, so that it is the default.
    table: the table that it stands in, where that is not the job's own: `defaults`, `tags.shop`.
    """

    key: str
    value: Any
    path: Path | None = None
    line: int | None = None
    table: str = ""

    @property
    def origin(self) -> str:
        """The place in words: `schedules/shop.toml:12`, `automation.toml:3 [defaults]`, `default`."""
        if self.path is None:
            return "default"
        return f"{self.path}:{self.line}" + (f" [{self.table}]" if self.table else "")


def effective(root: Path, registry: Registry, environ: Mapping[str, str], name: str) -> tuple[Job, list[Effective]]:
    """The job and every value of it, the schedules' after its own, the parameters as declared at the end.

    What came from a secret is masked. Raises UnknownName, with the nearest name, where there is no such job.
    """
    project, declared = load_declared(root, registry, environ, name)
    mask = declared.reader.secrets.redactor.mask
    return project.job(name), [
        _found(key, mask(value) if isinstance(value, str) else value, tables, declared)
        for key, value, tables in (*_of_job(declared), *_of_schedules(declared), *_of_params(declared))
    ]


_Row = tuple[tuple[str, ...], Any, Sequence[Table]]


def _of_job(declared: Declared) -> Iterator[_Row]:
    job, layers = declared.job, declared.reader.layers
    for key, value in _fields(job, without=_OF_JOB):
        yield (key,), value, layers
    for key, value in _fields(job.overlap):
        yield (key,), job.name if key == "overlap_key" and value is None else value, layers
    for key, value in (*_fields(job.unique), *_fields(job.limiting), *_fields(job.after)):
        yield (key,), value, layers
    breaker = [inner for table in layers if (inner := table.child("breaker"))]
    for one in fields(job.breaker):
        yield ("breaker", one.name), getattr(job.breaker, one.name), breaker
    alerts = [inner for table in layers if (inner := table.child("alerts"))]
    told = job.alerts or Alerts()
    yield ("alerts", "channels"), tuple(target.address for target in told.targets), alerts
    for key, value in _fields(told, without=("targets",)):
        yield ("alerts", key), value, alerts
    retry = [inner for table in layers if (inner := table.child("retry"))]
    for key, value in _fields(job.retry):
        yield ("retry", key), value, retry


def _of_schedules(declared: Declared) -> Iterator[_Row]:
    for schedule in declared.job.schedules:
        own = _table_of(schedule, declared)
        layers = [*([own] if own else []), *declared.reader.layers]
        above = ("schedules", schedule.id)
        for key, value in schedule.spec.items():
            if key != "timezone":
                yield (*above, key), value, layers[:1]
        for key, value in _fields(schedule, without=_OF_SCHEDULE):
            yield (*above, key), value, layers if key == "timezone" else layers[:1]
        unmoved = not UNMOVED.keys().isdisjoint(schedule.spec)
        for policy in (schedule.timing, schedule.planning):
            for key, value in _fields(policy, without=("seed",)):
                # A jitter that such a rule would inherit does not count for it.
                yield (*above, key), value, layers[:1] if key == "jitter" and unmoved else layers


def _of_params(declared: Declared) -> Iterator[_Row]:
    params = declared.reader.layers[0].child("params")
    for key, value in declared.job.params.items():
        yield ("params", key), value, [params] if params else []


def _table_of(schedule: Schedule, declared: Declared) -> Table | None:
    """The schedule's table in the job's list, if it has one."""
    job = declared.reader.layers[0]
    for number, inner in enumerate(job.values.get("schedules", ())):
        if inner.get("id") == schedule.id:
            return Table(job.source, (*job.path, "schedules", number), inner)
    return None


def _fields(policy: Any, without: Sequence[str] = ()) -> Iterator[tuple[str, Any]]:
    for one in fields(policy):
        if one.name not in without:
            yield _KEYS.get(one.name, one.name), _named(getattr(policy, one.name))


def _named(value: Any) -> Any:
    """Calendars as their names, a rate as it is written."""
    if isinstance(value, Rate):
        return str(value)
    is_several = isinstance(value, tuple) and value and isinstance(value[0], Calendar)
    return tuple(one.name for one in value) if is_several else value


def _found(key: tuple[str, ...], value: Any, tables: Sequence[Table], declared: Declared) -> Effective:
    """The value with the nearest of the tables that has its key."""
    holder = next((table for table in tables if key[-1] in table.values), None)
    if holder is None:
        return Effective(dotted(key), value)
    line, _ = holder.source.positions.locate((*holder.path, key[-1]))
    own = declared.reader.layers[0].path
    inside = holder.path[: len(own)] == own
    table = "" if inside else dotted(step for step in holder.path if step not in ("retry", "breaker", "alerts"))
    return Effective(dotted(key), value, holder.source.shown, line, table)

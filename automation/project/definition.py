"""What a job is, as JSON that can be kept and compared: its definition.

Owns: which parts of a job decide what runs, when and how; two jobs with equal definitions behave alike.
Never: says where the job stands in a file; resolves a reference.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import fields
from datetime import timedelta
from functools import lru_cache
from typing import Any, cast

from automation.project.after import After
from automation.project.model import BreakerPolicy, Job, Overlap, Schedule, Timing, Uniqueness
from automation.triggers.calendar import Calendar
from automation.triggers.planning import Planning


def definition(job: Job) -> dict[str, Any]:
    """The job in JSON's types: always the same keys, durations in seconds, references unresolved.

    `problem` is whether the job may not run, not why: words may change where the job does not.
    """
    return {
        "plugin": job.plugin,
        "params": job.params,
        "schedules": {schedule.id: _schedule(schedule) for schedule in job.schedules},
        "enabled": job.enabled,
        "problem": job.problem is not None,
        "run_on_start": job.run_on_start,
        "queue": job.queue,
        "priority": job.priority,
        "timeout": job.timeout.total_seconds(),
        "kill_after": job.kill_after.total_seconds(),
        "max_memory": job.max_memory,
        "retry": job.retry.to_json(),
        "tags": list(job.tags),
        "description": job.description,
        "overlap": _values(job.overlap),
        "unique": _values(job.unique),
        "breaker": _values(job.breaker),
        "alerts": job.alerts and job.alerts.to_json(),
        "limits": [{**one.limit.to_json(), "key": one.key} for one in job.limits],
        "unite": job.unite,
        **_values(job.after),
        "pause_after_failures": job.pause_after_failures,
    }


class Definitions(Mapping[str, dict[str, Any]]):
    """The definitions of these jobs by name, each made when it is asked for: all at once take more room than the jobs."""

    def __init__(self, jobs: Mapping[str, Job]) -> None:
        self._jobs = jobs

    def __getitem__(self, name: str) -> dict[str, Any]:
        return definition(self._jobs[name])

    def __contains__(self, name: object) -> bool:
        return name in self._jobs

    def __iter__(self) -> Iterator[str]:
        return iter(self._jobs)

    def __len__(self) -> int:
        return len(self._jobs)


def _schedule(schedule: Schedule) -> dict[str, Any]:
    return {
        "timezone": schedule.timezone,
        "spec": schedule.spec,
        "timing": _values(schedule.timing),
        "planning": _values(schedule.planning),
        "max_fires": schedule.max_fires,
    }


def _values(policy: Timing | Overlap | Uniqueness | BreakerPolicy | Planning | After) -> dict[str, Any]:
    """Every field of a policy, so that one added to it is part of the definition without a word here."""
    return {name: _plain(getattr(policy, name)) for name in _names(cast("Hashable", type(policy)))}


@lru_cache
def _names(policy: Hashable) -> tuple[str, ...]:
    return tuple(one.name for one in fields(cast("type[Timing]", policy)))


def _plain(value: Any) -> Any:
    if isinstance(value, Calendar):
        return {"name": value.name, "entries": value.describe(), "table": value.table, "digest": value.digest}
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return value.total_seconds() if isinstance(value, timedelta) else value

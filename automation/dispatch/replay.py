"""What would happen to a dead run that is brought back.

Owns: that, in sentences.
Never: brings it back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from automation.ledger.rows import RunRow
from automation.ledger.states import Kind, State
from automation.services import Services
from automation.text import instant, nearest, printable

#: Runs of these kinds have the parameters of their job, and none of their own.
_OF_THE_JOB = (Kind.SCHEDULED, Kind.CATCHUP, Kind.BACKFILL)
_TICK = timedelta(microseconds=1)


@dataclass(frozen=True)
class Replay:
    """What bringing a run back would do.

    Parameters
    ----------
    attempt, max_attempts: the number of the next attempt, and of the last that its policy then allows.
    notes: what somebody should know before, one sentence each.
    """

    run: RunRow
    attempt: int
    max_attempts: int
    notes: tuple[str, ...]

    @property
    def command(self) -> str:
        """What brings the run back."""
        return f"automation dead retry {self.run.id}"

    @property
    def what(self) -> str:
        """The next attempt in words."""
        params = "the params that it was recorded with"
        return f"attempt {self.attempt} of {self.max_attempts}, for {instant(self.run.nominal_time)}, with {params}"

    def as_json(self) -> dict[str, Any]:
        """The stable form."""
        return {
            "command": self.command,
            "attempt": self.attempt,
            "max_attempts": self.max_attempts,
            "notes": list(self.notes),
        }


def replay_of(services: Services, run: RunRow) -> Replay:
    """What bringing this dead run back would do."""
    allowed = int(run.spec.get("retry", {}).get("max_attempts", 1))
    notes = (*_of_project(services, run), *_of_ledger(services, run))
    return Replay(run, run.attempt + 1, run.attempt + allowed, notes)


def _of_project(services: Services, run: RunRow) -> Iterator[str]:
    """What has changed in the files since."""
    plugins = services.registry.plugins
    if run.plugin not in plugins:
        meant = nearest(run.plugin, plugins)
        hint = f"; there is '{meant}'" if meant else ""
        yield f"This project has no plugin '{run.plugin}'{hint}: the attempt would fail at once."
    job = services.project.jobs.get(run.job)
    if job is None:
        yield f"No file declares job '{run.job}' any more; the run needs none."
        return
    changed = _changed(run.spec.get("params", {}), job.params) if run.kind in _OF_THE_JOB else []
    if changed:
        names = ", ".join(printable(name, 60) for name in changed)
        yield f"The job's params have changed since: {names}. `automation run {job.name}` takes the new ones."


def _of_ledger(services: Services, run: RunRow) -> Iterator[str]:
    """Who has done the same since, and who is in the way."""
    queries, places = services.ledger.queries, services.ledger.occurrences
    if run.schedule:
        same = queries.of_schedule(run.job, run.schedule, run.nominal_time, run.nominal_time + _TICK)
        for other in same:
            if other.id != run.id and other.state == State.SUCCEEDED:
                yield f"Run {other.id} ({other.kind}) has done the same since, for the same time."
    key = run.overlap_key or run.job
    held = [one for one in places.open_runs([key]).get(key, ()) if not one.waits]
    if run.max_running is not None and len(held) >= run.max_running:
        yield f"It would wait for its place: run {held[0].id} of job '{held[0].job}' is {held[0].state}."


def _changed(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    return sorted(name for name in {*before, *now} if before.get(name) != now.get(name))

"""What an explanation is made of: facts about a job, about one of its fires, and the steps that tell them.

Owns: those shapes.
Never: gathers a fact; says a sentence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from automation.ledger.breakers import BreakerRow
from automation.ledger.flow_queries import Beside
from automation.ledger.gates import Standing
from automation.ledger.rows import AttemptRow, OpenRun, PauseRow, ProcessRow, RunRow
from automation.ledger.standing import Recorded, ScheduleState
from automation.project.model import Job, Schedule
from automation.text import instant


@dataclass(frozen=True)
class Step:
    """One sentence of an explanation.

    Parameters
    ----------
    fact: what it is about, in a word that does not change: `answer`, `rule`, `decision`, `attempt` …
    at: when that was, or will be.
    stops: with this alone the fire does not run.
    run: the run that it is about.
    """

    fact: str
    text: str
    at: datetime | None = None
    stops: bool = False
    run: str | None = None

    def as_json(self) -> dict[str, object]:
        """All fields, the instant in ISO 8601 UTC."""
        at = instant(self.at) if self.at else None
        return {"at": at, "fact": self.fact, "text": self.text, "stops": self.stops, "run": self.run}


@dataclass(frozen=True)
class JobFacts:
    """What is known of a job now, from the files and from the ledger.

    Parameters
    ----------
    job: as the files declare it; None when they do not.
    ledger: whether there is one to ask.
    revision: of the active configuration; 0 before the first.
    unread: files that cannot be read and may declare it.
    declared: whether the active configuration has the job.
    differs: the keys in which the files differ from it.
    states: its active schedules, by id.
    fires: how many runs each has had.
    forgotten: up to when what became of a schedule's fires may be no longer kept, by its id.
    open_runs: those of its overlap key, the oldest first.
    processes: those that have reported within the last seconds.
    breaker: that of its runs, where it is not closed.
    ahead: open runs of jobs before it, in flows in which it has no run yet, the oldest first.
    """

    now: datetime
    name: str
    job: Job | None
    unread: tuple[str, ...] = ()
    ledger: bool = False
    revision: int = 0
    activated_at: datetime | None = None
    declared: bool = False
    differs: tuple[str, ...] = ()
    states: Mapping[str, ScheduleState] = field(default_factory=dict)
    fires: Mapping[str, int] = field(default_factory=dict)
    forgotten: Mapping[str, datetime] = field(default_factory=dict)
    pauses: tuple[PauseRow, ...] = ()
    open_runs: tuple[OpenRun, ...] = ()
    processes: tuple[ProcessRow, ...] = ()
    breaker: BreakerRow | None = None
    ahead: tuple[RunRow, ...] = ()

    def alive(self, kind: str) -> tuple[ProcessRow, ...]:
        """The processes of this kind that have reported."""
        return tuple(process for process in self.processes if process.kind == kind)


@dataclass(frozen=True)
class FireFacts:
    """What is known of one fire, past or coming, or of one run that has no schedule.

    Parameters
    ----------
    schedule: its rule as the files have it; None when they have none of this id, or the run has none.
    asked: the moment that somebody asked about; None when they did not name one.
    before, after: the fires beside `asked`.
    others: the runs that reasons name.
    again: other runs for the same nominal time: those of backfills.
    rivals: the open runs of its run's overlap key, the oldest first.
    standing: where its run stands in the line before a limit.
    upstream, downstream: the steps of its flow just before and just behind its run.
    """

    nominal_time: datetime
    schedule_id: str | None = None
    schedule: Schedule | None = None
    asked: datetime | None = None
    before: datetime | None = None
    after: datetime | None = None
    recorded: Recorded | None = None
    run: RunRow | None = None
    attempts: tuple[AttemptRow, ...] = ()
    others: tuple[RunRow, ...] = ()
    again: tuple[RunRow, ...] = ()
    rivals: tuple[OpenRun, ...] = ()
    standing: Standing | None = None
    upstream: tuple[Beside, ...] = ()
    downstream: tuple[Beside, ...] = ()

    @property
    def planned_time(self) -> datetime:
        """When it was or is to start, as recorded, else by its rule."""
        if self.run is not None and self.run.planned_time is not None:
            return self.run.planned_time
        return self.schedule.planned(self.nominal_time).time if self.schedule else self.nominal_time

    @property
    def reason(self) -> str | None:
        """Why it ended as it did, or why it did not begin."""
        if self.run is not None and self.run.reason:
            return self.run.reason
        return self.recorded.reason if self.recorded else None

    def shown(self, moment: datetime) -> str:
        """An instant by the clocks of the schedule's zone, with their offset."""
        from zoneinfo import ZoneInfo

        zone = ZoneInfo(self.schedule.timezone if self.schedule else "UTC")
        return moment.astimezone(zone).isoformat(" ", "seconds")

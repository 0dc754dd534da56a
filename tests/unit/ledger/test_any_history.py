"""Whatever has happened, and whenever retention comes round: what is decided next is the same as without it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Any

import hypothesis.strategies as st
import pytest
import sqlalchemy as sa
from hypothesis import Phase, given, settings

from automation.clock import FrozenClock
from automation.dispatch.backfill import past_fires, select
from automation.dispatch.situation import Situation
from automation.ledger import floors, standing
from automation.ledger.ids import occurrence_id
from automation.ledger.keep import Keep
from automation.ledger.ledger import Ledger
from automation.ledger.occurrences import run_values
from automation.ledger.rows import NewRun
from automation.ledger.runs import Claimant, Verdict
from automation.ledger.schema import open_engine
from automation.ledger.states import Kind, Outcome, State
from automation.ledger.tables import artifacts, metadata, occurrences, runs, schedules, uniques
from automation.project.definition import definition
from automation.project.load import load_project
from automation.project.model import Job, Schedule
from automation.project.order import unique_key_of
from automation.registry import load_registry
from automation.scheduler.situations import Situations

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
DECIDED = {
    State.SUCCEEDED: 1,
    State.DEAD: 1,
    State.SKIPPED: 1,
    State.CANCELLED: 1,
    State.MISSED: 0,
    State.EXPIRED: 0,
    State.RETRYING: 1,
}
JOBS = """
[jobs.counted]
plugin = "shell"
every = "1h"
max_fires = 1000
pause_after_failures = 3
params.command = "true"

[jobs.delayed]
plugin = "shell"
fixed_delay = "1h"
params.command = "true"

[jobs.united]
plugin = "shell"
unite = true
schedules = [{ id = "often", every = "1h" }, { id = "seldom", every = "2h" }]
unique_key = "one"
unique_for = "60d"
params.command = "true"

[jobs.listed]
plugin = "shell"
at = [2026-01-01T03:00:00Z, 2026-01-02T03:00:00Z, 2027-01-01T00:00:00Z]
params.command = "true"
"""


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Job]]:
    """The jobs; and few runs are looked at where it are a hundred, so that small histories are long."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "schedules").mkdir()
    (folder / "schedules" / "a.toml").write_text(JOBS)
    with pytest.MonkeyPatch.context() as patch:
        for module in (floors, standing):
            patch.setattr(module, "NEWEST_LOOKED_AT", 5)
        yield dict(load_project(folder, load_registry(folder), {}).jobs)


EVENTS = st.lists(
    st.fixed_dictionaries(
        {
            "job": st.sampled_from(["counted", "counted", "delayed", "united", "listed"]),
            "schedule": st.integers(0, 1),
            "kind": st.sampled_from([Kind.SCHEDULED, Kind.SCHEDULED, Kind.MANUAL, Kind.BACKFILL]),
            "after": st.integers(1, 100),
            "takes": st.integers(0, 300),
            "state": st.sampled_from(list(DECIDED)),
            "attempt": st.integers(0, 1),
            "held": st.integers(0, 100),
            "left": st.booleans(),
        }
    ),
    min_size=5,
    max_size=30,
)


def ahead(situation: Situation | None) -> Situation | None:
    """Without what lies before every schedule of the job: no decision looks back so far."""
    if situation is None:
        return None
    begin = min([situation.cursor, *(other.cursor for other in situation.others.values())])

    def later(times: frozenset[datetime]) -> frozenset[datetime]:
        return frozenset(time for time in times if time > begin)

    others = {name: replace(other, decided=later(other.decided)) for name, other in situation.others.items()}
    return replace(situation, recorded=later(situation.recorded), others=others)


class History:
    """A ledger in which all this has happened."""

    def __init__(self, jobs: dict[str, Job], events: list[dict[str, Any]], now: datetime) -> None:
        engine = open_engine("sqlite:///:memory:")
        metadata.create_all(engine)
        self.jobs, self.clock = jobs, FrozenClock(BEGIN)
        self.ledger = Ledger(engine, self.clock)
        specs = {(job.name, one.id): one.spec for job in jobs.values() for one in job.schedules}
        definitions = {job.name: definition(job) for job in jobs.values()}
        self.ledger.occurrences.activate("1", specs, "s1", definitions=definitions)
        hours = list(accumulate(event["after"] for event in events))
        with engine.begin() as connection:
            for number, (event, at) in enumerate(zip(events, hours, strict=True)):
                self._add(connection, number, event, BEGIN + HOUR * at, now)
            connection.execute(schedules.update().values(cursor=BEGIN + HOUR * hours[-1]))
            # One that cannot be decided for a while looks at what the others of its job decided meanwhile.
            behind = schedules.update().where(schedules.c.schedule == "seldom")
            connection.execute(behind.values(cursor=BEGIN + HOUR * hours[len(hours) // 2]))
        self.clock.advance(seconds=(now - BEGIN).total_seconds())

    def _add(self, connection: sa.Connection, number: int, event: dict[str, Any], at: datetime, now: datetime) -> None:
        job = self.jobs[event["job"]]
        schedule = job.schedules[min(event["schedule"], len(job.schedules) - 1)].id
        decided = event["kind"] is Kind.SCHEDULED
        nominal = at if event["kind"] is not Kind.BACKFILL else at - 50 * HOUR
        attempt = DECIDED[event["state"]] and event["attempt"]
        common = {"plugin": "shell", "max_attempts": 3, "queue": "default", "priority": 5, "spec": {}}
        run = NewRun(
            id=occurrence_id(job.name, schedule, at) if decided else f"{number:020}",
            job=job.name,
            kind=event["kind"],
            nominal_time=nominal,
            window_start=nominal,
            queued_at=at,
            due_at=at,
            schedule=schedule if event["kind"] is not Kind.MANUAL else None,
            overlap_key=job.name,
            max_running=1,
            state=event["state"],
            **common,
        )
        ended = at + HOUR * event["takes"] * attempt
        final = event["state"] is not State.RETRYING and ended <= now
        more = {"attempt": attempt, "finished_at": ended if final else None}
        more["state"] = event["state"] if final else State.RETRYING
        connection.execute(runs.insert().values(**{**run_values(run), **more}))
        if decided:
            first = State.QUEUED if attempt or not final else event["state"]
            row = {"job": job.name, "schedule": schedule, "nominal_time": at, "decision": first, "run_id": run.id}
            connection.execute(occurrences.insert().values(**row, decided_at=at, revision=1))
        if job.name == "united" and event["held"]:
            connection.execute(uniques.delete())
            held = {"job": job.name, "unique_key": "one", "run_id": run.id, "until": at + DAY * event["held"]}
            connection.execute(uniques.insert().values(**held))
        if event["left"]:
            file = {"name": "a", "path": "/a", "media_type": "text/csv", "size": 1, "sha256": "0", "created_at": at}
            connection.execute(artifacts.insert().values(run_id=run.id, job=job.name, attempt=1, **file))

    def change_the_list(self) -> None:
        """As an activation does: the cursor of instants that change goes back before the first."""
        with self.ledger.engine.begin() as connection:
            connection.execute(schedules.update().where(schedules.c.job == "listed").values(cursor=BEGIN))

    def prune(self, keep: Keep) -> None:
        for _ in self.ledger.sweep(keep, len).steps():
            pass

    def decided_next(self) -> dict[Any, Any]:
        """All that decisions know of the past."""
        due = [(job, schedule) for job in self.jobs.values() for schedule in job.schedules]
        situations = Situations(self.ledger, due)
        known: dict[Any, Any] = {(job.name, one.id): ahead(situations.of(job, one)) for job, one in due}
        known["holder"] = self.ledger.admission.holder("united", str(unique_key_of(self.jobs["united"], {})))
        known["newest"] = {name: self.ledger.memory.newest_artifacts(name) for name in self.jobs}
        known["open"] = self.ledger.queries.open()
        return known

    def paused_by_one_more_failure(self) -> bool:
        now = self.clock.now()
        run = NewRun(
            "z" * 20,
            "counted",
            "shell",
            Kind.SCHEDULED,
            now,
            now,
            now,
            now,
            1,
            "default",
            5,
            {"pause_after_failures": 3},
        )
        self.ledger.runs.add(run)
        self.ledger.runs.claim(run.id, Claimant("w1", 1), HOUR, lambda _run: HOUR)
        self.ledger.runs.finish(run.id, 1, Verdict(Outcome.FAILED, State.DEAD))
        return bool(self.ledger.pauses.current())

    def backfilled(self, job: Job, schedule: Schedule, now: datetime) -> set[datetime]:
        fires = past_fires(job, schedule, BEGIN, now, now)
        key = (job.name, schedule.id)
        recorded = {schedule.id: self.ledger.queries.of_schedule(*key, BEGIN, now)}
        gone = self.ledger.occurrences.forgotten([key])
        until = {schedule.id: gone[key]} if gone else {}
        return {fire.nominal_time for fire in select(fires, recorded, {}, "missing", forgotten=until) if fire.runs}


@settings(max_examples=12, phases=[Phase.generate])
@given(
    events=EVENTS,
    days=st.integers(1, 200),
    ages=st.tuples(*[st.integers(1, 60)] * 5),
    keep_last=st.integers(1, 6),
)
def test_nothing_is_decided_otherwise(jobs, events, days, ages, keep_last):
    """Situations, unique keys, attached files, streaks and backfills are the same; what was done is not done again."""
    now = BEGIN + HOUR * sum(event["after"] for event in events) + DAY * days
    kept, pruned = (History(jobs, events, now) for _ in range(2))
    pruned.prune(Keep(*(DAY * age for age in ages), DAY, keep_last))
    for one in (kept, pruned):
        one.change_the_list()
    assert pruned.decided_next() == kept.decided_next()
    counted = jobs["counted"]
    before, after = (one.backfilled(counted, counted.schedules[0], now) for one in (kept, pruned))
    gone = pruned.ledger.occurrences.forgotten([("counted", "main")]).get(("counted", "main"), BEGIN)
    assert after <= before
    assert {moment for moment in before if moment > gone} == {moment for moment in after if moment > gone}
    assert pruned.paused_by_one_more_failure() == kept.paused_by_one_more_failure()

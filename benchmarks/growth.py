"""What the same things cost as a ledger grows: claim and finish, the faces' questions, the leader's round, retention.

A ledger of `--rows` ended runs of a thousand jobs, over the last 91 days, each with its occurrence, its attempt and, in the
last 30 days, a line of log: what retention leaves of a project that makes so many runs in 90 days.

Owns: the questions, and how they are timed.
Never: touches another ledger than its own.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from history import FILES, ledger_of, project_of

from automation.clock import SystemClock
from automation.dispatch.evidence import gather
from automation.dispatch.rescue import rescue
from automation.ledger.dead import Wanted
from automation.ledger.extent import extent
from automation.ledger.ids import new_id
from automation.ledger.keep import Keep
from automation.ledger.ledger import Ledger
from automation.ledger.occurrences import Decided
from automation.ledger.rows import NewRun
from automation.ledger.runs import Claimant, Verdict
from automation.ledger.states import Kind, Outcome, State
from automation.ledger.tables import runs
from automation.project.order import run_of
from automation.scheduler.activate import activate
from automation.scheduler.situations import Situations
from automation.services import Services, build_services

TIMES = 20


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--postgresql", metavar="URL", help="a server on which a database may be made; default: SQLite")
    parser.add_argument("--sweep-seconds", type=float, default=60.0, help="no longer than this for the sweep")
    parser.add_argument("--explain", action="store_true", help="print each question's plan, too")
    parser.add_argument("--schedules", type=int, help="in place of rows: so many jobs in files, read and made active")
    wanted = parser.parse_args()
    if wanted.schedules:
        print(json.dumps(declared(wanted.schedules), indent=2))
        return
    began = time.perf_counter()
    with ledger_of(wanted.postgresql, wanted.rows) as ledger:
        figures: dict[str, Any] = {"rows": wanted.rows, "made in s": round(time.perf_counter() - began, 1)}
        figures |= asked(ledger, explain=wanted.explain)
        figures |= swept(ledger, wanted.sweep_seconds)
    print(json.dumps(figures, indent=2).replace("[\n    ", "[").replace(",\n    ", ", ").replace("\n  ]", "]"))


def declared(number: int) -> dict[str, Any]:
    """Seconds of processor for so many jobs: to read them, to make them active, to find that nothing has changed."""
    figures: dict[str, Any] = {"schedules": number}
    with tempfile.TemporaryDirectory(prefix="automation-growth-") as folder:
        root = Path(folder)
        (root / "schedules").mkdir()
        for first in range(0, number, 1000):
            jobs = range(first, min(first + 1000, number))
            (root / "schedules" / f"{first}.toml").write_text("".join(f"[jobs.job{n}]\n{FILES}\n" for n in jobs))
        services = build_services(root, environ={})
        services.upgraded_ledger()
        steps: tuple[tuple[str, Callable[[], Any]], ...] = (
            ("read", services.read_project),
            ("make active", lambda: activate(services, services.project, "growth")),
            ("make active, unchanged", lambda: activate(services, services.project, "growth")),
            ("state of a thousand", lambda: _thousand(services)),
        )
        for name, step in steps:
            busy = time.process_time()
            step()
            figures[f"{name}, s"] = round(time.process_time() - busy, 2)
        services.close()
    figures["most memory, MB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return figures


def _thousand(services: Services) -> None:
    some = list(services.project.jobs.values())[:1000]
    Situations(services.ledger, [(job, job.schedules[0]) for job in some])


def asked(ledger: Ledger, *, explain: bool) -> dict[str, Any]:
    """For each thing that is asked or done, its milliseconds as `timed` has them."""
    now = SystemClock().now()
    project = project_of(10)
    specs = {(job.name, one.id): one.spec for job in project.jobs.values() for one in job.schedules}
    revision = ledger.occurrences.activate("growth", specs, "growth")
    known = ledger.queries.runs(job="job1", limit=20)[-1].id
    queries = ledger.queries

    def decide() -> None:
        at = SystemClock().now()
        run = run_of(project.jobs["job2"], kind=Kind.SCHEDULED, nominal_time=at, now=at, schedule="main")
        ledger.occurrences.record([Decided("job2", "main", [run], at)], revision)

    things: dict[str, Callable[[], Any]] = {
        "add a run": lambda: added(ledger),
        "claim and finish": lambda: worked(ledger),
        "record a fire": decide,
        "round: rescue": lambda: rescue(ledger, "here", lambda _: True, now),
        "round: unpublished": ledger.leases.unpublished,
        "round: silent": lambda: ledger.leases.silent(timedelta(minutes=1)),
        "round: next due": ledger.leases.next_due,
        "state of a schedule": lambda: Situations(ledger, [(project.jobs["job2"], project.jobs["job2"].schedules[0])]),
        "runs": queries.runs,
        "runs --job": lambda: queries.runs(job="job1"),
        "runs --state dead": lambda: queries.runs(state="dead"),
        "runs --state succeeded": lambda: queries.runs(state="succeeded"),
        "runs --state missed (none)": lambda: queries.runs(state="missed"),
        "runs --since 1h": lambda: queries.runs(since=now - timedelta(hours=1)),
        "show, whole id": lambda: shown(ledger, known),
        "show, beginning of an id": lambda: queries.run(known[:10]),
        "why": lambda: gather(ledger, project, "job1", now, None, None),
        "dead list": lambda: ledger.dead.letters(Wanted(), 50),
        "latest files of a job": lambda: ledger.memory.newest_artifacts("job1"),
        "counts by state": queries.counts,
        "backfill, a day": lambda: queries.of_schedule(
            "job1", "main", now - timedelta(days=30), now - timedelta(days=29)
        ),
        "doctor: size": lambda: extent(ledger.engine, Keep(), now),
        "last end of a job": lambda: ledger.occurrences.last_ends(["job1"]),
        "fires of a schedule": lambda: ledger.occurrences.fires([("job1", "main")]),
    }
    figures = {}
    for name, thing in things.items():
        if explain:
            plans(ledger.engine, name, thing)
        figures[name] = timed(thing)
    return figures


def shown(ledger: Ledger, run_id: str) -> None:
    """What `automation show` asks."""
    ledger.queries.run(run_id)
    ledger.queries.attempts(run_id)
    ledger.queries.logs(run_id)
    ledger.queries.artifacts(run_id)
    ledger.outbox.list(run_id=run_id)


def added(ledger: Ledger) -> None:
    """A run that was asked for by hand."""
    now = SystemClock().now()
    spec: dict[str, Any] = {}
    run = NewRun(new_id(), "job3", "shell", Kind.MANUAL, now, now, now, now, 1, "default", 5, spec)
    ledger.runs.add(run)


def worked(ledger: Ledger) -> None:
    """One of those, claimed and ended."""
    with ledger.engine.connect() as connection:
        waiting = connection.execute(sa.select(runs.c.id).where(runs.c.state == State.QUEUED).limit(1)).scalar_one()
    run = ledger.runs.claim(waiting, Claimant("w1", 1), timedelta(seconds=20), lambda _: timedelta(minutes=1))
    assert run is not None
    assert ledger.runs.finish(run.id, run.attempt, Verdict(Outcome.SUCCEEDED, State.SUCCEEDED))


def timed(thing: Callable[[], Any]) -> tuple[float, float, float]:
    """Milliseconds: the median, the least, and of this process' processor the median; fewer times where it is slow."""
    taken: list[float] = []
    worked: list[float] = []
    until = time.perf_counter() + 5
    while len(taken) < TIMES and (len(taken) < 3 or time.perf_counter() < until):
        began, busy = time.perf_counter(), time.process_time()
        thing()
        worked.append((time.process_time() - busy) * 1000)
        taken.append((time.perf_counter() - began) * 1000)
    return round(statistics.median(taken), 2), round(min(taken), 2), round(statistics.median(worked), 2)


def plans(engine: sa.Engine, name: str, thing: Callable[[], Any]) -> None:
    """How the database goes about each statement."""
    seen: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool) -> None:
        if statement.lstrip().upper().startswith(("SELECT", "UPDATE", "DELETE", "WITH")) and not many:
            seen.append((statement, parameters))

    sa.event.listen(engine, "before_cursor_execute", note)
    thing()
    sa.event.remove(engine, "before_cursor_execute", note)
    how = "EXPLAIN QUERY PLAN " if engine.dialect.name == "sqlite" else "EXPLAIN "
    print(f"\n== {name}")
    with engine.connect() as connection:
        for statement, parameters in seen:
            print("--", " ".join(statement.split())[-160:])
            for row in connection.exec_driver_sql(how + statement, parameters):
                print("    ", row[-1])


def swept(ledger: Ledger, most: float) -> dict[str, Any]:
    """A sweep of retention: its steps, and how long all of it takes, or would take."""
    sweep = ledger.sweep(Keep(), len)
    steps: list[float] = []
    began = last = time.perf_counter()
    busy = time.process_time()
    ended = True
    for _ in sweep.steps():
        steps.append((time.perf_counter() - last) * 1000)
        last = time.perf_counter()
        if last - began > most:
            ended = False
            break
    steps.sort()
    return {
        "sweep, s": round(last - began, 1),
        "sweep, s of processor": round(time.process_time() - busy, 1),
        "sweep ended": ended,
        "runs that went": sweep.counts["runs"],
        "step, median and least ms": (round(statistics.median(steps), 2), round(steps[0], 2)),
        "step, 99 % ms": round(steps[int(len(steps) * 0.99)], 1),
        "step, longest ms": round(steps[-1], 1),
        "steps": len(steps),
        "size, MB": round(extent(ledger.engine, Keep(), SystemClock().now()).size / 1e6),
    }


if __name__ == "__main__":
    main()

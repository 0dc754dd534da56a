"""What the same things cost as a ledger grows: claim and finish, the faces' questions, the leader's round, retention.

A ledger of `--rows` ended runs of a thousand jobs, over the last 91 days, each with its occurrence, its attempt and, in the
last 30 days, a line of log: what retention leaves of a project that makes so many runs in 90 days.

Owns: a ledger of its own, in a folder or a database that is removed at the end.
Never: touches another one.
"""

from __future__ import annotations

import argparse
import json
import resource
import secrets
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.schema import CreateIndex

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
from automation.ledger.schema import open_engine, upgrade
from automation.ledger.states import Kind, Outcome, State
from automation.ledger.tables import metadata, runs
from automation.project.load import load_project
from automation.project.order import run_of
from automation.registry import load_registry
from automation.scheduler.activate import activate
from automation.scheduler.situations import Situations
from automation.services import Services, build_services

MOST_JOBS, DAYS = 1000, 91
TIMES = 20
FILES = 'plugin = "shell"\nevery = "1h"\nparams.command = "true"\n'
NUMBERS = (
    "WITH RECURSIVE n(i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM n WHERE i < {last}), "
    "m AS MATERIALIZED (SELECT i, {moment} AS t FROM n)"
)
#: How each database says the moment of a number: the runs are spread evenly, the first is the oldest.
MOMENT = {
    "sqlite": "strftime('%Y-%m-%d %H:%M:%f000', 'now', '-' || ({days} * 86400.0 * ({rows} - i) / {rows}) || ' seconds')",
    "postgresql": "now() - make_interval(secs => {days} * 86400.0 * ({rows} - i) / {rows})",
}
#: Ids are as random as real ones.
TEXT = {
    "sqlite": "printf('%08x%012d', i * 2654435761 % 4294967296, i)",
    "postgresql": "lpad(to_hex(i::bigint * 2654435761 % 4294967296), 8, '0') || lpad(i::text, 12, '0')",
}
KEYS = {"runs": "id", "attempts": "run_id, attempt", "occurrences": "job, schedule, nominal_time"}
JOB = {"sqlite": "'job' || (i % {jobs})", "postgresql": "'job' || (i % {jobs})"}
AT_ONCE = 1_000_000


@contextmanager
def ledger_of(url: str | None, rows: int) -> Iterator[Ledger]:
    """A ledger with so many runs."""
    with tempfile.TemporaryDirectory(prefix="automation-growth-") as folder:
        name = f"growth_{secrets.token_hex(4)}"
        path = None if url else Path(folder, "ledger.db")
        server = (
            sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"), isolation_level="AUTOCOMMIT")
            if url
            else None
        )
        if server is not None:
            with server.connect() as connection:
                connection.exec_driver_sql(f"CREATE DATABASE {name}")
        engine = open_engine(f"{url.rpartition('/')[0]}/{name}" if url else f"sqlite:///{path}")
        try:
            upgrade(engine)
            fill(engine, rows)
            yield Ledger(engine, SystemClock())
        finally:
            engine.dispose()
            if server is not None:
                with server.connect() as connection:
                    connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")


def fill(engine: sa.Engine, rows: int) -> None:
    """Make the rows, the indexes afterwards, which is faster."""
    dialect = engine.dialect.name
    moment = MOMENT[dialect].format(days=DAYS, rows=rows)
    job = JOB[dialect].format(jobs=min(MOST_JOBS, rows // 100))
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "schedules").mkdir()
        Path(folder, "schedules", "a.toml").write_text(f"[jobs.job0]\n{FILES}")
        example = load_project(Path(folder), load_registry(Path(folder)), {}).jobs["job0"]
    now = SystemClock().now()
    spec = json.dumps(dict(run_of(example, kind=Kind.SCHEDULED, nominal_time=now, now=now).spec)).replace("'", "''")
    young = f"i > {rows} * {DAYS - 30} / {DAYS}"
    state = f"CASE WHEN i % 100 = 0 AND {young} THEN 'dead' ELSE 'succeeded' END"
    columns = {
        "id": TEXT[dialect], "job": job, "plugin": "'shell'", "schedule": "'main'", "kind": "'scheduled'",
        "nominal_time": "t", "window_start": "t", "queued_at": "t", "due_at": "t", "started_at": "t",
        "finished_at": "t", "state": state, "attempt": "1", "spent": "1", "losses": "0", "max_attempts": "3",
        "queue": "'default'", "priority": "5", "spec": f"'{spec}'", "revision": "1", "worker": "'w1'", "pid": "1",
        "rings": "0", "overlap_key": job, "max_running": "1",
    }  # fmt: skip
    attempt = {
        "run_id": TEXT[dialect], "attempt": "1", "worker": "'w1'", "pid": "1", "started_at": "t", "finished_at": "t",
        "outcome": "'succeeded'",
    }  # fmt: skip
    decided = {
        "job": job, "schedule": "'main'", "nominal_time": "t", "decision": "'queued'", "decided_at": "t", "revision": "1",
        "run_id": TEXT[dialect],
    }  # fmt: skip
    line = {
        "run_id": TEXT[dialect],
        "attempt": "1",
        "at": "t",
        "level": "'info'",
        "message": "'a line of some length of a log'",
    }
    indexes = [
        index
        for table in metadata.sorted_tables
        for index in table.indexes
        if table.name in ("automation_runs", "automation_logs")
    ]
    with engine.begin() as connection:
        for index in indexes:
            index.drop(connection)
        for table in KEYS if dialect == "postgresql" else ():
            connection.exec_driver_sql(f"ALTER TABLE automation_{table} DROP CONSTRAINT pk_automation_{table}")
    statements = (
        f"INSERT INTO automation_{table} ({', '.join(values)}) {NUMBERS.format(moment=moment, first=first, last=min(first + AT_ONCE - 1, rows))} "
        f"SELECT {', '.join(values.values())} FROM m{where}"
        for first in range(1, rows + 1, AT_ONCE)
        for table, values, where in (
            ("runs", columns, ""),
            ("attempts", attempt, ""),
            ("occurrences", decided, ""),
            ("logs", line, f" WHERE {young}"),
        )
    )
    if dialect == "sqlite":
        engine.dispose()
        with closing(sqlite3.connect(engine.url.database or "", isolation_level=None)) as quick:
            for setting in (
                "journal_mode = OFF",
                "synchronous = OFF",
                "cache_size = -3000000",
                "locking_mode = EXCLUSIVE",
            ):
                quick.execute(f"PRAGMA {setting}")
            for statement in statements:
                quick.execute(statement)
            for index in indexes:
                quick.execute(str(CreateIndex(index).compile(dialect=engine.dialect)))
        return
    for statement in statements:
        with engine.begin() as connection:
            connection.exec_driver_sql(statement.replace("%", "%%"))
    with engine.begin() as connection:
        for table, key in KEYS.items():
            connection.exec_driver_sql(
                f"ALTER TABLE automation_{table} ADD CONSTRAINT pk_automation_{table} PRIMARY KEY ({key})"
            )
        for index in indexes:
            index.create(connection)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE")


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
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "schedules").mkdir()
        Path(folder, "schedules", "a.toml").write_text("".join(f"[jobs.job{n}]\n{FILES}" for n in range(10)))
        project = load_project(Path(folder), load_registry(Path(folder)), {})
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

"""Verdicts on what runs beside us: ledger, broker, scheduler, workers.

Owns: the questions to the ledger that only the doctor asks, and the sentences.
Never: connects to a broker; it is given what was found there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from automation.database import database_url, reading
from automation.errors import AutomationError
from automation.health.check import Check, fail, ok, warn
from automation.ledger.breakers import BreakerRow
from automation.ledger.extent import Extent
from automation.ledger.rows import ProcessRow
from automation.ledger.schema import require_current, unavailable, version
from automation.text import count, format_duration, size

#: A scheduler reports every five seconds.
_FRESH = timedelta(seconds=7)


def check_ledger(engine: sa.Engine) -> list[Check]:
    """Whether the ledger answers, has this program's schema, is whole, and can be written."""
    try:
        require_current(engine)
        _write_nothing(engine)
        checks = [ok("ledger", f"{engine.dialect.name}, schema {version(engine)}, writable")]
        if damage := _damage(engine):
            checks.append(
                fail("ledger integrity", f"{damage}; stop everything and restore a backup of the data folder")
            )
    except AutomationError as error:
        return [fail("ledger", str(error))]
    except SQLAlchemyError as error:
        return [fail("ledger", str(unavailable(engine, error)))]
    return checks


def database_now(engine: sa.Engine) -> datetime | None:
    """The time of a database server; None for SQLite, which has this machine's."""
    if engine.dialect.name == "sqlite":
        return None
    query = "SELECT CURRENT_TIMESTAMP" if engine.dialect.name == "postgresql" else "SELECT UTC_TIMESTAMP(6)"
    with reading(engine) as connection:
        found: datetime = connection.execute(sa.text(query)).scalar_one()
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def check_ledger_size(found: Extent) -> Check:
    """How large the ledger is, and how much of it retention takes."""
    free = f", {size(found.free)} of it free for new rows" if found.free else ""
    ripe = f"; {count(found.ripe, 'run')} old enough to go, but for the newest of each job" if found.ripe else ""
    return ok("ledger size", f"{size(found.size)}{free}, {count(found.runs, 'run')}{ripe}")


def check_ledger_file(url: str) -> Check | None:
    """The verdict on a SQLite ledger that is not there yet, since opening it would make it; None for any other."""
    parsed = database_url(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database or Path(parsed.database).exists():
        return None
    return fail("ledger", f"There is no {parsed.database} yet; make it with: automation up, or automation db upgrade")


def check_redis(info: Mapping[str, Any] | AutomationError, *, embedded: bool) -> Check:
    """Whether the Redis answers and keeps what it is given.

    Parameters
    ----------
    info: its answer to INFO, or why there is none.
    embedded: it is the data folder's own.
    """
    if isinstance(info, AutomationError):
        way_out = (
            "start it with: automation up" if embedded else "look at AUTOMATION_BROKER_URL and AUTOMATION_REDIS_URL"
        )
        return fail("broker", f"{str(info).rstrip('.')}; {way_out}")
    name = f"{info.get('server_name') or 'redis'} {info.get('valkey_version') or info.get('redis_version')}"
    policy = str(info.get("maxmemory_policy", "noeviction"))
    if policy != "noeviction":
        return fail(
            "broker", f"{name} evicts keys ({policy}), schedules and messages too; set maxmemory-policy noeviction"
        )
    if not int(info.get("aof_enabled", 0)):
        return warn(
            "broker", f"{name} keeps no append-only file; after its restart everything is rebuilt from the ledger"
        )
    return ok("broker", f"{name}{', embedded' if embedded else ''}, append-only file, noeviction")


def check_queue(waiting: int | AutomationError) -> Check:
    """Whether a broker that is no Redis answers; `waiting` is the number of messages in its default queue."""
    if isinstance(waiting, AutomationError):
        return fail("queue", str(waiting))
    return ok("queue", f"answers, {count(waiting, 'message')} waiting")


def check_workers(workers: Sequence[ProcessRow], now: datetime) -> Check:
    """Whether a worker lives."""
    if not workers:
        return fail(
            "workers", "No worker has reported lately; runs wait. Start one with: automation up, or automation worker"
        )
    return ok("workers", f"{count(len(workers), 'worker')}: {', '.join(_sign(each, now) for each in workers)}")


def check_breakers(found: Sequence[BreakerRow]) -> Check:
    """Whether a breaker keeps runs from being tried."""
    broken = [one for one in found if not one.closed]
    if not broken:
        return ok("breakers", "none is open")
    told = ", ".join(f"{one.key} ({one.position.circuit}, {count(one.waiting, 'run')} waiting)" for one in broken[:5])
    return warn("breakers", f"{len(broken)} not closed: {told}; see: automation breakers")


def check_scheduler(schedulers: Sequence[ProcessRow], now: datetime, stand_ins: int = 0) -> Check:
    """Whether a scheduler leads, and when it last looked for due work.

    Parameters
    ----------
    stand_ins: workers that fire what is due, since no scheduler does.
    """
    # One that was killed still counts as alive for a while; the workers that stand in know better.
    if stand_ins and not any(each.info.get("leader") and now - each.heartbeat_at < _FRESH for each in schedulers):
        return warn(
            "scheduler",
            f"None leads; {count(stand_ins, 'worker')} fire what is due in its place, and nobody takes changed files over. "
            "Start one with: automation up, or automation scheduler",
        )
    if not schedulers:
        return fail("scheduler", "No scheduler has reported lately; nothing fires. Start one with: automation up")
    leaders = [each for each in schedulers if each.info.get("leader")]
    if not leaders:
        return warn(
            "scheduler", f"{count(len(schedulers), 'scheduler')} alive, none leads yet; an election takes seconds"
        )
    return ok("scheduler", f"{_sign(leaders[0], now)} leads, {len(schedulers) - len(leaders)} in reserve")


def _sign(row: ProcessRow, now: datetime) -> str:
    age = max(now - row.heartbeat_at, timedelta())
    return f"{row.id} ({format_duration(age)} ago)"


def _write_nothing(engine: sa.Engine) -> None:
    """A write transaction that leaves nothing: it takes the locks that a real one takes."""
    with engine.connect() as connection:
        transaction = connection.begin()
        try:
            connection.execute(sa.text("DELETE FROM automation_job_state WHERE 1 = 0"))
        finally:
            transaction.rollback()


def _damage(engine: sa.Engine) -> str | None:
    if engine.dialect.name != "sqlite":
        return None
    with reading(engine) as connection:
        found = connection.execute(sa.text("PRAGMA quick_check(1)")).scalar_one()
    return None if found == "ok" else f"SQLite says: {found}"

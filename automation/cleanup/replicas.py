"""How far replicas are behind, and waiting for them.

Owns: asking PostgreSQL's primary or the replicas themselves, about once a second, and pausing while one is over the limit.
Never: takes silence for a good answer: a replica that cannot be asked, does not replicate or went away is waited for.
"""

from __future__ import annotations

import logging
import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from automation.cleanup.connection import Session
from automation.cleanup.pace import Pacer
from automation.clock import Clock
from automation.database import reading, transient
from automation.errors import FailureClass, JobFailed
from automation.secrets import mask_urls
from automation.text import parse_duration, printable

_EVERY = 1.0
_PRIMARY = "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')"
_STANDBYS = """
SELECT concat_ws(' at ', nullif(application_name, ''), client_addr), pg_wal_lsn_diff(min(replay_lsn), '0/0'),
  coalesce(extract(epoch FROM max(replay_lag)), 0), bool_or(replay_lsn IS NULL)
FROM pg_stat_replication WHERE state IS DISTINCT FROM 'backup' GROUP BY 1
"""
_STANDBY = """
SELECT pg_is_in_recovery(), pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0'),
  coalesce(extract(epoch FROM now() - pg_last_xact_replay_timestamp()), 0)
"""
_BEHIND = ("Seconds_Behind_Source", "Seconds_Behind_Master")


@dataclass
class Trail:
    """Where a primary was and when, so that a replica's position becomes a number of seconds."""

    _seen: deque[tuple[float, int]] = field(default_factory=deque)

    def note(self, now: float, position: int) -> None:
        """The primary is there now."""
        if not self._seen or position > self._seen[-1][1]:
            self._seen.append((now, position))

    def lag(self, now: float, position: int, reported: float) -> float:
        """Seconds since the primary was first seen beyond this position; `reported` is the database's own word for it."""
        if not self._seen or self._seen[-1][1] <= position:
            return 0.0
        return max(reported, now - next(at for at, there in self._seen if there > position))

    def forget(self, position: int) -> None:
        """No replica is behind this any more."""
        while self._seen and self._seen[0][1] <= position:
            self._seen.popleft()


class Replicas:
    """Those of the database that a sweep writes to.

    Parameters
    ----------
    limit: as it is written, such as `5s`; None: nothing is asked.
    engines: of the replicas that the rule names, by name; where there is none, PostgreSQL's primary is asked.
    """

    def __init__(
        self,
        session: Session,
        limit: str | None,
        engines: Mapping[str, sa.Engine],
        pacer: Pacer,
        clock: Clock,
        log: logging.Logger | logging.LoggerAdapter[Any],
    ) -> None:
        self._session, self._engines, self._pacer, self._clock, self._log = session, engines, pacer, clock, log
        self._limit = parse_duration(limit).total_seconds() if limit else None
        self._next, self._known, self._trail = -math.inf, dict[str, None](), Trail()
        self.waited = 0.0
        if limit and session.engine.dialect.name == "sqlite":
            raise JobFailed("SQLite has no replicas; remove pace.max_replica_lag", FailureClass.CONFIG)
        if limit and not engines and session.engine.dialect.name != "postgresql":
            raise JobFailed(
                f"{session.engine.dialect.name} does not know how far its replicas are behind; name one: "
                'pace.replica = "mysql://user@replica/database"',
                FailureClass.CONFIG,
            )

    def wait(self) -> str | None:
        """Until each is near enough; returns why to stop in place of waiting on. Raises JobFailed (config) for what is no replica."""
        if self._limit is None or self._clock.monotonic() < self._next:
            return None
        began = self._clock.monotonic()
        paused = False
        while (worst := self._worst())[0] > self._limit:
            if not paused:
                self._log.warning("Paused: %s, more than pace.max_replica_lag = %gs", worst[1], self._limit)
                paused = True
            if reason := self._pacer.stop_reason():
                return reason
            self._clock.sleep(_EVERY)
        now = self._clock.monotonic()
        self._next = now + _EVERY
        if paused:
            self.waited += now - began
            self._log.info("Going on: %s", worst[1])
        return None

    def _worst(self) -> tuple[float, str]:
        """The longest lag in seconds, and whose it is in words."""
        try:
            found = self._asked() if self._engines else self._of_primary()
        except DBAPIError as error:
            return math.inf, f"the replica cannot be asked ({printable(mask_urls(str(error.orig)), 200)})"
        if not found:
            if self._limit is not None and self._next < 0:
                self._log.warning("no replica is connected, so that pace.max_replica_lag has nothing to look at")
            return 0.0, "no replica is connected"
        name, lag = max(found.items(), key=lambda one: one[1])
        if math.isinf(lag):
            return lag, f"replica '{name}' does not replicate"
        return lag, f"replica '{name}' is {lag:.1f} s behind"

    def _of_primary(self) -> dict[str, float]:
        with self._session.transaction(writes=False) as connection:
            rows = connection.execute(sa.text(_STANDBYS)).all()
        position = self._position()
        if any(row[3] for row in rows):
            raise JobFailed(
                "this user may not see how far replicas are behind; GRANT pg_monitor TO it, or name a replica: "
                'pace.replica = "postgresql://user@replica/database"',
                FailureClass.CONFIG,
            )
        lags = self._lags([(row[0], int(row[1]), float(row[2])) for row in rows], position)
        gone = {name: math.inf for name in self._known if name not in lags}
        self._known.update(dict.fromkeys(lags))
        return lags | gone

    def _lags(self, replicas: Sequence[tuple[str, int, float]], position: int) -> dict[str, float]:
        now = self._clock.monotonic()
        self._trail.note(now, position)
        lags = {name: self._trail.lag(now, there, reported) for name, there, reported in replicas}
        if replicas:
            self._trail.forget(min(there for _, there, _ in replicas))
        return lags

    def _asked(self) -> dict[str, float]:
        if self._session.engine.dialect.name != "postgresql":
            return {name: _behind(name, engine) for name, engine in self._engines.items()}
        rows = []
        for name, engine in self._engines.items():
            with reading(engine) as connection:
                standby, there, reported = connection.execute(sa.text(_STANDBY)).one()
            if not standby:
                raise _no_replica(name)
            rows.append((name, int(there or 0), float(reported)))
        return self._lags(rows, self._position())

    def _position(self) -> int:
        """Where the primary is; later than where the replicas were seen."""
        try:
            with self._session.transaction(writes=False) as connection:
                return int(connection.execute(sa.text(_PRIMARY)).scalar_one())
        except DBAPIError as error:
            if transient(error):
                raise
            text = printable(mask_urls(str(error.orig)), 200)
            raise JobFailed(f"rows can only be deleted on a primary: {text}", FailureClass.CONFIG) from error


def replica_engines(names: Sequence[str], databases: Callable[[str], sa.Engine], of: sa.Engine) -> dict[str, sa.Engine]:
    """An engine for each replica that a rule names, by a name that shows no password. Raises JobFailed (config)."""
    found = {}
    for name in names:
        engine = databases(name)
        if (engine.dialect.name == "postgresql") != (
            of.dialect.name == "postgresql"
        ) or engine.dialect.name == "sqlite":
            raise JobFailed(
                f"pace.replica '{mask_urls(name)}' is {engine.dialect.name}, and the rows are in {of.dialect.name}; name a replica of it",
                FailureClass.CONFIG,
            )
        found[mask_urls(name)] = engine
    return found


def _behind(name: str, engine: sa.Engine) -> float:
    """What MariaDB or MySQL says of itself; infinite where it has stopped."""
    with reading(engine) as connection:
        try:
            rows = connection.exec_driver_sql("SHOW REPLICA STATUS").mappings().all()
        except sa.exc.ProgrammingError:  # before MariaDB 10.5 and MySQL 8.0.22
            rows = connection.exec_driver_sql("SHOW SLAVE STATUS").mappings().all()
    if not rows:
        raise _no_replica(name)
    seconds = [next((row[key] for key in _BEHIND if key in row), None) for row in rows]
    return max(math.inf if one is None else float(one) for one in seconds)


def _no_replica(name: str) -> JobFailed:
    return JobFailed(f"pace.replica '{name}' is no replica; name one, or remove the key", FailureClass.CONFIG)

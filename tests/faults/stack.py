"""The processes of a torment: started one by one, as the Procfile names them, and killed one by one.

Owns: the broker, the ledger's database, schedulers and workers of one temporary project.
Never: draws lots; judges.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

import psutil
import sqlalchemy as sa
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from automation.services import build_services
from automation.supervise.tether import die_with_parent
from tests.faults import project

ROOT = Path(__file__).resolve().parents[2]
LEASE, GRACE = 4.0, 2.0
SERVERS = {
    "postgresql": "postgresql+psycopg://postgres@127.0.0.1:5432/test",
    "mariadb": "mysql+pymysql://root@127.0.0.1:3306/test",
}


@dataclass
class Member:
    """One process of ours, and what was done to it last.

    Parameters
    ----------
    role: broker, scheduler-1, worker-2, …; a process that is started again keeps it.
    told: the signal that was meant to end it, and when (monotonic).
    """

    role: str
    process: subprocess.Popen[bytes]
    log: Path
    since: float
    frozen: bool = False
    told: tuple[int, float] | None = None

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    @property
    def is_up(self) -> bool:
        """Whether it runs, and nothing was done to it."""
        return self.process.poll() is None and not self.frozen and self.told is None


class Stack:
    """A project in a folder, its ledger, its broker, and what works with them.

    Parameters
    ----------
    without: a protection of the product that is taken out.
    files: the project's files by path, instead of the torment's.
    settings: variables of the product, over those of every torment.
    """

    def __init__(
        self,
        root: Path,
        broker: str,
        ledger: str,
        without: str | None = None,
        files: Mapping[str, str] = project.FILES,
        **settings: str,
    ) -> None:
        self.root, self.broker_kind, self.ledger_kind, self._without = root, broker, ledger, without
        self.members: dict[str, Member] = {}
        self.mark = f"torment_{secrets.token_hex(4)}"
        self._logs: list[IO[bytes]] = []
        self._relay_port, self._redis_port = free_port(), free_port()
        project.write(root, files)
        self.url = self._make_database()
        self.environ = {
            "AUTOMATION_LEASE": f"{LEASE:g}s",
            "AUTOMATION_GRACE": f"{GRACE:g}s",
            "AUTOMATION_DATABASE_URL": self.url,
            "AUTOMATION_LOG_FORMAT": "human",
            **self._broker_settings(),
            **settings,
        }
        services = build_services(root, environ=self.environ)
        services.upgraded_ledger().close()
        services.close()

    # --- starting ------------------------------------------------------------------------------------------------

    def start(self, role: str, *options: str, rig: Mapping[str, Any] | None = None) -> Member:
        """Start the process of this role, with a log of its own that goes on over restarts.

        Parameters
        ----------
        options: of the command; a worker's default is two processes.
        rig: how the process is rigged; see `tests.faults.rigged`.
        """
        path = self.root / "logs" / f"{role}.log"
        path.parent.mkdir(exist_ok=True)
        log = path.open("ab")
        self._logs.append(log)
        process = subprocess.Popen(
            self._command(role, options, rig),
            cwd=self.root,
            env={**_outside(), "PYTHONPATH": str(ROOT), **self.environ},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=die_with_parent(),  # noqa: PLW1509 (the torment has one thread)
        )
        self.members[role] = Member(role, process, path, time.monotonic())
        return self.members[role]

    def start_broker(self) -> None:
        """Start all that belongs to the broker, and wait until it answers."""
        for role in self.broker_roles:
            self.start(role)
        until = time.monotonic() + 60
        while time.monotonic() < until:
            with suppress(RedisError, OSError):
                self.redis().ping()
                return
            time.sleep(0.1)
        raise RuntimeError(f"the broker does not answer; see {self.root / 'logs'}")

    @property
    def broker_roles(self) -> tuple[str, ...]:
        """The processes that stand for the broker; of RabbitMQ it is the way there that is cut."""
        return {"embedded": ("broker",), "redis": ("redis",), "rabbitmq": ("redis", "relay")}[self.broker_kind]

    def _command(self, role: str, options: tuple[str, ...], rig: Mapping[str, Any] | None) -> list[str]:
        if role == "redis":
            words = f"redis-server --port {self._redis_port} --bind 127.0.0.1 --appendonly no --dir {self.root}"
            return [*words.split(), "--save", ""]
        if role == "relay":
            return [sys.executable, "-m", "tests.faults.relay", str(self._relay_port), "127.0.0.1", "5672"]
        kind = role.partition("-")[0]
        more = options or (("-c", "2") if kind == "worker" else ())
        if rig is None and self._without and kind != "broker":
            rig = {"without": [self._without]}
        program = ["automation"] if rig is None else ["tests.faults.rigged", json.dumps(rig)]
        return [sys.executable, "-m", *program, kind, *more]

    def _broker_settings(self) -> dict[str, str]:
        if self.broker_kind == "embedded":
            return {}
        redis = f"redis://127.0.0.1:{self._redis_port}/0"
        own = {"AUTOMATION_SECRET_KEY": secrets.token_hex(16), "AUTOMATION_KEY_PREFIX": self.mark}
        if self.broker_kind == "redis":
            return {**own, "AUTOMATION_BROKER_URL": redis}
        amqp = f"amqp://guest:guest@127.0.0.1:{self._relay_port}//"
        return {**own, "AUTOMATION_BROKER_URL": amqp, "AUTOMATION_REDIS_URL": redis}

    # --- the ledger ----------------------------------------------------------------------------------------------

    def _make_database(self) -> str:
        if self.ledger_kind == "sqlite":
            return f"sqlite:///{self.root / 'ledger.db'}"
        server = SERVERS[self.ledger_kind]
        self._administer(f"CREATE DATABASE {self.mark}")
        return urlsplit(server)._replace(path=f"/{self.mark}").geturl()

    def _administer(self, statement: str) -> None:
        engine = sa.create_engine(SERVERS[self.ledger_kind], isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        with engine.connect() as connection:
            connection.execute(sa.text(statement))

    def cut_ledger(self) -> None:
        """End every connection to the ledger's database, as a restart of the server or a failover does."""
        if self.ledger_kind == "postgresql":
            self._administer(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{self.mark}'")
            return
        engine = sa.create_engine(SERVERS["mariadb"], isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        query = sa.text("SELECT id FROM information_schema.processlist WHERE db = :name")
        with engine.connect() as connection:
            for (number,) in connection.execute(query, {"name": self.mark}).all():
                with suppress(sa.exc.DBAPIError):  # it ended by itself
                    connection.execute(sa.text(f"KILL {number}"))

    # --- asking --------------------------------------------------------------------------------------------------

    def redis(self) -> Redis:
        """The Redis that RedBeat uses, asked once: who waits for it brings nobody back meanwhile."""
        once = {"socket_timeout": 2, "retry": Retry(NoBackoff(), 0)}
        if self.broker_kind == "embedded":
            return Redis(unix_socket_path=str(self.root / ".automation" / "broker.sock"), **once)
        return Redis(port=self._redis_port, **once)

    def children(self, member: Member) -> list[int]:
        """The pids of the processes that a worker works in."""
        try:
            return [child.pid for child in psutil.Process(member.pid).children()]
        except psutil.NoSuchProcess:
            return []

    def of(self, kind: str) -> list[Member]:
        """The members whose role begins so, that nothing was done to and that had a moment to start."""
        now = time.monotonic()
        return [one for one in self.members.values() if one.role.startswith(kind) and one.is_up and now - one.since > 3]

    # --- ending --------------------------------------------------------------------------------------------------

    def left_over(self) -> list[str]:
        """What is still there when every process has been asked to leave, in words."""
        found = [
            f"process {one.pid} ({one.role}) still runs"
            for one in self.members.values()
            if one.process.poll() is None and one.role not in self.broker_roles
        ]
        with suppress(RedisError, OSError):
            locks = [name.decode() for name in self.redis().scan_iter("*lock*")]
            found += [f"the lock {name} is held in Redis" for name in locks]
        engine = sa.create_engine(self.url, poolclass=sa.NullPool)
        with engine.connect() as connection:
            held = "SELECT COUNT(*) FROM automation_runs WHERE lease_until IS NOT NULL OR deadline IS NOT NULL"
            if leases := connection.execute(sa.text(held)).scalar_one():
                found.append(f"{leases} runs have a lease")
            standing = "SELECT id FROM automation_processes WHERE stopped_at IS NULL"
            found += [f"{name} never left, says the ledger" for name in connection.scalars(sa.text(standing))]
        return found

    def close(self, *, drop: bool) -> None:
        """End by force what is still there; with `drop`, the database goes too."""
        for member in self.members.values():
            with suppress(ProcessLookupError):
                os.killpg(member.pid, signal.SIGKILL)
            member.process.wait()
        for log in self._logs:
            log.close()
        if drop and self.ledger_kind != "sqlite":
            force = " WITH (FORCE)" if self.ledger_kind == "postgresql" else ""
            self._administer(f"DROP DATABASE {self.mark}{force}")
        if self.broker_kind == "rabbitmq":
            subprocess.run(
                ["rabbitmqctl", "-q", "delete_queue", f"{self.mark}.default"], check=False, capture_output=True
            )


def _outside() -> dict[str, str]:
    """The caller's environment without settings of ours."""
    return {name: value for name, value in os.environ.items() if not name.startswith("AUTOMATION_") and name != "PORT"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

"""Environment → one frozen Settings; every problem at once.

Owns: the names, defaults and limits of the `AUTOMATION_*` variables, and reading `.env`.
Never: connects to anything; keeps a value that was not asked for.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from automation.errors import SettingsInvalid
from automation.secrets import mask_urls
from automation.text import nearest, parse_duration, parse_size

PREFIX = "AUTOMATION_"
#: What a command started by a job finds about its run; no settings.
RUN_VARIABLES = ("AUTOMATION_JOB", "AUTOMATION_RUN_ID", "AUTOMATION_ATTEMPT", "AUTOMATION_NOMINAL_TIME")
BROKERS = ("redis", "rediss", "redis+socket", "amqp", "amqps")


@dataclass(frozen=True)
class Settings:
    """What the environment says, checked; secrets do not show in its `repr`.

    Parameters
    ----------
    project: the project's folder.
    data: the data folder (`AUTOMATION_DATA_DIR`; default `.automation` in the project).
    broker_url: None means the embedded broker of this data folder.
    redis_url: RedBeat's Redis; None means the broker's, or the embedded one.
    lease: how long a worker's claim holds without a heartbeat.
    grace: how long a stopping worker lets its runs go on.
    stand_in: how long no scheduler may have led before workers fire what is due; zero is for ever.
    workers: runs at once in one worker process.
    runs_per_child: after so many a worker's child makes way for a new one; zero is never.
    memory_per_child: so does one that has ever held more bytes than that; zero is never.
    key_prefix: stands before every Redis key and queue name of ours.
    """

    project: Path
    data: Path
    database_url: str = field(repr=False)
    broker_url: str | None = field(default=None, repr=False)
    redis_url: str | None = field(default=None, repr=False)
    artifacts: Path = Path()
    smtp_url: str | None = field(default=None, repr=False)
    secret_key: str | None = field(default=None, repr=False)
    lease: timedelta = timedelta(seconds=20)
    grace: timedelta = timedelta(seconds=25)
    stand_in: timedelta = timedelta(seconds=15)
    workers: int = 2
    runs_per_child: int = 0
    memory_per_child: int = 0
    key_prefix: str = "automation"
    host: str = "127.0.0.1"
    port: int = 8000
    log_format: str = "auto"
    log_level: str = "info"
    remote_control: bool = False
    task_events: bool = False
    smtp_insecure: bool = False

    @property
    def embedded_broker(self) -> bool:
        """Whether the broker is the one of the data folder."""
        return self.broker_url is None


def environment() -> Mapping[str, str]:
    """The environment of this process, as it is now; for what `${env:…}` names and for child processes."""
    return dict(os.environ)


def process_id() -> int:
    """The pid of this process, asked anew: a fork has its own."""
    return os.getpid()


def login_name() -> str:
    """Who is logged in; in a container whose user has no name, the number."""
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}"


def read_settings(project: Path, environ: Mapping[str, str] | None = None) -> Settings:
    """Settings for the project in this folder; variables win over its `.env`.

    Raises SettingsInvalid with one sentence for each problem.
    """
    environ = with_dotenv(project, environment() if environ is None else environ)
    reader = _Reader(environ)
    data = project / reader.text("DATA_DIR", ".automation")
    workers = reader.number("WORKERS", 2, 1, 512)
    settings = Settings(
        project=project,
        data=data,
        database_url=reader.text("DATABASE_URL", f"sqlite:///{data / 'ledger.db'}"),
        broker_url=reader.checked("BROKER_URL", _broker_url),
        redis_url=reader.checked("REDIS_URL", _redis_url),
        artifacts=reader.folder("ARTIFACTS_URL", data / "artifacts"),
        smtp_url=reader.checked("SMTP_URL", _smtp_url),
        secret_key=reader.checked("SECRET_KEY", _secret_key),
        lease=reader.duration("LEASE", "20s", "2s", "1h"),
        grace=reader.duration("GRACE", "25s", "0s", "1h"),
        stand_in=reader.duration("STAND_IN", "15s", "0s", "1h"),
        workers=workers,
        runs_per_child=reader.number("RUNS_PER_CHILD", 0, 0, 1_000_000),
        memory_per_child=reader.size("MEMORY_PER_CHILD"),
        key_prefix=reader.checked("KEY_PREFIX", _key_prefix) or "automation",
        host=reader.text("HOST", "127.0.0.1"),
        port=reader.number("PORT", 8000, 0, 65535, prefixed=False),
        log_format=reader.choice("LOG_FORMAT", ("auto", "human", "json")),
        log_level=reader.choice("LOG_LEVEL", ("info", "debug", "warning", "error")),
        remote_control=reader.flag("REMOTE_CONTROL"),
        task_events=reader.flag("TASK_EVENTS"),
        smtp_insecure=reader.flag("SMTP_INSECURE"),
    )
    reader.unknown_names()
    if settings.broker_url and not settings.secret_key:
        reader.problems.append(
            "AUTOMATION_SECRET_KEY is not set; with AUTOMATION_BROKER_URL every process needs the same one, "
            "at least 16 characters, to sign messages"
        )
    if settings.broker_url and settings.broker_url.startswith("amqp") and not settings.redis_url:
        reader.problems.append(
            "AUTOMATION_REDIS_URL is not set; with RabbitMQ as broker, RedBeat needs a Redis of its own"
        )
    if reader.problems:
        raise SettingsInvalid(reader.problems)
    return settings


def with_dotenv(project: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """The environment over what the project's `.env` says."""
    path = project / ".env"
    if not path.is_file():
        return dict(environ)
    from dotenv import dotenv_values

    try:
        read = dotenv_values(path, interpolate=False)
    except UnicodeDecodeError as error:
        raise SettingsInvalid([f"{path} is not UTF-8 text at byte {error.start}; save it as UTF-8"]) from error
    return {**{name: value for name, value in read.items() if value is not None}, **environ}


class _Reader:
    """Reads one variable after the other and collects what is wrong."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.problems: list[str] = []
        self.known: set[str] = set()

    def text(self, name: str, default: str) -> str:
        self.known.add(PREFIX + name)
        return self.environ.get(PREFIX + name, "").strip() or default

    def checked(self, name: str, check: Callable[[str], str | None]) -> str | None:
        value = self.text(name, "")
        problem = check(value) if value else None
        if problem:
            self.problems.append(f"{PREFIX}{name}: {problem}")
        return value or None

    def number(self, name: str, default: int, least: int, most: int, *, prefixed: bool = True) -> int:
        full = PREFIX + name if prefixed else name
        self.known.add(full)
        value = self.environ.get(full, "").strip() or str(default)
        if not (value.isascii() and value.isdigit() and len(value) <= 12 and least <= int(value) <= most):
            self.problems.append(f"{full} is '{value[:40]}'; write a whole number from {least} to {most}")
            return default
        return int(value)

    def duration(self, name: str, default: str, least: str, most: str) -> timedelta:
        value = self.text(name, default)
        try:
            span = parse_duration(value)
        except ValueError as error:
            self.problems.append(f"{PREFIX}{name}: {error}")
            return parse_duration(default)
        if not parse_duration(least) <= span <= parse_duration(most):
            self.problems.append(f"{PREFIX}{name} is '{value}'; write a duration from {least} to {most}")
        return span

    def size(self, name: str) -> int:
        value = self.text(name, "0")
        try:
            return 0 if value == "0" else parse_size(value)
        except ValueError as error:
            self.problems.append(f"{PREFIX}{name}: {error}, or 0")
            return 0

    def choice(self, name: str, allowed: tuple[str, ...]) -> str:
        value = self.text(name, allowed[0]).lower()
        if value not in allowed:
            self.problems.append(f"{PREFIX}{name} is '{value[:40]}'; write one of: {', '.join(allowed)}")
            return allowed[0]
        return value

    def flag(self, name: str) -> bool:
        value = self.text(name, "0")
        if value not in ("0", "1"):
            self.problems.append(f"{PREFIX}{name} is '{value[:40]}'; write 1 or 0")
        return value == "1"

    def folder(self, name: str, default: Path) -> Path:
        value = self.text(name, "")
        if not value:
            return default
        parts = urlsplit(value)
        if parts.scheme not in ("", "file"):
            self.problems.append(f"{PREFIX}{name}: '{parts.scheme}' stores are not available yet; write file:///folder")
            return default
        return Path(parts.path)

    def unknown_names(self) -> None:
        for name in sorted(self.environ):
            if name.startswith(PREFIX) and name not in self.known and name not in RUN_VARIABLES:
                meant = nearest(name, self.known)
                hint = f"did you mean {meant}?" if meant else "remove it; names with this prefix are ours"
                self.problems.append(f"{name} is not a setting; {hint}")


def _scheme(url: str) -> str:
    """What stands before `://`; where that is missing, nothing, since the value may be a password."""
    scheme, found, _ = url.partition("://")
    return scheme if found else ""


def _broker_url(url: str) -> str | None:
    scheme = _scheme(url)
    if scheme not in BROKERS:
        return f"'{scheme}' is no broker; write a URL that begins with {', '.join(f'{known}://' for known in BROKERS)}"
    return _guarded(url)


def _redis_url(url: str) -> str | None:
    scheme = _scheme(url)
    if scheme not in ("redis", "rediss", "unix"):
        return f"'{scheme}' is no Redis; write a URL that begins with redis://, rediss:// or unix://"
    return _guarded(url)


def _guarded(url: str) -> str | None:
    """A Redis that others can reach must ask for a password."""
    try:
        parts = urlsplit(url)
        port_is_fine = parts.port is None or parts.port > 0
    except ValueError:
        port_is_fine = False
    if not port_is_fine:
        return f"the port of {mask_urls(url)} is out of range; write 1 to 65535"
    if parts.scheme == "redis" and not parts.password and not _loopback(parts.hostname or "localhost"):
        return f"{parts.hostname} is not this machine and the URL has no password; write redis://:PASSWORD@{parts.hostname}/0"
    return None


def _smtp_url(url: str) -> str | None:
    scheme = _scheme(url)
    return (
        None
        if scheme == "smtp"
        else f"'{scheme}' is no mail server; write smtp://user:password@host:587?from=you@example.com"
    )


def _secret_key(value: str) -> str | None:
    return None if len(value) >= 16 else "is shorter than 16 characters; make one with: openssl rand -hex 32"


def _key_prefix(value: str) -> str | None:
    fine = value.isascii() and value.replace("-", "").replace("_", "").isalnum() and len(value) <= 64
    return None if fine else "write up to 64 letters, digits, '-' or '_'"


def _loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

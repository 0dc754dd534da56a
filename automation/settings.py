"""Environment → one frozen Settings; every problem at once.

Owns: the names, defaults and limits of the `AUTOMATION_*` variables, and reading `.env`.
Never: connects to anything; keeps a value that was not asked for.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from automation.errors import SettingsInvalid
from automation.setting_values import (
    broker_url,
    header_name,
    key_prefix,
    mail_address,
    network,
    proxy_url,
    public_url,
    redis_url,
    secret_key,
    smtp_url,
)
from automation.text import nearest, parse_duration, parse_size

PREFIX = "AUTOMATION_"
#: What a command started by a job finds about its run; no settings.
RUN_VARIABLES = ("AUTOMATION_JOB", "AUTOMATION_RUN_ID", "AUTOMATION_ATTEMPT", "AUTOMATION_NOMINAL_TIME")


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
    http_proxy: what jobs ask the web through, unless they name another one.
    mail_override: who gets every mail; `mail_allow`: who may get one, by address or domain.
    key_prefix: stands before every Redis key and queue name of ours.
    public_url: where browsers find the web process, when that is not where it listens.
    trusted_proxies: networks of proxies whose word on the caller counts; `proxy_user`: their header that names a user.
    read_only: the web process shows, and changes nothing.
    token: what commands with `--url` send.
    """

    project: Path
    data: Path
    database_url: str = field(repr=False)
    broker_url: str | None = field(default=None, repr=False)
    redis_url: str | None = field(default=None, repr=False)
    artifacts: Path = Path()
    smtp_url: str | None = field(default=None, repr=False)
    secret_key: str | None = field(default=None, repr=False)
    http_proxy: str | None = field(default=None, repr=False)
    lease: timedelta = timedelta(seconds=20)
    grace: timedelta = timedelta(seconds=25)
    stand_in: timedelta = timedelta(seconds=15)
    workers: int = 2
    runs_per_child: int = 0
    memory_per_child: int = 0
    key_prefix: str = "automation"
    host: str = "127.0.0.1"
    port: int = 8000
    public_url: str = ""
    trusted_proxies: tuple[str, ...] = ()
    proxy_user: str = ""
    read_only: bool = False
    token: str | None = field(default=None, repr=False)
    log_format: str = "auto"
    log_level: str = "info"
    remote_control: bool = False
    task_events: bool = False
    smtp_insecure: bool = False
    mail_override: str = ""
    mail_allow: tuple[str, ...] = ()

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


def client_token() -> str | None:
    """`AUTOMATION_TOKEN`, for a command that asks a server and may stand in no project."""
    return environment().get(f"{PREFIX}TOKEN", "").strip() or None


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
        broker_url=reader.checked("BROKER_URL", broker_url),
        redis_url=reader.checked("REDIS_URL", redis_url),
        artifacts=reader.folder("ARTIFACTS_URL", data / "artifacts"),
        smtp_url=reader.checked("SMTP_URL", smtp_url),
        secret_key=reader.checked("SECRET_KEY", secret_key),
        http_proxy=reader.checked("HTTP_PROXY", proxy_url),
        lease=reader.duration("LEASE", "20s", "2s", "1h"),
        grace=reader.duration("GRACE", "25s", "0s", "1h"),
        stand_in=reader.duration("STAND_IN", "15s", "0s", "1h"),
        workers=workers,
        runs_per_child=reader.number("RUNS_PER_CHILD", 0, 0, 1_000_000),
        memory_per_child=reader.size("MEMORY_PER_CHILD"),
        key_prefix=reader.checked("KEY_PREFIX", key_prefix) or "automation",
        **_web(reader),
        log_format=reader.choice("LOG_FORMAT", ("auto", "human", "json")),
        log_level=reader.choice("LOG_LEVEL", ("info", "debug", "warning", "error")),
        remote_control=reader.flag("REMOTE_CONTROL"),
        task_events=reader.flag("TASK_EVENTS"),
        smtp_insecure=reader.flag("SMTP_INSECURE"),
        mail_override=reader.checked("MAIL_OVERRIDE", mail_address) or "",
        mail_allow=reader.names("MAIL_ALLOW"),
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


def _web(reader: _Reader) -> dict[str, Any]:
    """What the web process reads."""
    found: dict[str, Any] = {
        "host": reader.text("HOST", "127.0.0.1"),
        "port": reader.number("PORT", 8000, 0, 65535, prefixed=False),
        "public_url": (reader.checked("PUBLIC_URL", public_url) or "").rstrip("/"),
        "trusted_proxies": reader.networks("TRUSTED_PROXIES"),
        "proxy_user": (reader.checked("PROXY_USER", header_name) or "").lower(),
        "read_only": reader.flag("READ_ONLY"),
        "token": reader.text("TOKEN", "") or None,
    }
    if found["proxy_user"] and not found["trusted_proxies"]:
        reader.problems.append(
            "AUTOMATION_TRUSTED_PROXIES is not set; with AUTOMATION_PROXY_USER anybody could name themselves, so say "
            "whose word counts, such as 127.0.0.1"
        )
    return found


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

    def names(self, name: str) -> tuple[str, ...]:
        return tuple(
            one.casefold() for item in self.text(name, "").split(",") if (one := item.strip().removeprefix("@"))
        )

    def networks(self, name: str) -> tuple[str, ...]:
        found = self.names(name)
        self.problems += [f"{PREFIX}{name}: {problem}" for one in found if (problem := network(one))]
        return found

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

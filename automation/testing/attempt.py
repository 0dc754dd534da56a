"""What the tests of a plugin's author need: one attempt of a job, as the product makes it, in a folder of its own.

Owns: `run_job`, and the frozen clock for it.
Never: a mock: the ledger is real (SQLite in a temporary folder), the mails are the outbox's, the files are files.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from automation.clock import Clock, FrozenClock, SystemClock
from automation.errors import InvalidInput, UnknownName
from automation.ledger.rows import RunRow
from automation.ledger.runs import Claimant
from automation.ledger.states import Kind, State
from automation.plugin import PluginSpec, spec_of
from automation.project.model import Job
from automation.project.order import run_of
from automation.registry import Registry, load_registry
from automation.retry import RetryPolicy
from automation.runner.attempt import attempt
from automation.services import Services, build_services
from automation.testing.blank import ledger_of
from automation.text import nearest

__all__ = ["FrozenClock", "JobRun", "run_job"]


@dataclass(frozen=True)
class JobRun:
    """What one attempt did.

    Parameters
    ----------
    state: `succeeded`, `skipped`, `retrying` (it failed, and would be tried again), `dead`.
    files: artifacts by name.
    mails: what went into the outbox, in the order of sending; one for each recipient.
    log: lines of `ctx.log`.
    """

    state: str
    reason: str | None
    result: Any
    failure_class: str | None
    message: str | None
    traceback: str | None = field(repr=False)
    files: Mapping[str, bytes] = field(repr=False)
    mails: tuple[EmailMessage, ...] = field(repr=False)
    log: tuple[str, ...] = field(repr=False)
    progress: tuple[int | None, int | None] = (None, None)


def run_job(
    plugin: Callable[..., Any] | str,
    params: Mapping[str, Any] | None = None,
    *,
    project: Path | None = None,
    databases: Mapping[str, str] | None = None,
    environ: Mapping[str, str] | None = None,
    at: datetime | None = None,
    job: str = "job-under-test",
    timeout: timedelta = timedelta(minutes=1),
    dry_run: bool = False,
) -> JobRun:
    """Do one attempt of a job with this plugin and return what it did; a failure is a value, not an exception.

    Parameters
    ----------
    plugin: a function under `@plugin`, or the name of a shipped plugin or of one in the project's `jobs/`.
    params: as in TOML; checked against the plugin's parameter model.
    project: a folder that is kept between calls, so that state, artifacts and tables are found again;
        default: a temporary one.
    databases: URLs by name, as automation.toml has them.
    environ: what `${env:…}` names; nothing else of the environment is seen.
    at: the nominal time, at which the clock stands still; default: now, with the system's clock.
    """
    folder: Any = tempfile.TemporaryDirectory() if project is None else nullcontext(str(project))
    with folder as name:
        clock: Clock = SystemClock() if at is None else FrozenClock(at)
        services = build_services(Path(name), clock=clock, environ=dict(environ or {}))
        try:
            return _run(services, plugin, dict(params or {}), job, timeout, dry_run, databases)
        finally:
            services.close()


def _run(
    services: Services,
    plugin: Callable[..., Any] | str,
    params: dict[str, Any],
    name: str,
    timeout: timedelta,
    dry_run: bool,
    databases: Mapping[str, str] | None,
) -> JobRun:
    spec = _spec(services, plugin)
    services.__dict__["registry"] = Registry({spec.name: spec})
    if databases is not None:
        services.__dict__["database_urls"] = dict(databases)
    ledger, now = ledger_of(services), services.clock.now()
    job = Job(
        name=name,
        plugin=spec.name,
        params=params,
        schedules=(),
        enabled=True,
        run_on_start=False,
        queue="default",
        priority=5,
        timeout=timeout,
        kill_after=timedelta(seconds=30),
        retry=RetryPolicy(),
        tags=(),
        description="",
        path=spec.source or Path(),
        line=1,
    )
    run = run_of(job, kind=Kind.MANUAL, nominal_time=now, now=now, dry_run=dry_run)
    ledger.runs.add(run)
    attempt(services, run.id, Claimant("test", os.getpid()))
    return _seen(services, ledger.queries.run(run.id))


def _spec(services: Services, plugin: Callable[..., Any] | str) -> PluginSpec:
    if callable(plugin):
        spec = spec_of(plugin)
        if spec is None:
            raise InvalidInput(f"{plugin!r} is no plugin; put @plugin above it")
        return spec
    plugins = load_registry(services.settings.project).plugins
    if plugin not in plugins:
        raise UnknownName("plugin", plugin, nearest(plugin, plugins))
    return plugins[plugin]


def _seen(services: Services, run: RunRow) -> JobRun:
    queries = services.ledger.queries
    last = queries.attempts(run.id)[-1]
    mails = reversed(services.ledger.outbox.list(run_id=run.id, limit=100_000, whole=True))
    return JobRun(
        state=str(State(run.state)),
        reason=run.reason,
        result=run.result,
        failure_class=last.failure_class,
        message=last.message,
        traceback=last.traceback,
        files={one.name: one.path.read_bytes() for one in queries.artifacts(run.id)},
        mails=tuple(_message(mail.message) for mail in mails),
        log=tuple(line.message for line in queries.logs(run.id, limit=100_000)),
        progress=(run.done, run.total),
    )


def _message(raw: bytes) -> EmailMessage:
    message = message_from_bytes(raw, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message

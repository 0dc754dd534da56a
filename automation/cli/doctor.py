"""`automation doctor`: one list of what works and what does not.

Owns: which checks there are, and going on when one part cannot be asked.
Never: judges (health/ does), or changes anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from automation.errors import AutomationError, InvalidInput, SettingsInvalid

if TYPE_CHECKING:
    from automation.health.check import Check
    from automation.services import Services

_MARKS = {"ok": ("ok  ", "green"), "warn": ("warn", "yellow"), "fail": ("FAIL", "red")}
_ALIVE = timedelta(seconds=30)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("doctor")(doctor)


def doctor(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="An array of objects in place of a list.")] = False,
) -> None:
    """Say what works and what does not: configuration, broker, ledger, workers, mail, disk, clock; 1 if anything fails."""
    from automation.cli.output import emit_json
    from automation.cli.project import project_root

    checks = []
    for check in _examine(project_root(context)):
        checks.append(check)
        if not as_json:
            _show(check)
    failed = sum(check.state == "fail" for check in checks)
    if as_json:
        emit_json([check.as_json() for check in checks])
    else:
        typer.echo(f"\n{failed} of {len(checks)} checks failed." if failed else "\nEverything that is needed works.")
    if failed:
        raise typer.Exit(1)


def _show(check: Check) -> None:
    mark, colour = _MARKS[check.state]
    typer.echo(f"{typer.style(mark, fg=colour, bold=True)}  {check.name:<16}  {check.message}")


def _examine(root: Path) -> Iterator[Check]:
    """Every check, those that need nothing first."""
    from automation.health.check import fail
    from automation.health.machine import check_tzdata, check_versions
    from automation.services import build_services

    yield check_versions()
    yield check_tzdata()
    try:
        services = build_services(root)
    except SettingsInvalid as error:
        for problem in error.problems:
            yield fail("settings", problem)
        return
    except InvalidInput as error:
        yield fail("settings", str(error))
        return
    try:
        yield from _declared(services)
        yield from _machine(services)
        yield from _broker(services)
        yield from _ledger(services)
        yield from _mail(services)
    finally:
        services.close()


def _declared(services: Services) -> Iterator[Check]:
    from automation.health.declared import check_plugins, check_project, check_settings
    from automation.project.lint import lint

    settings, registry = services.settings, services.registry
    project = lint(services.project, services.clock.now())
    yield check_settings(settings.lease, settings.grace)
    yield check_plugins(len(registry.plugins), list(dict.fromkeys(registry.broken.values())))
    yield check_project(len(project.jobs), project.problems)


def _machine(services: Services) -> Iterator[Check]:
    from automation.health.machine import check_disk

    yield check_disk(services.settings.data)


def _broker(services: Services) -> Iterator[Check]:
    from automation.broker import endpoints
    from automation.broker.facts import facts
    from automation.health.check import warn
    from automation.health.declared import check_entries
    from automation.health.services import check_redis
    from automation.queue.app import make_app

    where = endpoints(services.settings)
    try:
        yield check_redis(facts(where), embedded=where.embedded)
    except AutomationError as error:
        yield check_redis(error, embedded=where.embedded)
        yield warn("redbeat entries", "cannot be looked at while the broker does not answer")
        return
    if where.celery_url.startswith("amqp"):
        yield _queue(services)
    from automation.scheduler.entries import Entries

    entries = Entries(make_app(services.settings, where))
    entries.take(services.project)
    yield check_entries(list(entries.expected()), [f"{job}/{schedule}" for job, schedule in entries.missing()])


def _queue(services: Services) -> Check:
    from automation.health.services import check_queue
    from automation.queue.door import Door

    door = Door.of(services.settings)
    try:
        return check_queue(door.depth("default"))
    except AutomationError as error:
        return check_queue(error)
    finally:
        door.close()


def _ledger(services: Services) -> Iterator[Check]:
    from automation.health.machine import check_clock
    from automation.health.services import (
        check_breakers,
        check_ledger,
        check_ledger_file,
        check_scheduler,
        check_workers,
        database_now,
    )
    from automation.sight import running

    now = services.clock.now()
    if missing := check_ledger_file(services.settings.database_url):
        yield missing
        yield check_clock(now, None, services.settings.lease)
        return
    ledger = services.ledger_unchecked
    checks = check_ledger(ledger.engine)
    yield from checks
    if any(check.state == "fail" for check in checks):
        yield check_clock(now, None, services.settings.lease)
        return
    yield _size(services)
    there = database_now(ledger.engine)
    now = services.clock.now()
    yield check_clock(now, there, services.settings.lease)
    schedulers = running(ledger.processes.alive("scheduler", within=_ALIVE))
    workers = running(ledger.processes.alive("worker", within=_ALIVE))
    yield check_scheduler(schedulers, now, sum(bool(each.info.get("stands_in")) for each in workers))
    yield _active(services, [each.info for each in schedulers if each.info.get("leader")])
    yield check_workers(workers, now)
    yield check_breakers(ledger.breakers.all())


def _size(services: Services) -> Check:
    from automation.health.check import fail
    from automation.health.services import check_ledger_size
    from automation.ledger.extent import extent
    from automation.project.retention import load_retention

    try:
        keep = load_retention(services.settings.project, services.environ)
    except AutomationError as error:
        return fail("ledger size", f"{error}; until then nothing old is deleted")
    return check_ledger_size(extent(services.ledger_unchecked.engine, keep, services.clock.now()))


def _active(services: Services, leaders: Sequence[Mapping[str, Any]]) -> Check:
    from automation.health.declared import check_active
    from automation.scheduler.activate import digest

    occurrences = services.ledger_unchecked.occurrences
    revision, known = occurrences.active_revision()
    return check_active(
        revision,
        occurrences.activated_at(revision) if revision else None,
        as_on_disk=digest(services.project) == known,
        problems=[problem for info in leaders for problem in info.get("config_problem", ())],
        scheduled=bool(leaders),
    )


def _mail(services: Services) -> Iterator[Check]:
    from automation.health.check import fail
    from automation.health.declared import check_capture, check_smtp
    from automation.mail.probe import probe

    for name in services.mail.names:
        try:
            server = services.mail_server(name)
        except AutomationError as error:
            yield fail("smtp", str(error))
            continue
        if server is None:
            yield check_capture()
            continue
        own, smtp = name == "default" and services.settings.smtp_url, server.smtp
        setting = "AUTOMATION_SMTP_URL" if own else f"[mail.{name}]"
        yield check_smtp(f"{smtp.host}:{smtp.port}", smtp.tls, smtp.sender, probe(server), setting)

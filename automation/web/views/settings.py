"""Settings: what works and what does not, problems of the files, the audit trail.

Owns: what stands on that page, and that only an admin sees who did what.
Never: changes anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from automation.errors import AutomationError
from automation.health.check import Check, fail
from automation.health.declared import check_active, check_capture, check_plugins, check_project, check_settings
from automation.health.machine import check_clock, check_disk, check_tzdata, check_versions
from automation.health.services import check_ledger_size, database_now
from automation.ledger.extent import extent
from automation.ledger.roles import Role
from automation.project.retention import load_retention
from automation.sight import running
from automation.text import count
from automation.web.site import Site
from automation.web.views.overview import parts
from automation.web.words import Viewer

_ALIVE = timedelta(seconds=30)
_TRAIL = 50
_SECONDS = 15.0


def settings_page(site: Site, viewer: Viewer) -> str:
    """The page."""
    project = site.project()
    admin = viewer.who is not None and viewer.who.may(Role.ADMIN)
    return site.render(
        "settings.html",
        viewer,
        section="settings",
        checks=site.fresh.get("doctor", _SECONDS, lambda: list(examine(site)), longest=60.0),
        problems=[(str(one.path), one.line, one.column, one.severity, one.message) for one in project.problems],
        admin=admin,
        users=count(len(site.ledger.people.all()), "user") if admin else "",
        tokens=count(sum(one.revoked_at is None for one in site.ledger.tokens.all()), "token") if admin else "",
        trail=[(one, viewer.at(one.at)) for one in site.ledger.audit.list(limit=_TRAIL)] if admin else [],
        is_open=viewer.who is not None and viewer.who.is_open,
    )


def examine(site: Site) -> Iterator[Check]:
    """What `automation doctor` looks at, but for what takes seconds: mail servers, entries in Redis, the ledger's pages."""
    services, now = site.services, site.clock.now()
    settings, ledger, project = services.settings, site.ledger, site.project()
    yield from parts(site)
    yield check_settings(settings.lease, settings.grace)
    yield check_plugins(len(services.registry.plugins), list(dict.fromkeys(services.registry.broken.values())))
    yield check_project(len(project.jobs), project.problems)
    yield _active(site)
    yield check_disk(settings.data)
    yield check_clock(now, database_now(ledger.engine), settings.lease)
    yield check_tzdata()
    try:
        keep = load_retention(settings.project, services.environ)
        yield check_ledger_size(extent(ledger.engine, keep, now))
    except AutomationError as error:
        yield fail("ledger size", f"{error}; until then nothing old is deleted")
    if not settings.smtp_url:
        yield check_capture()
    yield check_versions()


def _active(site: Site) -> Check:
    """Whether what fires is what stands in the files, as the scheduler that leads says."""
    revision, _ = site.ledger.occurrences.active_revision()
    leaders = [
        one for one in running(site.ledger.processes.alive("scheduler", within=_ALIVE)) if one.info.get("leader")
    ]
    told = [problem for one in leaders for problem in one.info.get("config_problem", ())]
    return check_active(
        revision,
        site.ledger.occurrences.activated_at(revision) if revision else None,
        as_on_disk=not told,
        problems=told,
        scheduled=bool(leaders),
    )

"""`automation web`: the process of the Procfile that serves the pages.

Owns: wiring the web process.
Never: knows a page.
"""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("web")(web)


def web(context: typer.Context) -> None:
    """Serve the dashboard, /healthz and /readyz on 127.0.0.1 and PORT (8000 unless set)."""
    from ipaddress import ip_network

    from automation import logs
    from automation.broker import endpoints, secret_key
    from automation.cli.opening import ledger_if_any
    from automation.cli.project import project_root
    from automation.services import build_services
    from automation.web.access.caller import Rules
    from automation.web.access.gate import Gate
    from automation.web.api.desk import Bell, Desk
    from automation.web.app import create_app
    from automation.web.declared import Declared
    from automation.web.patience import bound_waits
    from automation.web.ready import readiness
    from automation.web.server import is_loopback, listen, serve
    from automation.web.site import Site

    services = build_services(project_root(context))
    settings = services.settings
    logs.configure(services.redactor, form=settings.log_format, level=settings.log_level)
    ledger, where = services.ledger_unchecked, endpoints(settings)
    bound_waits(ledger.engine)

    def guarded() -> bool:
        found = ledger_if_any(services)
        return found is not None and found.people.guarded()

    listening = listen(settings.host, settings.port, guarded=guarded, public_url=settings.public_url)
    rules = Rules(
        settings.public_url,
        [ip_network(one, strict=False) for one in settings.trusted_proxies],
        settings.proxy_user,
        is_loopback(settings.host),
        settings.read_only,
    )
    gate = Gate(ledger, services.clock, secret_key(settings), rules)
    declared = Declared(settings.project, services.read_project)
    site = Site(services, declared)
    bell = Bell(services)
    desk = Desk(services, site.project, site.file, bell)
    try:
        serve(create_app(site, lambda: readiness(ledger.engine, where), gate, desk), listening, settings.grace)
    finally:
        listening.close()
        bell.close()
        services.close()

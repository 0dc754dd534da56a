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
    from automation import logs
    from automation.broker import endpoints
    from automation.cli.project import project_root
    from automation.dispatch.outlook import outlook
    from automation.services import build_services
    from automation.web.app import create_app
    from automation.web.declared import Declared
    from automation.web.ready import readiness
    from automation.web.server import listen, serve
    from automation.web.site import Site

    services = build_services(project_root(context))
    settings = services.settings
    logs.configure(services.redactor, form=settings.log_format, level=settings.log_level)
    listening = listen(settings.host, settings.port)
    ledger, where = services.ledger_unchecked, endpoints(settings)
    declared = Declared(settings.project, services.read_project)
    site = Site(
        ledger.queries,
        declared,
        services.clock,
        settings.artifacts,
        lambda: ledger.processes.alive("scheduler"),
        lambda jobs: outlook(ledger, jobs),
    )
    try:
        serve(create_app(site, lambda: readiness(ledger.engine, where)), listening, settings.grace)
    finally:
        listening.close()
        services.close()

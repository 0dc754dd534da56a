"""`automation up`: everything on one machine; and the hidden `automation broker`, which it starts.

Owns: the two commands' options.
Never: does the work (cli/machine.py and broker/ do), or imports it before it is asked for.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

_LONGEST_GRACE = timedelta(hours=1)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("up")(up)
    app.command("broker", hidden=True)(broker)


def up(
    context: typer.Context,
    grace: Annotated[
        str, typer.Option("--grace", help="From Ctrl-C or SIGTERM until nothing is left: how long runs may go on.")
    ] = "5s",
    procfile: Annotated[
        Path | None, typer.Option("--procfile", "-f", help="Another Procfile than the project's.")
    ] = None,
) -> None:
    """Run everything here: broker, scheduler, worker and dashboard, until Ctrl-C."""
    from automation.cli.machine import run_up
    from automation.cli.project import project_root
    from automation.errors import InvalidInput
    from automation.settings import read_settings
    from automation.supervise.procfile import read_procfile
    from automation.text import parse_duration

    try:
        span = parse_duration(grace)
    except ValueError as error:
        raise InvalidInput(f"--grace: {error}") from None
    if span > _LONGEST_GRACE:
        raise InvalidInput(f"--grace is '{grace}'; write a duration up to 1h")
    settings = read_settings(project_root(context))
    code = run_up(settings, read_procfile(procfile or settings.project / "Procfile"), grace=span)
    if code:
        raise typer.Exit(code)


def broker(context: typer.Context) -> None:
    """Become the project's embedded broker; `automation up` starts it, and a service manager may."""
    from automation import logs
    from automation.broker.serve import exec_server
    from automation.cli.project import project_root
    from automation.secrets import Redactor
    from automation.settings import read_settings

    settings = read_settings(project_root(context))
    logs.configure(Redactor(), form=settings.log_format, level=settings.log_level)
    exec_server(settings)

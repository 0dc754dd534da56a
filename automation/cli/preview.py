"""`preview`: what a report or mail would be now.

Owns: its options, and what is printed and opened.
Never: sends or records anything.
"""

from __future__ import annotations

from typing import Annotated

import typer

from automation.cli.asked import Params


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("preview")(preview)


def preview(
    context: typer.Context,
    job: Annotated[str, typer.Argument(help="A report's or mail's job.", metavar="JOB")],
    params: Params = None,
    at: Annotated[
        str | None, typer.Option("--at", help="As if this moment were due; default: now.", metavar="T")
    ] = None,
    browser: Annotated[bool, typer.Option("--open", help="Show the first page in the browser.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON object, for programs.")] = False,
) -> None:
    """Make a report or mail with live data, and neither record, keep nor send it."""
    from automation.cli.opening import open_services
    from automation.cli.output import emit_json, notice, parse_moment
    from automation.cli.running import read_params
    from automation.errors import Skip
    from automation.runner.preview import look
    from automation.text import count, size

    services = open_services(context)
    services.upgraded_ledger()
    moment = parse_moment(at, "") if at else None
    try:
        seen = look(services, job, read_params(params or ()), moment)
    except Skip as skipped:
        notice(f"It would be skipped: {skipped.reason}")
        return
    if as_json:
        paths = [str(path) for path in (*seen.files, *seen.mails)]
        emit_json({"folder": str(seen.folder), "files": paths, "recipients": seen.recipients, "result": seen.result})
    else:
        for path in (*seen.mails, *seen.files):
            typer.echo(f"{path}  {size(path.stat().st_size)}")
        if seen.recipients:
            notice(f"{count(seen.recipients, 'recipient')} would get it; nothing is sent")
    first = next((path for path in (*seen.mails, *seen.files) if path.suffix in (".html", ".pdf")), None)
    if browser and first is not None:
        typer.launch(first.as_uri())

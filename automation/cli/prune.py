"""`prune`: what retention does, now and at once.

Owns: the command's options, its progress, and the table of what went.
Never: chooses what goes; the ledger's retention does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from automation.cli.output import emit, emit_json, notice
from automation.errors import InvalidInput

if TYPE_CHECKING:
    from automation.ledger.keep import Keep
    from automation.services import Services

_TELL_SECONDS = 5.0


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("prune")(prune)


def prune(
    context: typer.Context,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count, and delete nothing.")] = False,
    older_than: Annotated[
        str | None,
        typer.Option("--older-than", metavar="AGE", help="This age for everything, in place of those of [retention]."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="An object of counts in place of a table.")] = False,
) -> None:
    """Delete what has ended and is older than [retention] keeps it; the leader does so by itself, now and then."""
    from functools import partial

    from automation.artifacts import remove_files
    from automation.cli.opening import open_services

    services = open_services(context)
    keep = _keep(services, older_than)
    sweep = services.ledger.sweep(keep, partial(remove_files, services.settings.artifacts), dry=dry_run)
    told = services.clock.monotonic()
    for _ in sweep.steps():
        if services.clock.monotonic() - told > _TELL_SECONDS:
            told = services.clock.monotonic()
            notice(f"{sweep.counts['runs']:,} runs so far")
    counts = {what: sweep.counts[what] for what in ("runs", "log lines", "artifacts", "bytes of artifacts", "mails")}
    if as_json:
        emit_json({what.replace(" ", "_"): number for what, number in counts.items()})
        return
    column = "would go" if dry_run else "went"
    rows = [{"what": what, column: f"{number:,}"} for what, number in counts.items() if number]
    emit(rows, as_json=False, columns=("what", column), empty="Nothing is old enough.")
    if rows and dry_run:
        notice("Nothing was deleted.")


def _keep(services: Services, older_than: str | None) -> Keep:
    """The project's ages, or one for all. Raises InvalidInput, ProjectInvalid."""
    from automation.project.retention import LEAST_AGE, MOST_AGE, load_retention
    from automation.project.values import span_problem
    from automation.text import parse_duration

    keep = load_retention(services.settings.project, services.environ)
    if older_than is None:
        return keep
    problem = span_problem(older_than, LEAST_AGE, MOST_AGE)
    if problem:
        raise InvalidInput(f"--older-than: {problem}")
    return keep.older_than(parse_duration(older_than))

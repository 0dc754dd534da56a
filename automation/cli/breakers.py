"""`breakers`, `breakers list`, `breakers close`: which jobs are not tried just now since they failed in a row, and trying them all the same.

Owns: these commands, and what `list` says of a job whose breaker is open.
Never: decides when one opens or closes by itself; the ledger does, with each verdict.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from automation.cli.asked import By, author_of
from automation.cli.output import Json, emit
from automation.errors import UnknownName
from automation.text import local_time, nearest

if TYPE_CHECKING:
    pass

breakers = typer.Typer(
    invoke_without_command=True,
    rich_markup_mode=None,
)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(breakers, name="breakers")


@breakers.callback()
def without_a_command(context: typer.Context, as_json: Json = False) -> None:
    """Circuit breakers that have seen a failure, and closing one; without a command they are listed."""
    if context.invoked_subcommand is None:
        list_breakers(context, as_json)


@breakers.command("list")
def list_breakers(context: typer.Context, as_json: Json = False) -> None:
    """List the breakers that have seen a failure: how each stands, until when, how many runs wait."""
    from automation.cli.opening import open_services

    found = open_services(context).ledger.breakers.all()
    moments = [{} if as_json else {"since": one.position.since, "tries_at": one.position.tries_at} for one in found]
    rows = [{**one.as_json(), **shown} for one, shown in zip(found, moments, strict=True)]
    columns = ("breaker", "state", "failures", "since", "tries_at", "waiting", "reason")
    emit(rows, as_json=as_json, columns=columns, empty="No breaker has seen a failure since it last closed.")


@breakers.command("close")
def close(
    context: typer.Context,
    name: Annotated[
        str, typer.Argument(metavar="BREAKER", help="As `automation breakers` names it, or the job's name.")
    ],
    by: By = None,
) -> None:
    """Let everything through again; the runs that wait begin."""
    from automation.cli.opening import open_services
    from automation.cli.trail import leave

    author = author_of(by)
    ledger = open_services(context).ledger
    found = {one.key: one for one in ledger.breakers.all()}
    key = next((key for key in (name, f"breaker {name}", f"breaker ({name})") if key in found), None)
    if key is None:
        hint = "See: automation breakers" if found else "No breaker has seen a failure since it last closed."
        raise UnknownName("breaker", name, nearest(name, found) or nearest(f"breaker {name}", found), hint)
    closed = ledger.breakers.close(key, author)
    leave(ledger, "breaker.close", key, who=author)
    waits = f"; {found[key].waiting} waiting" if found[key].waiting else ""
    typer.echo(f"Closed: {key}{waits}" if closed else f"It was closed: {key}; its count begins anew")


def shown_breaker(row: Mapping[str, Any]) -> str:
    """What a table adds to the state of a job; "" where its breaker lets everything through."""
    if row["breaker"] == "half_open":
        return "; breaker half open"
    tries_at = row["breaker_tries_at"]
    return f"; breaker open until {local_time(tries_at, 'minutes')}" if row["breaker"] == "open" and tries_at else ""

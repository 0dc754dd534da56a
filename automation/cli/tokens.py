"""`tokens add|list|revoke` and `audit`: programs that call the web process, and what was done by whom.

Owns: these commands' options and what they print.
Never: shows a token a second time.
"""

from __future__ import annotations

from typing import Annotated

import typer

from automation.cli.asked import By, author_of
from automation.cli.output import Json, Limit, choose, emit, emit_json, notice
from automation.cli.users import ROLES
from automation.errors import InvalidInput

tokens = typer.Typer(help="Tokens for programs that call the API.", no_args_is_help=True, rich_markup_mode=None)
_NEVER = "never"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(tokens, name="tokens")
    app.command("audit")(audit)


@tokens.command("add")
def add(
    context: typer.Context,
    label: Annotated[str, typer.Argument(metavar="LABEL", help="What it is for, such as ci.")],
    role: Annotated[str, typer.Option("--role", help="viewer, operator or admin.")] = "viewer",
    scope: Annotated[
        list[str] | None,
        typer.Option("--scope", help="Only actions like this: job.run, run.*; may be given again.", metavar="ACTION"),
    ] = None,
    job: Annotated[
        list[str] | None, typer.Option("--job", help="Only for this job; may be given again.", metavar="JOB")
    ] = None,
    expires: Annotated[str, typer.Option("--expires", help='After a span, such as 30d; or "never".')] = "90d",
    by: By = None,
    as_json: Json = False,
) -> None:
    """Make a token, and print it: it cannot be shown again."""
    from automation.cli.opening import open_services
    from automation.cli.trail import leave
    from automation.ledger.roles import Role
    from automation.text import local_time, parse_duration

    wanted, author = Role(choose("role", role, ROLES)), author_of(by)
    if not 0 < len(label.strip()) <= 80:
        raise InvalidInput("The label has 1 to 80 characters; say what the token is for")
    services = open_services(context)
    ledger = services.upgraded_ledger()
    for name in job or ():
        services.job(name)
    try:
        end = None if expires == _NEVER else services.clock.now() + parse_duration(expires)
    except (ValueError, OverflowError) as error:
        raise InvalidInput(f"--expires: {error}, or never") from error
    text, row = ledger.tokens.add(label.strip(), author, wanted, scopes=scope or (), jobs=job or (), expires_at=end)
    leave(ledger, "token.add", f"{row.label} ({row.id})", who=author, role=str(wanted), scopes=scope, jobs=job)
    if as_json:
        emit_json({**row.as_json(), "token": text})
        return
    typer.echo(text)
    until = f"until {local_time(end, 'minutes')}" if end else "without an end"
    notice(
        f"It is {wanted}, {until}. Keep it now: it is not shown again. Send it as: Authorization: Bearer {text[:12]}…"
    )


@tokens.command("list")
def list_tokens(context: typer.Context, as_json: Json = False) -> None:
    """List the tokens, newest first."""
    from automation.cli.opening import open_services

    found = open_services(context).ledger.tokens.all()
    rows = [
        one.as_json()
        if as_json
        else {**one.as_json(), "expires_at": one.expires_at, "used_at": one.used_at, "revoked_at": one.revoked_at}
        for one in found
    ]
    columns = ("prefix", "label", "role", "scopes", "jobs", "made_by", "expires_at", "used_at", "revoked_at")
    emit(rows, as_json=as_json, columns=columns, spare=("made_by", "used_at", "scopes", "jobs"), empty="No tokens.")


@tokens.command("revoke")
def revoke(
    context: typer.Context,
    token: Annotated[str, typer.Argument(metavar="TOKEN", help="Its beginning, as `automation tokens list` shows it.")],
    by: By = None,
) -> None:
    """End a token at once."""
    from automation.cli.opening import open_services
    from automation.cli.trail import leave

    author, ledger = author_of(by), open_services(context).ledger
    row = ledger.tokens.revoke(token)
    leave(ledger, "token.revoke", f"{row.label} ({row.id})", who=author)
    typer.echo(f"Token {row.label} ({row.id}) " + ("was revoked before" if row.revoked_at else "is revoked"))


def audit(
    context: typer.Context,
    who: Annotated[str | None, typer.Option("--who", help="Of this user or token only.")] = None,
    action: Annotated[str | None, typer.Option("--action", help="Of this action only, such as run.cancel.")] = None,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """Show who did what, when, from where; newest first."""
    from automation.cli.opening import open_services

    found = open_services(context).ledger.audit.list(who=who, action=action, limit=limit)
    rows = [one.as_json() if as_json else {**one.as_json(), "at": one.at} for one in found]
    columns = ("at", "who", "via", "address", "action", "target", "status")
    emit(rows, as_json=as_json, columns=columns, spare=("via", "address"), empty="Nothing was done yet.")

"""`users add|list|role|password|remove`: who may sign in to the web process.

Owns: these commands' options, and asking for a password.
Never: shows a password or its digest.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from automation.cli.output import Json, choose, emit, notice
from automation.errors import InvalidInput
from automation.text import count

users = typer.Typer(help="Who may sign in.", no_args_is_help=True, rich_markup_mode=None)
_Name = Annotated[str, typer.Argument(metavar="NAME", help="The user's name.")]
_Stdin = Annotated[bool, typer.Option("--password-stdin", help="The password is the first line of standard input.")]
ROLES = ("viewer", "operator", "admin")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(users, name="users")


@users.command("add")
def add(
    context: typer.Context,
    name: _Name,
    role: Annotated[str, typer.Option("--role", help="viewer looks, operator runs and stops, admin gives access.")],
    password_stdin: _Stdin = False,
    no_password: Annotated[
        bool, typer.Option("--no-password", help="Signed in by a proxy alone: see AUTOMATION_PROXY_USER.")
    ] = False,
) -> None:
    """Add a user; from the first one on nobody gets in without signing in."""
    from automation.cli.opening import open_services
    from automation.cli.trail import leave
    from automation.ledger.roles import Role
    from automation.web.access.names import user_name
    from automation.web.access.passwords import digest_of

    wanted, name = Role(choose("role", role, ROLES)), user_name(name)
    services = open_services(context)
    ledger = services.upgraded_ledger()
    digest = None if no_password else digest_of(_password(from_stdin=password_stdin))
    first = not ledger.people.guarded()
    ledger.people.add(name, wanted, digest)
    leave(ledger, "user.add", name, role=str(wanted))
    typer.echo(f"User {name} is {wanted}")
    if first:
        notice("From now on the web process answers nobody who has not signed in")


@users.command("list")
def list_users(context: typer.Context, as_json: Json = False) -> None:
    """List the users."""
    from automation.cli.opening import open_services

    found = open_services(context).ledger.people.all()
    rows = [one.as_json() if as_json else {**one.as_json(), "created_at": one.created_at} for one in found]
    columns = ("name", "role", "password", "created_at")
    empty = "No users: the web process answers this machine alone. Add one: automation users add NAME --role admin"
    emit(rows, as_json=as_json, columns=columns, empty=empty)


@users.command("role")
def change_role(
    context: typer.Context,
    name: _Name,
    role: Annotated[str, typer.Argument(metavar="ROLE", help="viewer, operator or admin.")],
) -> None:
    """Give a user another role; their sessions end."""
    from automation.cli.opening import open_services
    from automation.cli.trail import leave
    from automation.ledger.roles import Role
    from automation.web.access.names import user_name

    wanted = Role(choose("role", role, ROLES))
    ledger = open_services(context).ledger
    ledger.people.change(user_name(name), role=wanted)
    leave(ledger, "user.role", user_name(name), role=str(wanted))
    typer.echo(f"User {user_name(name)} is {wanted} from now on, and has to sign in again")


@users.command("password")
def change_password(context: typer.Context, name: _Name, password_stdin: _Stdin = False) -> None:
    """Give a user another password; their sessions end."""
    from automation.cli.opening import open_services
    from automation.cli.trail import leave
    from automation.web.access.names import user_name
    from automation.web.access.passwords import digest_of

    ledger = open_services(context).ledger
    ledger.people.change(user_name(name), password=digest_of(_password(from_stdin=password_stdin)))
    leave(ledger, "user.password", user_name(name))
    typer.echo(f"User {user_name(name)} has another password, and has to sign in again")


@users.command("remove")
def remove(context: typer.Context, name: _Name) -> None:
    """Remove a user; their sessions end, and the tokens that they made are revoked."""
    from automation.cli.opening import open_services
    from automation.cli.trail import leave
    from automation.web.access.names import user_name

    ledger = open_services(context).ledger
    revoked = ledger.people.remove(user_name(name))
    leave(ledger, "user.remove", user_name(name))
    typer.echo(f"User {user_name(name)} is removed" + (f", and {count(revoked, 'token')} with them" if revoked else ""))
    if not ledger.people.guarded():
        notice("That was the last one: the web process answers this machine alone, without signing in")


def _password(*, from_stdin: bool) -> str:
    """The password, typed twice, or read from standard input. Raises InvalidInput."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise InvalidInput("There is no terminal to ask for the password; write --password-stdin and send it")
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))

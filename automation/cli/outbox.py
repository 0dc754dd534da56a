"""`automation outbox list|show|send`: the mails that were recorded, and where they are.

Owns: these commands' options and what they print.
Never: sends a mail except through the runner's delivery.
"""

from __future__ import annotations

from typing import Annotated

import typer

outbox = typer.Typer(help="Mails: recorded before any is sent.", no_args_is_help=True, rich_markup_mode=None)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(outbox, name="outbox")


@outbox.command("list")
def list_mails(
    context: typer.Context,
    state: Annotated[str | None, typer.Option("--state", help="In this state only.")] = None,
    limit: Annotated[int, typer.Option("-n", "--limit", min=1, help="At most so many, newest first.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON array, for programs.")] = False,
) -> None:
    """List mails, newest first."""
    from automation.cli.opening import open_services
    from automation.cli.output import choose, emit
    from automation.ledger.states import MailState

    wanted = choose("state", state, [str(one) for one in MailState]) if state else None
    mails = open_services(context).ledger.outbox.list(state=wanted, limit=limit)
    rows = [mail.as_json() if as_json else {**mail.as_json(), "created_at": mail.created_at} for mail in mails]
    columns = ("id", "recipient", "subject", "state", "created_at", "response")
    emit(rows, as_json=as_json, columns=columns, spare=("created_at",), empty="No mails yet")


@outbox.command("show")
def show_mail(
    context: typer.Context,
    mail_id: Annotated[int, typer.Argument(metavar="MAIL", help="The mail's number.")],
) -> None:
    """Print a mail as it was, or will be, sent."""
    from automation.cli.opening import open_services

    mail = open_services(context).ledger.outbox.get(mail_id)
    typer.echo(mail.message.decode("utf-8", "replace"))


@outbox.command("send")
def send_mails(context: typer.Context) -> None:
    """Send what is due now, without waiting for a worker."""
    from automation.cli.opening import open_services
    from automation.runner.deliver import deliver
    from automation.text import count

    services = open_services(context, quiet=False)
    typer.echo(f"{count(deliver(services), 'mail')} settled")

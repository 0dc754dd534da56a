"""`automation outbox …` and `automation mailbox`: the mails that were recorded, and where they are.

Owns: these commands' options and what they print.
Never: sends a mail except through the runner's delivery.
"""

from __future__ import annotations

from typing import Annotated

import typer

from automation.cli.output import Json, Limit

outbox = typer.Typer(help="Mails: recorded before any is sent.", no_args_is_help=True, rich_markup_mode=None)
Mail = Annotated[int, typer.Argument(metavar="MAIL", help="The mail's number.")]
State = Annotated[list[str] | None, typer.Option("--state", help="In this state only; may be given again.")]
Job = Annotated[str | None, typer.Option("--job", help="Of this job only.")]
To = Annotated[str | None, typer.Option("--to", help="Only where the recipient's address holds this.")]
Mails = Annotated[list[int], typer.Argument(metavar="MAIL...", help="Numbers of mails.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(outbox, name="outbox")
    app.command("mailbox")(mailbox)


@outbox.command("list")
def list_mails(
    context: typer.Context,
    state: State = None,
    job: Job = None,
    to: To = None,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """List mails, newest first."""
    from automation.cli.mailpage import waits
    from automation.cli.opening import open_services
    from automation.cli.output import choose, emit
    from automation.ledger.states import MailState

    wanted = [choose("state", one, [str(known) for known in MailState]) for one in state or ()]
    mails = open_services(context).ledger.outbox.list(states=wanted, job=job, recipient=to, limit=limit)
    rows = [
        mail.as_json()
        if as_json
        else {
            **mail.as_json(),
            "created_at": mail.created_at,
            "response": "; ".join(filter(None, [mail.response, waits(mail)])),
        }
        for mail in mails
    ]
    columns = ("id", "recipient", "subject", "state", "created_at", "response")
    emit(rows, as_json=as_json, columns=columns, spare=("created_at",), empty="No mails yet")


@outbox.command("show")
def show_mail(
    context: typer.Context,
    mail_id: Mail,
    raw: Annotated[bool, typer.Option("--raw", help="The message as it goes over the wire.")] = False,
    as_json: Json = False,
) -> None:
    """Show where a mail is, its headers and its text."""
    from automation.cli.mailpage import page
    from automation.cli.opening import open_services
    from automation.cli.output import emit_json

    mail = open_services(context).ledger.outbox.get(mail_id)
    if raw:
        typer.echo(mail.message.decode("utf-8", "replace"))
    elif as_json:
        emit_json(mail.as_json())
    else:
        typer.echo(page(mail))


@outbox.command("open")
def open_mail(
    context: typer.Context,
    mail_id: Mail,
    browser: Annotated[bool, typer.Option(help="Show it in the browser; otherwise only write the page.")] = True,
) -> None:
    """Write a mail as a page, as a mail program shows it, and open it in the browser."""
    from automation.cli.mailpage import preview_file
    from automation.cli.opening import open_services

    services = open_services(context)
    path = preview_file(services.settings.data, services.ledger.outbox.get(mail_id))
    typer.echo(str(path))
    if browser:
        typer.launch(path.as_uri())


@outbox.command("send")
def send_mails(context: typer.Context) -> None:
    """Send what is due now, without waiting for a worker; servers that were away are asked again."""
    from automation.cli.opening import open_services
    from automation.runner.deliver import deliver
    from automation.text import count

    services = open_services(context, quiet=False)
    services.ledger.mail_servers.wake()
    typer.echo(f"{count(deliver(services), 'mail')} settled")


@outbox.command("retry")
def retry_mails(
    context: typer.Context,
    mails: Mails,
    yes: Annotated[bool, typer.Option("--yes", help="Also one in doubt, which may then arrive twice.")] = False,
) -> None:
    """Send mails again, as they are: refused, expired, cancelled, or in doubt."""
    from automation.acts.mails import retry
    from automation.cli.opening import open_services
    from automation.cli.trail import leave
    from automation.text import count

    ledger = open_services(context).ledger
    for mail in retry(ledger, mails, yes=yes):
        leave(ledger, "mail.retry", str(mail.id))
    typer.echo(f"{count(len(mails), 'mail')} will be sent again")


@outbox.command("cancel")
def cancel_mails(
    context: typer.Context,
    mails: Mails,
    reason: Annotated[str, typer.Option("--reason", help="Kept with the mail.")] = "",
) -> None:
    """Never send mails that have not left."""
    from automation.acts.mails import cancel
    from automation.cli.opening import open_services
    from automation.cli.trail import leave
    from automation.settings import login_name
    from automation.text import count

    ledger = open_services(context).ledger
    for mail_id in mails:
        cancel(ledger, mail_id, login_name(), reason)
        leave(ledger, "mail.cancel", str(mail_id), reason=reason)
    typer.echo(f"{count(len(mails), 'mail')} cancelled")


def mailbox(
    context: typer.Context,
    to: To = None,
    limit: Limit = 10,
    as_json: Json = False,
) -> None:
    """Show the mails that were captured because no server is set: who would have got what."""
    from automation.cli.mailpage import captured_line
    from automation.cli.opening import open_services
    from automation.cli.output import emit_json, notice
    from automation.ledger.states import MailState

    services = open_services(context)
    mails = services.ledger.outbox.list(states=[MailState.CAPTURED], recipient=to, limit=limit, whole=True)
    if as_json:
        emit_json([mail.as_json() for mail in mails])
        return
    for mail in mails:
        typer.echo(captured_line(mail))
    if not mails:
        notice("No captured mails")
    elif not services.settings.smtp_url:
        notice("None of them left this machine. See one with: automation outbox open NUMBER")

"""One mail for a terminal, or as a page for the browser.

Owns: what is shown of a mail, and in which order.
Never: sends anything.
"""

from __future__ import annotations

from pathlib import Path

from automation.artifacts import write_file
from automation.cli.output import cell
from automation.ledger.mail_rows import MailRow
from automation.ledger.states import MailState
from automation.mail.preview import attachments, preview, read, text_of
from automation.text import count, printable

_SHOWN = 3


def page(mail: MailRow) -> str:
    """Where the mail is, its headers, its text and its files."""
    message = read(mail.message)
    tries = f" after {count(mail.tries, 'try', 'tries')}" if mail.tries > 1 else ""
    lines = [
        f"mail {mail.id} of job {mail.job}: {mail.state}{tries}",
        f"  {printable(mail.response or '', 500)}" if mail.response else "",
        f"  {wait}" if (wait := waits(mail)) else "",
        f"  for {mail.recipient}, through {mail.server}, run {mail.run_id}",
        "",
        *(f"{name}: {printable(str(message[name]), 500)}" for name in ("From", "To", "Cc", "Subject", "Date", "Message-ID")
          if message[name]),
        "",
        text_of(message).strip(),
        "",
        *(f"file {name}" for name in attachments(message)),
    ]  # fmt: skip
    kept = [line for line, before in zip(lines, ["", *lines], strict=False) if line or before]
    return "\n".join(_printable_lines(kept)).rstrip()


def waits(mail: MailRow) -> str:
    """Until when it waits, where it was told to."""
    if mail.state is MailState.TEMPORARY:
        return f"next try {cell(mail.due_at)}"
    if mail.state is MailState.GATHERED:
        return f"its digest {mail.digest} closes {cell(mail.due_at)}"
    return f"leaves {cell(mail.due_at)}" if mail.state is MailState.QUEUED and mail.due_at > mail.created_at else ""


def captured_line(mail: MailRow) -> str:
    """A captured mail in a few lines: number, when, to whom, subject, and how it begins."""
    text = [line.strip() for line in text_of(read(mail.message)).splitlines() if line.strip()]
    head = f"{mail.id:>5}  {cell(mail.created_at)}  {mail.recipient}  {printable(mail.subject, 100)}"
    return "\n".join([head, *(f"       {printable(line, 100)}" for line in text[:_SHOWN])])


def preview_file(data: Path, mail: MailRow) -> Path:
    """The page of a mail, written into the data folder."""
    said = mail.response or ""
    note = f"Mail {mail.id} to {mail.recipient}: " + (said if said.startswith(mail.state) else f"{mail.state}. {said}")
    path, _, _ = write_file(data / "preview", f"mail-{mail.id}.html", preview(mail.message, note=note.strip()).encode())
    return path


def _printable_lines(lines: list[str]) -> list[str]:
    return [printable(part, 2000) for line in lines for part in (line.splitlines() or [""])]

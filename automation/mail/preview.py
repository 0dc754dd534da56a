"""A mail as a mail program shows it, as one page for a browser.

Owns: headers on top, the HTML part with its inline images, or the text; the names of files.
Never: fetches anything, or lets the mail run a script: it stands in a frame that may do nothing.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from html import escape

from automation.text import size

_CID = re.compile(r"cid:([^\"'\s)>]+)", re.IGNORECASE)
_HEADERS = ("From", "To", "Cc", "Reply-To", "Subject", "Date", "List-Unsubscribe")
#: Nothing from elsewhere: a look at a mail tells nobody that it was looked at.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def preview(raw: bytes, *, note: str = "") -> str:
    """The page.

    Parameters
    ----------
    note: said above the mail, such as where it is.
    """
    message = read(raw)
    rows = "".join(
        f"<tr><th>{name}</th><td>{escape(str(value))}</td></tr>" for name in _HEADERS for value in _all(message, name)
    )
    files = "".join(f"<li>{escape(line)}</li>" for line in attachments(message))
    listed = f"<h2>Attachments</h2><ul>{files}</ul>" if files else ""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(str(message["Subject"] or ""))}</title>'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}; frame-src \'self\'">'
        f"<style>{_STYLE}</style></head><body><p>{escape(note)}</p><table>{rows}</table>"
        f'<iframe sandbox title="The mail" srcdoc="{escape(_page(message))}"></iframe>{listed}</body></html>'
    )


def body(raw: bytes) -> str:
    """What is read of the mail alone, as a page for a frame that may do nothing."""
    return _page(read(raw))


def read(raw: bytes) -> EmailMessage:
    """The message of these bytes."""
    message = message_from_bytes(raw, policy=default)
    assert isinstance(message, EmailMessage), "the default policy makes no other"
    return message


def text_of(message: EmailMessage) -> str:
    """What a reader without HTML sees."""
    part = message.get_body(("plain",))
    return str(part.get_content()) if part is not None else ""


def attachments(message: EmailMessage) -> list[str]:
    """The files by name, media type and size."""
    return [
        f"{part.get_filename() or 'without a name'} ({part.get_content_type()}, {size(len(_bytes(part)))})"
        for part in message.iter_attachments()
        if part.get_content_disposition() == "attachment"
    ]


_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;margin:1.5rem auto;max-width:60rem;padding:0 1rem;color:#1a2230;background:#f4f6f9}"
    "th{text-align:left;padding-right:1rem;vertical-align:top;color:#56627a;font-weight:500}"
    "iframe{width:100%;height:70vh;border:1px solid #c9d2de;background:#fff;margin-top:1rem}h2{font-size:1rem}"
)


def _all(message: EmailMessage, name: str) -> Iterable[object]:
    return message.get_all(name, [])


def _page(message: EmailMessage) -> str:
    """The HTML part with its images in it, or the text."""
    part = message.get_body(("html",))
    if part is None:
        return f'<meta charset="utf-8"><pre style="white-space:pre-wrap;font:inherit">{escape(text_of(message))}</pre>'
    images = {
        str(one["Content-ID"]).strip(" <>"): f"data:{one.get_content_type()};base64,{_base64(one)}"
        for one in message.walk()
        if one["Content-ID"]
    }
    return _CID.sub(lambda found: images.get(found[1], found[0]), str(part.get_content()))


def _base64(part: EmailMessage) -> str:
    return base64.b64encode(_bytes(part)).decode("ascii")


def _bytes(part: EmailMessage) -> bytes:
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""

"""A message from its parts: headers that cannot be injected, bodies that every server takes.

Owns: what a mail of ours looks like.
Never: sends; reads a clock: the moment and the key are given, so the same mail is made again byte for byte.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from email.headerregistry import Address, Group
from email.message import EmailMessage
from email.policy import SMTP

from automation.errors import FailureClass, JobFailed
from automation.mail.addresses import (
    header_text,
    is_ascii,
    parse_address,
    parse_addresses,
    without_repeats,
)
from automation.mail.files import Attachment, named_images, safe_name, with_ids
from automation.mail.origin import digest_of_key, message_id
from automation.mail.plain import text_from_html
from automation.text import count, printable, size

MOST_BYTES = 20_000_000
MOST_RECIPIENTS = 1000
_POLICY = SMTP.clone(cte_type="7bit")
_LONGEST_LINE = 900
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9.+-]*/[a-z0-9][a-z0-9.+-]*")
_LINK = re.compile(r"(https://|mailto:)[^\s<>]+")


def compose(
    *,
    to: Sequence[str],
    subject: str,
    key: str,
    moment: datetime,
    text: str = "",
    html: str = "",
    cc: Sequence[str] = (),
    bcc: Sequence[str] = (),
    reply_to: Sequence[str] = (),
    sender: str | None = None,
    attachments: Iterable[Attachment] = (),
    language: str = "",
    unsubscribe: str = "",
    max_recipients: int = MOST_RECIPIENTS,
    max_bytes: int = MOST_BYTES,
) -> EmailMessage:
    """A message whose `as_bytes()` may go over the wire once `Bcc` is taken off.

    Each item of `to`, `cc`, `bcc` and `reply_to` is one address, with or without a name; one that comes twice is
    kept where it came first. `Bcc` is a header of the object alone: whoever keeps the mail reads it with
    `recipients_of` and deletes it. Without a sender there is no `From`: the delivery sets it, from `from=` of
    AUTOMATION_SMTP_URL or `automation@` this machine.

    Parameters
    ----------
    key: the Message-ID comes from it, so the same key gives the same id.
    moment: the Date; aware.
    text: made from the HTML when it is missing.
    attachments: an image that the HTML names as `cid:NAME` stands in the text; the others are files of the mail.
    language: of the words, such as `de`; it stands in `Content-Language`.
    unsubscribe: https:// or mailto:, offered as one click where the mail program knows it (RFC 8058).
    max_bytes: of the whole message as it is sent.

    Raises JobFailed (`data_invalid`) with the field and the value it saw.
    """
    message = EmailMessage(policy=_POLICY)
    digest = digest_of_key(key)
    origin = parse_address(sender, "from") if sender else None
    _address(message, origin, to, cc, bcc, reply_to, max_recipients)
    message["Subject"] = header_text(subject.strip(), "subject")
    message["Date"] = moment
    message["Message-ID"] = message_id(digest, origin)
    message["Auto-Submitted"] = "auto-generated"
    if unsubscribe:
        _offer_to_unsubscribe(message, unsubscribe)
    files = list(attachments)
    shown = named_images(html, files)
    _fill(message, text, html, {name: f"{digest[:16]}.{number}" for number, name in enumerate(shown)}, shown)
    for attachment in files:
        if attachment.name not in shown:
            _attach(message, attachment)
    if language:  # Last: making the content takes away every header that speaks of content.
        message["Content-Language"] = header_text(language, "language")
    for number, part in enumerate(part for part in message.walk() if part.is_multipart()):
        part.set_boundary(f"=_{digest[32:56]}_{number}")
    length = len(message.as_bytes())
    if length > max_bytes:
        raise JobFailed(
            f"the mail is {size(length)} long; at most {size(max_bytes)} are sent: attach less, or link to it",
            FailureClass.DATA_INVALID,
        )
    return message


def _address(
    message: EmailMessage,
    sender: Address | None,
    to: Sequence[str],
    cc: Sequence[str],
    bcc: Sequence[str],
    reply_to: Sequence[str],
    most: int,
) -> None:
    seen: set[str] = set()
    receivers = {
        name: without_repeats(parse_addresses(texts, name.lower()), seen)
        for name, texts in (("To", to), ("Cc", cc), ("Bcc", bcc))
    }
    if not seen:
        raise JobFailed("the mail has no recipient; set to, cc or bcc", FailureClass.DATA_INVALID)
    if len(seen) > most:
        raise JobFailed(
            f"the mail has {count(len(seen), 'recipient')}; at most {most:,} are sent", FailureClass.DATA_INVALID
        )
    answers = without_repeats(parse_addresses(reply_to, "reply_to"), set())
    everybody = [*([sender] if sender else []), *answers, *(one for some in receivers.values() for one in some)]
    if not all(map(is_ascii, everybody)):
        message.policy = _POLICY.clone(utf8=True)
    if sender:
        message["From"] = sender
    if receivers["To"]:
        message["To"] = receivers["To"]
    elif not receivers["Cc"]:
        message["To"] = Group("undisclosed-recipients", ())
    for name, some in (("Cc", receivers["Cc"]), ("Bcc", receivers["Bcc"]), ("Reply-To", answers)):
        if some:
            message[name] = some


def _offer_to_unsubscribe(message: EmailMessage, address: str) -> None:
    if not _LINK.fullmatch(header_text(address, "unsubscribe")):
        raise JobFailed(
            f"unsubscribe '{printable(address, 100)}' is no link; write https://... or mailto:...",
            FailureClass.DATA_INVALID,
        )
    message["List-Unsubscribe"] = f"<{address}>"
    if address.startswith("https:"):
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"


def _fill(message: EmailMessage, text: str, html: str, ids: dict[str, str], images: Mapping[str, Attachment]) -> None:
    if not text.strip() and not html.strip():
        raise JobFailed("the mail has no content; set text, html, markdown or template", FailureClass.DATA_INVALID)
    plain = _clean(text if text.strip() else text_from_html(html))
    message.set_content(plain, cte=_encoding(plain))
    if not html.strip():
        return
    page = _clean(with_ids(html, ids))
    message.add_alternative(page, subtype="html", cte=_encoding(page))
    part = message.get_body(("html",))
    for name, image in images.items():
        main, _, sub = image.media_type.partition("/")
        assert isinstance(part, EmailMessage), "it was added above"
        part.add_related(
            image.content, maintype=main, subtype=sub, cid=f"<{ids[name]}@automation.invalid>", filename=safe_name(name),
            disposition="inline",
        )  # fmt: skip


def _clean(text: str) -> str:
    """Lines ended alike, without NUL and halves of characters, which no charset can carry."""
    whole = text.encode("utf-8", "replace").decode("utf-8").replace("\x00", "")
    return whole.replace("\r\n", "\n").replace("\r", "\n")


def _encoding(text: str) -> str:
    short = all(len(line) <= _LONGEST_LINE for line in text.split("\n"))
    return "7bit" if short and text.isascii() else "quoted-printable"


def _attach(message: EmailMessage, attachment: Attachment) -> None:
    media_type = attachment.media_type.lower().partition(";")[0].strip()
    if not _MEDIA_TYPE.fullmatch(media_type) or media_type.startswith(("multipart/", "message/")):
        media_type = "application/octet-stream"
    main, _, sub = media_type.partition("/")
    params = {"charset": "utf-8"} if main == "text" else {}
    name = safe_name(attachment.name)
    message.add_attachment(attachment.content, maintype=main, subtype=sub, filename=name, params=params)

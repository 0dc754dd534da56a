"""A composed mail: what its reader sees, and what no value can add to it."""

from __future__ import annotations

import email.utils
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import SMTP

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.errors import FailureClass, JobFailed
from automation.mail import Attachment, compose, recipients_of

MOMENT = datetime(2026, 11, 2, 7, 0, tzinfo=UTC)
HEADERS = {
    "From", "To", "Cc", "Bcc", "Reply-To", "Subject", "Date", "Message-ID", "Auto-Submitted", "Content-Type",
    "Content-Transfer-Encoding", "MIME-Version",
}  # fmt: skip


def made(**changed: object):
    """A mail of plain parts, some of them changed."""
    parts = {"to": ["ann@example.com"], "subject": "Hi", "key": "k", "moment": MOMENT, "text": "Hello"}
    return compose(**{**parts, **changed})


def read(message):
    """The message as a mail program reads it from the wire."""
    return message_from_bytes(message.as_bytes(), policy=SMTP)


def refusal(**changed: object) -> str:
    """Why such a mail is not made."""
    with pytest.raises(JobFailed) as caught:
        made(**changed)
    assert caught.value.failure_class is FailureClass.DATA_INVALID
    return str(caught.value)


def test_every_part_arrives():
    """Headers, both bodies and a file with a name of any script."""
    message = read(
        made(
            sender="Reports <reports@example.com>",
            to=["Ann <ann@example.com>"],
            cc=["bob@example.com"],
            reply_to=["desk@example.com"],
            subject="Año nuevo ☀",
            html="<p>Hello <b>Ann</b></p>",
            attachments=[Attachment("informe año.csv", b"a,b\r\n1,2\r\n", "text/csv")],
        )
    )

    assert message["Subject"] == "Año nuevo ☀"
    assert (message["From"], message["To"], message["Reply-To"]) == (
        "Reports <reports@example.com>",
        "Ann <ann@example.com>",
        "desk@example.com",
    )
    assert message.get_body(("plain",)).get_content().replace("\r", "") == "Hello\n"
    assert message.get_body(("html",)).get_content().replace("\r", "") == "<p>Hello <b>Ann</b></p>\n"
    [file] = message.iter_attachments()
    assert (file.get_filename(), file.get_content_type()) == ("informe año.csv", "text/csv")
    assert file.get_payload(decode=True) == b"a,b\r\n1,2\r\n"
    assert message["Auto-Submitted"] == "auto-generated"
    assert email.utils.parsedate_to_datetime(message["Date"]) == MOMENT


def test_the_same_parts_give_the_same_bytes():
    """A second attempt makes the very same mail, boundaries included."""
    parts = {"html": "<p>x</p>", "attachments": [Attachment("a.pdf", b"%PDF", "application/pdf")]}

    assert made(**parts).as_bytes() == made(**parts).as_bytes()
    assert made(key="1")["Message-ID"] != made(key="2")["Message-ID"]


def test_the_message_id_is_of_the_senders_domain():
    """And stays on one line, whatever the domain."""
    assert made(sender="r@example.com")["Message-ID"].endswith("@example.com>")
    assert made(sender=f"r@{'a' * 60}.example.com")["Message-ID"].endswith("@automation.invalid>")


def test_text_is_made_of_html():
    """A reader without HTML gets the words and the links."""
    message = read(made(text="", html="<h1>Hi</h1><p>See <a href='https://example.com/x'>the page</a></p>"))

    assert (
        message.get_body(("plain",)).get_content().replace("\r", "") == "Hi\n\nSee the page (https://example.com/x)\n"
    )


def test_repeated_recipients_stay_where_they_came_first():
    """Ann in To and Bcc is mailed once."""
    message = made(to=["Ann <ann@example.com>", "ANN@example.com"], bcc=["ann@EXAMPLE.com", "eve@example.com"])

    assert recipients_of(message) == ["ann@example.com", "eve@example.com"]
    assert str(message["To"]) == "Ann <ann@example.com>"


def test_blind_recipients_alone_leave_an_honest_to():
    """Nobody's address is shown."""
    message = made(to=[], bcc=["eve@example.com"])

    assert str(message["To"]) == "undisclosed-recipients:;"
    assert recipients_of(message) == ["eve@example.com"]


def test_bodies_fit_every_server():
    """Long lines, other scripts, NUL and halves of characters go as seven-bit lines below 998."""
    raw = made(text="x" * 5000 + "ñ\x00\ud800\r\n.\r\nend", html="<p>" + "y" * 5000).as_bytes()

    assert raw.isascii()
    assert b"\x00" not in raw
    assert max(map(len, raw.split(b"\r\n"))) < 998
    assert b"\n" not in raw.replace(b"\r\n", b"")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"to": []}, "no recipient; set to, cc or bcc"),
        ({"to": ["ann@example.com, eve@example.com"]}, "to 'ann@example.com, eve@example.com'"),
        ({"cc": ["x"]}, "cc 'x'"),
        ({"sender": "x"}, "from 'x'"),
        ({"reply_to": ["x"]}, "reply_to 'x'"),
        ({"text": " \n"}, "no content; set text, html, markdown or template"),
        ({"subject": "a\r\nBcc: eve@example.com"}, "line break"),
        ({"subject": "x" * 5000}, "longer than 998"),
        ({"to": [f"a{n}@example.com" for n in range(1001)]}, "1,001 recipients; at most 1,000"),
        ({"attachments": [Attachment("big.bin", b"x" * 16_000_000)]}, "at most 20.0 MB are sent: attach less"),
    ],
)
def test_a_mail_that_cannot_be_made_says_why(changed, said):
    """The field, the value and the way out."""
    assert said in refusal(**changed)


@pytest.mark.parametrize(
    "subject",
    [
        "a\nBcc: eve@example.com",
        "a\r\n\r\nbody",
        "a\rBcc: eve@example.com",
        "a\x0bBcc: eve@example.com",
        "a\x1cBcc: eve@example.com",
        "a\x85Bcc: eve@example.com",
        "a\u2028Bcc: eve@example.com",
        "a\x00b",
        "=?utf-8?q?=0D=0ABcc:_eve@example.com?=",
        "=?utf-8?b?DQpCY2M6IGV2ZQ==?=",
        "a\ud800",
    ],
)
def test_no_subject_adds_a_header(subject):
    """Line breaks of every kind, and those hidden in encoded words, are refused."""
    assert refusal(subject=subject).startswith("subject '")


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "a\r\nX-Evil: 1.csv", "a\x00.csv", "C:\\x.csv", "", "ñ" * 300, '";x="']
)
def test_an_attachments_name_is_only_a_name(name):
    """No folder, header or control character comes of it."""
    message = read(made(attachments=[Attachment(name, b"x")]))

    [file] = message.iter_attachments()
    assert not set("/\\\r\n\x00") & set(file.get_filename())
    assert set(message.keys()) <= HEADERS


@pytest.mark.parametrize(
    "media_type", ["text/html\r\nX-Evil: 1", "x", "multipart/mixed", "message/rfc822", "", "a/b; c=d"]
)
def test_a_media_type_is_only_a_type(media_type):
    """What is no simple type is a stream of bytes."""
    message = read(made(attachments=[Attachment("a", b"x", media_type)]))

    [file] = message.iter_attachments()
    assert file.get_content_type() in ("application/octet-stream", "a/b")
    assert file.get_payload(decode=True) == b"x"


@given(st.text(max_size=200), st.text(max_size=60))
def test_any_subject_and_name_arrive_or_are_refused(subject, name):
    """Never a header more, never a recipient more, never another text."""
    try:
        message = made(subject=subject, to=[f'"{name}" <ann@example.com>'])
    except JobFailed:
        return
    seen = read(message)
    assert set(seen.keys()) <= HEADERS
    assert recipients_of(seen) == ["ann@example.com"]
    assert "".join(str(seen["Subject"]).split()) == "".join(subject.split())

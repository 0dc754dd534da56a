"""One address from one text, whatever the text tries."""

from __future__ import annotations

from email import message_from_bytes
from email.policy import default

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.errors import FailureClass, JobFailed
from automation.mail import parse_address, recipients_of
from automation.mail.addresses import bare_address, header_text

PAYLOADS = [
    "",
    " ",
    "ann",
    "ann@",
    "@example.com",
    "ann@example",
    "ann@@example.com",
    "ann@example..com",
    "ann@-example.com",
    ".ann@example.com",
    "ann smith@example.com",
    '"ann smith"@example.com',
    "ann@[127.0.0.1]",
    "a@example.com, b@example.com",
    "a@example.com,b@example.com",
    "a@example.com; b@example.com",
    "a@example.com b@example.com",
    "<a@example.com> <b@example.com>",
    "A <a@example.com>, B <b@example.com>",
    "a@example.com <b@example.com",
    "Ann, Bob <ann@example.com>",
    "team: a@example.com, b@example.com;",
    "ann@example.com\r\nBcc: eve@example.com",
    "ann@example.com\nBcc: eve@example.com",
    "Ann\r\nBcc: eve@example.com\r\n <ann@example.com>",
    "ann@example.com\r\n\r\nhello",
    "ann@example.com\x00",
    "ann@example.com\x0bBcc: eve@example.com",
    "Ann\u2028Bcc: eve@example.com <ann@example.com>",
    "=?utf-8?q?a=0D=0ABcc:_eve?=@example.com",
    "=?utf-8?b?DQpCY2M6IGV2ZUBleGFtcGxlLmNvbQ==?= <ann@example.com>",
    "ann@example.com (comment)",
    "ann(comment)@example.com",
    "ann@exam ple.com",
    "ann@" + "a" * 64 + ".com",
    "a" * 65 + "@example.com",
    "ann\ud800@example.com",
    "ann@example.com>",
    "mailto:ann@example.com",
    "ann%eve.example.com@",
]


@pytest.mark.parametrize("text", PAYLOADS)
def test_what_is_not_one_address_is_refused(text):
    """The failure shows the value on one line and says what to write."""
    with pytest.raises(JobFailed) as caught:
        parse_address(text, "to")

    assert caught.value.failure_class is FailureClass.DATA_INVALID
    assert str(caught.value).startswith("to '")
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("text", "name", "address"),
    [
        ("ann@example.com", "", "ann@example.com"),
        (" ann@EXAMPLE.com ", "", "ann@example.com"),
        ("Ann <ann@example.com>", "Ann", "ann@example.com"),
        ('"Smith, Ann" <ann@example.com>', "Smith, Ann", "ann@example.com"),
        ("Änne Müller <ann+news@example.com>", "Änne Müller", "ann+news@example.com"),
        ("ann@müller.example.com", "", "ann@xn--mller-kva.example.com"),
        ("ñandú@example.com", "", "ñandú@example.com"),
        ("o'neil@example.com", "", "o'neil@example.com"),
        ("root@localhost", "", "root@localhost"),
        ("Ops <ops@mail.local>", "Ops", "ops@mail.local"),
        ("ann@shop.test", "", "ann@shop.test"),
    ],
)
def test_an_address_is_read(text, name, address):
    """With or without a name, international, or of one's own network."""
    found = parse_address(text)

    assert (found.display_name, found.addr_spec) == (name, address)


def test_a_name_that_needs_quotes_is_told_so():
    """And not that its letters are wrong."""
    with pytest.raises(JobFailed, match=r'stands in quotes, such as "Smith, Ann" <ann@example.com>$'):
        parse_address("Müller, Jörg <joerg@example.com>", "to")


def test_recipients_come_once_and_in_order():
    """To, Cc and Bcc make the envelope."""
    raw = b"To: Ann <ann@example.com>, bob@example.com\nCc: ANN@example.com\nBcc: eve@example.com\n\nhi"
    message = message_from_bytes(raw, policy=default)

    assert recipients_of(message) == ["ann@example.com", "bob@example.com", "eve@example.com"]


def test_a_group_without_members_is_nobody():
    """`undisclosed-recipients:;` is not a recipient."""
    message = message_from_bytes(b"To: undisclosed-recipients:;\nBcc: eve@example.com\n\nhi", policy=default)

    assert recipients_of(message) == ["eve@example.com"]


@pytest.mark.parametrize("text", ["", "Ann", "a@example.com, b@example.com"])
def test_an_envelope_holds_one_address(text):
    """A header of two addresses is no sender."""
    with pytest.raises(ValueError, match="is not one address"):
        bare_address(text)


@given(st.text())
def test_any_text_is_one_clean_line_or_refused(text):
    """What passes into a header holds neither line breaks nor encoded words."""
    try:
        kept = header_text(text, "subject")
    except JobFailed:
        return
    assert kept == text
    assert len(kept.splitlines()) <= 1
    assert "=?" not in kept


@given(st.text(max_size=40), st.sampled_from(["ann@example.com", "ñ@example.com", "x"]))
def test_any_text_is_one_address_or_refused(name, address):
    """Whatever stands around it, never more than one address comes out."""
    try:
        found = parse_address(f"{name} <{address}>")
    except JobFailed:
        return
    assert found.addr_spec.count("@") == 1
    assert found.addr_spec.casefold().endswith(address.casefold())

"""Signatures of calls: headers that anybody can write, and those that prove something."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.errors import InvalidInput
from automation.project.webhooks import key_of
from automation.web.access.refusals import NotSignedIn
from automation.web.access.signed import Delivery, require_signed, signatures
from automation.web.api.hooks import taken

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
KEY, OTHER = b"k" * 24, b"o" * 32
STAMP = str(int(NOW.timestamp()))
LATIN = st.text(st.characters(max_codepoint=255), max_size=60)


def signed(body: bytes = b"{}", key: bytes = KEY, number: str = "msg_1", stamp: str = STAMP) -> Delivery:
    digest = hmac.new(key, f"{number}.{stamp}.".encode("latin-1") + body, hashlib.sha256).digest()
    return Delivery(number, stamp, f"v1,{base64.b64encode(digest).decode()}", body)


@given(body=st.binary(max_size=200), number=LATIN.filter(bool))
def test_what_was_signed_passes_and_a_changed_byte_does_not(body: bytes, number: str) -> None:
    """By any of our keys, beside signatures of others."""
    found = signed(body, number=number)
    require_signed(found, [OTHER, KEY], NOW)
    beside = f"v1a,xyz v1,AAAA {found.signature} v1,%%"
    require_signed(Delivery(number, STAMP, beside, body), [KEY], NOW)
    for wrong in (
        Delivery(number, STAMP, found.signature, body + b"x"),
        Delivery(number + "x", STAMP, found.signature, body),
        Delivery(number, str(int(STAMP) + 1), found.signature, body),
    ):
        with pytest.raises(NotSignedIn, match="No signature"):
            require_signed(wrong, [KEY], NOW)
    with pytest.raises(NotSignedIn, match="No signature"):
        require_signed(found, [OTHER], NOW)


@given(number=LATIN, stamp=LATIN | st.just(STAMP), signature=LATIN | LATIN.map("v1,{}".format))
def test_no_headers_pass_by_chance_or_end_in_a_fault(number: str, stamp: str, signature: str) -> None:
    """Whatever stands in them."""
    with pytest.raises(NotSignedIn):
        require_signed(Delivery(number, stamp, signature, b"{}"), [KEY], NOW)


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=10))
def test_several_signatures_are_told_apart(some: list[bytes]) -> None:
    """Those of another version, and what is no base64, are left out."""
    header = " ".join(f"v1,{base64.b64encode(one).decode()} v2,{base64.b64encode(one).decode()} v1,!" for one in some)

    assert list(signatures(header)) == some


@pytest.mark.parametrize(("off", "passes"), [(-301, False), (-300, True), (300, True), (301, False)])
def test_five_minutes_lie_between_the_clocks_at_most(off: int, passes: bool) -> None:
    """Before and after."""
    found = signed(stamp=str(int((NOW + timedelta(seconds=off)).timestamp())))
    if passes:
        require_signed(found, [KEY], NOW)
    else:
        with pytest.raises(NotSignedIn, match="5 minutes"):
            require_signed(found, [KEY], NOW)


def test_secrets() -> None:
    """With the prefix and long enough, padded or not; a refusal does not show one."""
    coded = base64.b64encode(OTHER).decode()
    assert key_of(f"whsec_{coded}") == key_of(f"whsec_{coded.rstrip('=')}") == OTHER
    for wrong in (coded, "whsec_", "whsec_c2hvcnQ=", "whsec_%%%%", "whsec_" + "é" * 40):
        with pytest.raises(InvalidInput) as caught:
            key_of(wrong)
        assert wrong == "whsec_" or wrong not in str(caught.value)


@pytest.mark.parametrize(
    "body",
    [b"", b"[1]", b"{", b'{"day": "${env:HOME}"}', b'{"day": ["{{ 1 }}"]}', b'{"day": {"{% x": 1}}', b'{"day": "\\ud800"}',
     b'{"day": NaN}', b"[" * 100_000],
)  # fmt: skip
def test_a_sender_sets_values_and_nothing_else(body: bytes) -> None:
    """No secrets of ours, no templates, nothing that JSON does not have."""
    with pytest.raises(InvalidInput):
        taken(body, ("day",))
    assert taken(body, ()) == {}


def test_only_named_fields_are_taken() -> None:
    """Those that the body lacks stay as the job has them."""
    assert taken(b'{"day": "2026-03-02", "command": "rm"}', ("day", "site")) == {"day": "2026-03-02"}

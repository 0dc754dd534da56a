"""AUTOMATION_SMTP_URL: what it says, and every problem of it at once."""

from __future__ import annotations

import pytest

from automation.errors import SettingsInvalid
from automation.mail import parse_smtp_url


def problems(url: str, *, insecure: bool = False) -> tuple[str, ...]:
    """What is wrong with the URL."""
    with pytest.raises(SettingsInvalid) as caught:
        parse_smtp_url(url, insecure=insecure)
    return caught.value.problems


def test_a_whole_url_is_read():
    """User and password are decoded, '+' stays, and the password does not show."""
    found = parse_smtp_url("smtp://ann%40x:p%2Fw%23@mail.example.com?from=Re%20Ports%20<a+b@example.com>&timeout=5s")

    assert (found.host, found.port, found.user, found.password) == ("mail.example.com", 587, "ann@x", "p/w#")
    assert (found.tls, found.sender, found.timeout) == ("required", "Re Ports <a+b@example.com>", 5.0)
    assert "p/w#" not in repr(found)


@pytest.mark.parametrize(
    ("url", "port"),
    [
        ("smtp://h.example", 587),
        ("smtp://h.example?tls=implicit", 465),
        ("smtp://127.0.0.1?tls=none", 25),
        ("smtp://[::1]?tls=none", 25),
        ("smtp://h.example:2525", 2525),
    ],
)
def test_the_port_follows_from_tls(url, port):
    """587, 465 and 25, unless one is written."""
    assert parse_smtp_url(url).port == port


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("smtps://h.example", "begins with 'smtps'"),
        ("smtp://", "names no host"),
        ("smtp://h.example:x", "cannot be read"),
        ("smtp://h.example:99999", "cannot be read"),
        ("smtp://h.example:0", "port 0"),
        ("smtp://u:se/cret@h.example", "percent-encode"),
        ("smtp://h.example?tls=yes", "write required, implicit or none"),
        ("smtp://h.example?form=a@example.com", "did you mean 'from'?"),
        ("smtp://h.example?from=x", "from 'x'"),
        ("smtp://h.example?from=a@example.com%0d%0aBcc:b@example.com", "line break"),
        ("smtp://h.example?timeout=0", "write up to 10m"),
        ("smtp://h.example?timeout=5x", "write up to 10m"),
        ("smtp://h.example?tls=none&tls=required", "stands there twice"),
        ("smtp://user@h.example", "a login needs both"),
        ("smtp://user:p%C3%A4ss@h.example", "ASCII"),
        ("smtp://h.example?tls=none", "AUTOMATION_SMTP_INSECURE=1"),
        ("smtp://10.0.0.1?tls=none", "for this machine alone"),
    ],
)
def test_what_cannot_be_used_is_told(url, said):
    """Each problem is a sentence with the way out."""
    assert any(said in problem for problem in problems(url))
    assert all(problem.startswith("AUTOMATION_SMTP_URL: ") for problem in problems(url))


def test_all_problems_come_at_once():
    """And none shows the password."""
    found = problems("smtp://u:geheim@h.example/x?tls=none&foo=1&timeout=0")

    assert len(found) == 4
    assert "geheim" not in "".join(found)


def test_insisting_opens_another_machine_but_no_login():
    """A password never crosses the network in the clear."""
    assert parse_smtp_url("smtp://10.0.0.1?tls=none", insecure=True).tls == "none"
    assert "would show the password" in problems("smtp://u:p@10.0.0.1?tls=none", insecure=True)[0]

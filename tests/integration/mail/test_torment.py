"""The outbox and a server of every temper: each recipient's end is right, and nobody gets a mail twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from automation.clock import FrozenClock
from automation.ledger.mail_tables import mail_servers, outbox
from automation.ledger.states import MailState
from automation.mail import compose
from automation.runner.deliver import deliver
from automation.services import Services, build_services
from tests.integration.mail.tormentor import STEPS, Tormentor

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def server() -> Iterator[Tormentor]:
    """One server for all tests; each begins with none of its deeds."""
    made = Tormentor()
    yield made
    made.close()


@pytest.fixture(params=["", "pipelining", "lax pipelining"], ids=["plain", "pipelining", "lax"])
def torment(server: Tormentor, request: pytest.FixtureRequest) -> Tormentor:
    """The server, with nothing in mind."""
    server.offers = request.param
    server.deeds.clear()
    server.session_deeds.clear()
    server.kept.clear()
    server.heard.clear()
    return server


@pytest.fixture
def office(tmp_path: Path, torment: Tormentor) -> Iterator[Callable[..., Services]]:
    """`office(options, login)`: services whose mails go to the server, on a clock that stands still."""
    made: list[Services] = []

    def build(options: str = "tls=none&timeout=5s", login: str = "") -> Services:
        environ = {"AUTOMATION_SMTP_URL": f"smtp://{login}127.0.0.1:{torment.port}?{options}"}
        made.append(build_services(tmp_path, clock=FrozenClock(NOON), environ=environ))
        made[-1].upgraded_ledger()
        return made[-1]

    yield build
    for services in made:
        services.close()


def put(services: Services, *recipients: str, on_doubt: str = "hold") -> None:
    """Mails in the outbox, one for each recipient."""
    now = services.clock.now()
    rows = []
    for number, recipient in enumerate(recipients):
        message = compose(
            to=[recipient], subject="Hi", key=str(number), moment=now, text="Hello", sender="us@example.com"
        )
        rows.append(
            {
                "scope": str(now), "message_key": str(number), "recipient": recipient, "run_id": "r", "job": "mail",
                "sender": "us@example.com", "subject": "Hi", "message_id": message["Message-ID"],
                "message": message.as_bytes(), "state": MailState.QUEUED, "tries": 0, "created_at": now, "due_at": now,
                "on_doubt": on_doubt, "expires_at": now + timedelta(days=5),
            }
        )  # fmt: skip
    with services.ledger.engine.begin() as connection:
        connection.execute(outbox.delete())
        connection.execute(mail_servers.delete())
        connection.execute(outbox.insert(), rows)


def to_the_end(services: Services) -> dict[str, str]:
    """Deliver again and again, as time goes by, until nothing waits; the states by recipient."""
    for _ in range(40):
        deliver(services)
        mails = services.ledger.outbox.list(limit=1000)
        if not any(mail.state in ("queued", "temporary", "sending") for mail in mails):
            break
        services.clock.advance(minutes=30)
    return {mail.recipient: str(mail.state) for mail in services.ledger.outbox.list(limit=1000)}


ENDS = {
    "well@example.com": ([], "sent", 1),
    "greylisted@example.com": (["451 come again"], "sent", 1),
    "busy@example.com": (["450 busy", "452 full", "421 closing"], "sent", 1),
    "nobody@example.com": (["550 no such user"], "permanent", 0),
    "full@example.com": (["452 full"] * 20, "permanent", 0),
    "spam@example.com": (["text 554 spam"], "permanent", 0),
    "later@example.com": (["text 451 later"], "sent", 1),
    "rcpt@example.com": (["drop rcpt"], "sent", 1),
    "data@example.com": (["drop data"], "sent", 1),
    "text@example.com": (["drop text"], "in_doubt", 0),
    "taken@example.com": (["drop taken"], "in_doubt", 1),
    "last@example.com": ([], "sent", 1),
}


def test_each_recipient_comes_to_their_own_end(office: Callable[..., Services], torment: Tormentor) -> None:
    """4xx is tried again and 5xx is not, what one recipient meets is nothing to another, and doubles are 0."""
    services = office()
    torment.deeds.update({name: list(deeds) for name, (deeds, _, _) in ENDS.items()})
    put(services, *ENDS)

    states = to_the_end(services)

    assert states == {name: state for name, (_, state, _) in ENDS.items()}
    assert {name: len(torment.kept[name]) for name in ENDS} == {name: kept for name, (_, _, kept) in ENDS.items()}
    full = next(mail for mail in services.ledger.outbox.list() if mail.recipient == "full@example.com")
    assert (full.tries, full.response) == (10, "not taken in 10 tries; last: 452 full")


def test_a_doubt_may_be_sent_again_under_the_same_message_id(
    office: Callable[..., Services], torment: Tormentor
) -> None:
    """`on_doubt = "resend"`: nobody goes without, and who gets it twice can see that it is one mail."""
    services = office()
    torment.deeds.update({"taken@example.com": ["drop taken"], "text@example.com": ["drop text"]})
    put(services, "taken@example.com", "text@example.com", on_doubt="resend")

    assert set(to_the_end(services).values()) == {"sent"}
    assert len(torment.kept["text@example.com"]) == 1
    first, second = torment.kept["taken@example.com"]
    assert first == second


@pytest.mark.parametrize("deed", ["drop connect", "drop ehlo", "421 busy", "554 go away", "junk"])
def test_a_server_that_is_away_costs_no_mail_a_try(
    office: Callable[..., Services], torment: Tormentor, deed: str
) -> None:
    """It is left alone, and then every mail goes out at its first try."""
    services = office()
    torment.session_deeds[:] = [deed, deed]
    put(services, "a@example.com", "b@example.com")

    assert deliver(services) == 0
    assert {(str(mail.state), mail.tries) for mail in services.ledger.outbox.list()} == {("queued", 0)}
    assert set(to_the_end(services).values()) == {"sent"}
    assert all(mail.tries == 1 for mail in services.ledger.outbox.list())


def test_ten_minutes_without_a_server_lose_nothing(office: Callable[..., Services], torment: Tormentor) -> None:
    """Asked less and less often, and each mail arrives once."""
    services = office()
    torment.session_deeds[:] = ["drop connect"] * 100
    put(services, *(f"to{number}@example.com" for number in range(5)))
    for _ in range(20):
        deliver(services)
        services.clock.advance(seconds=30)
    assert 90 <= len(torment.session_deeds) <= 96
    torment.session_deeds.clear()

    assert set(to_the_end(services).values()) == {"sent"}
    assert [len(kept) for kept in torment.kept.values()] == [1] * 5


def test_no_login_is_said_to_a_server_without_tls(office: Callable[..., Services], torment: Tormentor) -> None:
    """The mails wait, and it has heard no more than a greeting."""
    services = office("tls=required&timeout=5s", "ann:hunter2@")
    put(services, "a@example.com")

    assert deliver(services) == 0
    assert {line.split()[0].lower() for line in torment.heard} <= {"ehlo", "quit"}
    assert str(services.ledger.outbox.list()[0].state) == "queued"


DEEDS = st.one_of(
    st.sampled_from(["421 a", "450 b", "451 c", "452 d", "550 e", "552 f", "554 g", "text 451 h", "text 554 i"]),
    st.sampled_from(["drop rcpt", "drop data", "drop text", "drop taken"]),
)


@pytest.mark.slow
@given(st.lists(st.lists(DEEDS, max_size=3), min_size=1, max_size=4), st.lists(st.sampled_from(STEPS), max_size=2))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_happens_nobody_gets_two(
    office: Callable[..., Services], torment: Tormentor, deeds: list[list[str]], steps: list[str]
) -> None:
    """And every mail that is told as sent was taken, every one that is not was not."""
    torment.kept.clear()
    services = office()
    names = [f"to{number}@example.com" for number in range(len(deeds))]
    torment.deeds.update({name: list(some) for name, some in zip(names, deeds, strict=True)})
    torment.session_deeds[:] = [f"drop {step}" for step in steps]
    put(services, *names)

    states = to_the_end(services)

    for name in names:
        kept = len(torment.kept[name])
        assert kept == {"sent": 1, "permanent": 0}.get(states[name], kept), (name, states[name])
        assert kept <= 1
        assert states[name] in ("sent", "permanent", "in_doubt")

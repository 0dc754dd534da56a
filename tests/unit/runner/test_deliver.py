"""Sending the outbox: what becomes of each mail."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import pytest

from automation.clock import FrozenClock
from automation.errors import ServiceUnavailable
from automation.ledger.mail_rows import MailRow
from automation.ledger.rows import RunRow
from automation.ledger.runs import Verdict
from automation.ledger.states import Outcome, State
from automation.mail.wire import Answer
from automation.runner import deliver as module
from automation.runner.deliver import captured_path, deliver, deliver_quietly, settle_unheard
from automation.runner.diary import Diary
from automation.runner.fate import VANISHED
from automation.runner.mails import Mails
from automation.runner.sender import Sender
from automation.services import Services, build_services


@pytest.fixture
def sent(services: Services, running: Callable[..., RunRow]) -> Callable[..., str]:
    """`sent(n)`: a run that succeeded and left n mails; its id."""

    def make(number: int = 1) -> str:
        run = running()
        mails = Mails(services.clock, run, lambda _server: "robot@example.com")
        for count in range(number):
            message = EmailMessage()
            message["To"], message["Subject"] = f"to{count}@example.com", "Hello"
            message.set_content("Hi.")
            mails.add(message, "1")
        services.ledger.runs.finish(run.id, 1, Verdict(Outcome.SUCCEEDED, State.SUCCEEDED, mails=mails.rows))
        return run.id

    return make


@pytest.fixture
def server(services: Services, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Services]:
    """`server(answer, …)`: the same project with a mail server that gives these answers, one after the other."""

    def make(*answers: Answer, left: list[Answer] | None = None) -> Services:
        left = list(answers) if left is None else left

        class Smtp:
            @classmethod
            def of(cls, _server: object) -> Smtp:
                return cls()

            def __exit__(self, *_: object) -> None: ...
            def connect(self) -> Answer | None:
                return left.pop(0) if left and left[0].of_server else None

            def send(self, _sender: str, _recipient: str, _message: bytes, begins: Callable[[], str]) -> Answer:
                why = begins()
                return Answer("temporary", None, why, of_server=True) if why else left.pop(0)

        monkeypatch.setattr("automation.mail.wire.Smtp", Smtp)
        environ = {"AUTOMATION_SMTP_URL": "smtp://u:hunter2@127.0.0.1:25?tls=none"}
        return build_services(services.settings.project, clock=services.clock, environ=environ)

    return make


def mails_of(services: Services) -> list[MailRow]:
    return services.ledger.outbox.list(whole=True)[::-1]


def test_without_a_server_mails_are_captured(services: Services, sent: Callable[..., str]) -> None:
    """Kept in the outbox and as files, and nothing leaves; a second delivery finds nothing to do."""
    sent(2)

    assert (deliver(services), deliver(services)) == (2, 0)
    assert [mail.state for mail in mails_of(services)] == ["captured", "captured"]
    assert all(captured_path(services, mail).read_bytes() == mail.message for mail in mails_of(services))


def test_who_is_leaving_begins_no_further_mail(server: Callable[..., Services], sent: Callable[..., str]) -> None:
    """The one in hand is sent to its end; the others are somebody else's."""
    sent(3)
    answers = [Answer("sent", 250, "ok")]
    services = server(left=answers)

    assert deliver(services, stopping=lambda: not answers) == 1
    assert [mail.state for mail in mails_of(services)] == ["sent", "queued", "queued"]


def test_one_runs_mails_only(services: Services, sent: Callable[..., str]) -> None:
    """Others wait for their own delivery."""
    sent()
    second = sent()

    assert deliver(services, run_id=second) == 1
    assert [mail.state for mail in mails_of(services)] == ["queued", "captured"]


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (Answer("sent", 250, "ok"), "sent"),
        (Answer("permanent", 550, "no such user"), "permanent"),
        (Answer("in_doubt", None, "connection lost"), "in_doubt"),
    ],
)
def test_answer_settles_a_mail(
    sent: Callable[..., str], server: Callable[..., Services], answer: Answer, state: str
) -> None:
    """What the server said is kept, without any password."""
    sent()
    services = server(Answer(answer.state, answer.code, f"{answer.text} hunter2"))

    assert deliver(services) == 1
    assert [(mail.state, mail.response) for mail in mails_of(services)] == [
        (state, f"{answer.code or ''} {answer.text} ***".strip())
    ]
    assert deliver(services) == 0
    services.close()


def test_temporary_refusal_is_tried_again_and_ends(
    services: Services, sent: Callable[..., str], server: Callable[..., Services]
) -> None:
    """Later and later, ten times at most."""
    sent()
    other = server(*[Answer("temporary", 451, "greylisted")] * 10)
    tries = []
    for _ in range(10):
        assert deliver(other) == 1
        mail = mails_of(other)[0]
        tries.append((mail.state, mail.due_at > services.clock.now()))
        assert isinstance(services.clock, FrozenClock)
        services.clock.advance(days=2)

    assert tries == [("temporary", True)] * 9 + [("permanent", False)]
    assert deliver(other) == 0
    other.close()


def test_server_that_is_away_fails_no_run(
    services: Services, sent: Callable[..., str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Its mails wait, and a line says so."""
    run_id = sent()

    def away(*_given: Any, **_named: Any) -> int:
        raise ServiceUnavailable("no answer")

    monkeypatch.setattr(module, "deliver", away)
    deliver_quietly(services, run_id)

    assert f"Mails of run {run_id} wait: no answer" in caplog.text
    assert mails_of(services)[0].due_at <= services.clock.now()


def left_by_a_dead_sender(services: Services, monkeypatch: pytest.MonkeyPatch, *, diary: bool) -> None:
    """It took three mails; one was answered, one it began, and one it had no time for."""
    ledger = services.ledger
    hold = ledger.mail_servers.take("default", "dead", lambda _mark: False)
    assert hold is not None
    taken = ledger.sending.take(hold, ledger.sending.read(ledger.sending.due()), timedelta(minutes=5))
    assert taken is not None
    if diary:
        book = Diary(services.settings.data, "dead", "default")
        for mail in taken[:2]:
            book.begun(mail)
        book.answered(taken[0], Answer("sent", 250, "taken as 42"))
    monkeypatch.setattr(module, "is_gone", lambda mark: mark == "dead")


def test_a_dead_sender_is_believed_by_its_diary(
    services: Services, sent: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it had no time for is sent, what was answered is settled, and only what it began and no more is in doubt."""
    sent(3)
    left_by_a_dead_sender(services, monkeypatch, diary=True)

    assert settle_unheard(services) == 3
    states = [(str(mail.state), mail.response) for mail in mails_of(services)]
    assert states == [("sent", "250 taken as 42"), ("in_doubt", VANISHED), ("queued", "")]
    assert list((services.settings.data / "sending").iterdir()) == []


def test_a_dead_sender_without_a_diary_leaves_doubt(
    services: Services, sent: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody knows what it began; a try that did not count before is no way out."""
    sent(3)
    left_by_a_dead_sender(services, monkeypatch, diary=False)

    assert settle_unheard(services) == 3
    assert {str(mail.state) for mail in mails_of(services)} == {"in_doubt"}


def test_a_silent_sender_elsewhere_leaves_doubt_after_its_lease(
    services: Services, sent: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not before: it may be at work."""
    sent(1)
    left_by_a_dead_sender(services, monkeypatch, diary=False)
    monkeypatch.setattr(module, "is_gone", lambda _mark: False)
    assert isinstance(services.clock, FrozenClock)

    assert settle_unheard(services) == 0
    services.clock.advance(minutes=6)
    assert settle_unheard(services) == 1
    assert str(mails_of(services)[0].state) == "in_doubt"


def test_who_slept_past_its_lease_sends_nothing(
    services: Services, sent: Callable[..., str], server: Callable[..., Services]
) -> None:
    """Others may have judged its mails by then."""
    sent(2)
    clock = services.clock
    assert isinstance(clock, FrozenClock)
    answers = [Answer("sent", 250, "ok")] * 2

    def asleep(one: Sender, mail: MailRow) -> str:
        clock.advance(minutes=10)
        return awake(one, mail)

    awake = Sender._begins
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Sender, "_begins", asleep)
        other = server(left=answers)
        deliver(other)
    assert len(answers) == 2
    assert {str(mail.state) for mail in mails_of(services)} == {"queued"}
    other.close()

"""Digests: what several jobs and runs leave becomes one mail for each period and recipient."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

import pytest

from automation.clock import FrozenClock
from automation.errors import UnknownName
from automation.ledger.mail_rows import MailRow
from automation.ledger.rows import RunRow
from automation.ledger.runs import Verdict
from automation.ledger.states import MailState, Outcome, State
from automation.runner import digests as module
from automation.runner.deliver import deliver
from automation.runner.digests import close_digests
from automation.runner.mails import Mails
from automation.services import Services

DAY = timedelta(days=1)


@pytest.fixture
def left(services: Services, running: Callable[..., RunRow]) -> Callable[..., None]:
    """`left(subject, *recipients)`: a run that leaves a mail to each for the digest `daily`."""
    (services.settings.project / "automation.toml").write_text(
        '[digests.daily]\ncloses = "0 8 * * *"\nsubject = "What happened"\n'
    )

    def make(subject: str, *recipients: str, digest: str = "daily") -> None:
        run = running()
        mails = Mails(services.clock, run, lambda _server: "robot@example.com", digests=services.digests)
        for recipient in recipients:
            message = EmailMessage()
            message["To"], message["Subject"] = recipient, subject
            message.set_content(f"{subject}, <b>in short</b>.")
            mails.add(message, "1", digest=digest)
        services.ledger.runs.finish(run.id, 1, Verdict(Outcome.SUCCEEDED, State.SUCCEEDED, mails=mails.rows))

    return make


def later(services: Services, span: timedelta) -> None:
    assert isinstance(services.clock, FrozenClock)
    services.clock.advance(seconds=span.total_seconds())


def mails_of(services: Services, *states: MailState) -> list[MailRow]:
    return services.ledger.outbox.list(states=states, whole=True)[::-1]


def test_many_events_are_one_mail_for_each_recipient_and_period(services: Services, left: Callable[..., None]) -> None:
    """Nothing leaves before the digest closes; then each recipient gets what was recorded for them, in order."""
    left("Prices fell", "ann@example.com", "bob@example.com")
    left("A site is new", "ann@example.com")
    assert deliver(services) == 0
    later(services, DAY)

    assert deliver(services) == 2
    ann, bob = mails_of(services, MailState.CAPTURED)
    message = message_from_bytes(ann.message, policy=default)
    text = message.get_body(("plain",)).get_content()
    assert (ann.recipient, bob.recipient, ann.subject) == ("ann@example.com", "bob@example.com", "What happened")
    assert text.index("Prices fell") < text.index("A site is new")
    assert "&lt;b&gt;in short" in message.get_body(("html",)).get_content()
    assert len(mails_of(services, MailState.BUNDLED)) == 3
    left("Prices rose", "ann@example.com")
    later(services, DAY)
    assert (deliver(services), deliver(services)) == (1, 0)


def test_a_closing_that_was_cut_off_is_made_once(
    services: Services, left: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed before the transaction it is made again, after it there is nothing left; two that close at once make one."""
    left("Prices fell", "ann@example.com")
    later(services, DAY)
    real = module._mail

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "_mail", dies)
    with pytest.raises(KeyboardInterrupt):
        close_digests(services)
    monkeypatch.setattr(module, "_mail", real)
    [closing] = services.ledger.digests.due()
    some = services.ledger.digests.gathered(closing)
    mail = real(services, closing, services.digests["daily"], some)

    assert close_digests(services) == 1
    assert not services.ledger.digests.close(closing, some, mail, services.clock.now())
    assert len(mails_of(services, MailState.QUEUED)) == 1


def test_what_comes_as_it_closes_is_in_the_next(services: Services, left: Callable[..., None]) -> None:
    """A period has one mail: what was recorded for it after that was made, waits for the next closing."""
    left("Prices fell", "ann@example.com")
    left("Too late", "ann@example.com")
    later(services, DAY)
    [due] = services.ledger.digests.due()
    first = services.ledger.digests.gathered(due)[:1]
    mail = module._mail(services, due, services.digests["daily"], first)
    assert services.ledger.digests.close(due, first, mail, services.clock.now())

    assert close_digests(services) == 0
    [waiting] = mails_of(services, MailState.GATHERED)
    assert waiting.due_at > services.clock.now()
    later(services, DAY)
    assert close_digests(services) == 1


def test_a_mail_of_html_is_shown_as_that(
    services: Services, left: Callable[..., None], running: Callable[..., RunRow]
) -> None:
    """Its body in the digest's own page, and not the text that stands beside it; what it escaped stays so."""
    left("plain", "ann@example.com")
    run = running()
    mails = Mails(services.clock, run, lambda _server: "robot@example.com", digests=services.digests)
    message = EmailMessage()
    message["To"], message["Subject"] = "ann@example.com", "<i>rich"
    message.set_content("Look at **it**")
    page = '<html><body><div class="sheet" style="x">Look at <b>it</b> &lt;script&gt;</div></body></html>'
    message.add_alternative(page, subtype="html")
    mails.add(message, "1", digest="daily")
    services.ledger.runs.finish(run.id, 1, Verdict(Outcome.SUCCEEDED, State.SUCCEEDED, mails=mails.rows))
    later(services, DAY)
    close_digests(services)

    [mail] = mails_of(services, MailState.QUEUED)
    made = message_from_bytes(mail.message, policy=default)
    source = made.get_body(("html",)).get_content()
    assert "<div>Look at <b>it</b> &lt;script&gt;</div>" in source
    assert ("**" in source, source.count("<body"), source.count("<div")) == (False, 1, 2)
    assert "&lt;i&gt;rich</h2>" in source
    assert "Look at **it**" in made.get_body(("plain",)).get_content()


def test_one_that_is_cancelled_is_not_in_it(services: Services, left: Callable[..., None]) -> None:
    """And a digest that nobody declares is told with the nearest name."""
    left("Prices fell", "ann@example.com")
    left("A secret", "ann@example.com")
    assert services.ledger.outbox.cancel(mails_of(services)[1].id, "cancelled by ann")
    later(services, DAY)
    deliver(services)
    [mail] = mails_of(services, MailState.CAPTURED)
    assert b"A secret" not in mail.message
    with pytest.raises(UnknownName, match="did you mean 'daily'"):
        left("x", "ann@example.com", digest="dayly")

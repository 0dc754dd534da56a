"""Mails on their way: who may send one, what a doubt does, and what people do about it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from automation.errors import UnknownName
from automation.ledger.mail_servers import Hold
from automation.ledger.sending import Settled
from automation.ledger.states import MailState, Outcome, State
from automation.ledger.verdict import Verdict

LEASE = timedelta(minutes=5)


@pytest.fixture
def mails(desk):
    """`mails(n, …)`: the ids of n mails that a run left."""

    def make(number=1, **values):
        run, now = desk.running(), desk.clock.now()
        rows = [
            {
                "scope": run.id, "message_key": "1", "recipient": f"to{count}@example.com", "run_id": run.id, "job": "mail",
                "sender": "us@example.com", "subject": "Hi", "message_id": "<1@x>", "message": b"x", "state": MailState.QUEUED,
                "tries": 0, "created_at": now, "due_at": now, "server": "default", "on_doubt": "hold", "expires_at": None, **values,
            }
            for count in range(number)
        ]  # fmt: skip
        desk.ledger.runs.finish(run.id, 1, Verdict(Outcome.SUCCEEDED, State.SUCCEEDED, mails=rows))
        return desk.ledger.sending.due(run_id=run.id)

    return make


def take(desk, holder="a", gone=()):
    return desk.ledger.mail_servers.take("default", holder, lambda mark: mark in gone)


def test_one_process_holds_a_server(desk):
    """Others wait until it gives it back, is dead, or says nothing for the length of its lease."""
    first = take(desk)
    assert isinstance(first, Hold)
    assert take(desk, "b") is None
    second = take(desk, "b", gone=("a",))
    assert second is not None
    assert second.fence > first.fence
    desk.ledger.mail_servers.release(first)
    assert take(desk, "c") is None
    desk.clock.advance(minutes=1)
    assert take(desk, "c") is not None


def test_many_ask_for_a_server_and_one_gets_it(desk):
    """At the same instant."""
    with ThreadPoolExecutor(4) as pool:
        holds = list(pool.map(lambda name: take(desk, str(name)), range(4)))
    assert sum(hold is not None for hold in holds) == 1


def test_whoever_lost_a_server_takes_no_more_mails(desk, mails):
    """What it has sent by then is written down all the same."""
    one, two = mails(2)
    sending, old = desk.ledger.sending, take(desk)
    [taken] = sending.take(old, sending.read([one]), LEASE)
    assert take(desk, "b", gone=("a",)) is not None

    assert sending.take(old, sending.read([two]), LEASE) is None
    assert not sending.keep(old, LEASE)
    sending.settle_all([Settled(taken, MailState.SENT, "250 ok")])
    assert desk.ledger.outbox.get(one).state is MailState.SENT
    assert desk.ledger.outbox.get(two).state is MailState.QUEUED


def test_a_mail_is_taken_once(desk, mails):
    """Also by a holder that read it before somebody else took it; the others of its batch are taken."""
    one, two, three = mails(3)
    sending, hold = desk.ledger.sending, take(desk)
    seen = sending.read([one, two, three])
    assert [mail.id for mail in sending.take(hold, seen[:1], LEASE)] == [one]
    assert [mail.id for mail in sending.take(hold, seen, LEASE)] == [two, three]
    assert sending.take(hold, seen, LEASE) == []


def test_many_ends_are_written_together(desk, mails):
    """Each by the try that it belongs to: what somebody else has judged by then stays as it is."""
    one, two, three = mails(3)
    sending, hold = desk.ledger.sending, take(desk)
    taken = sending.take(hold, sending.read([one, two, three]), LEASE)
    again_at = desk.clock.now() + timedelta(minutes=1)
    assert sending.settle_as(taken[2], MailState.IN_DOUBT, "vanished")

    sending.settle_all(
        [
            Settled(taken[0], MailState.SENT, "250 ok"),
            Settled(taken[1], MailState.TEMPORARY, "451 later", again_at, counts=False),
            Settled(taken[2], MailState.SENT, "250 late"),
        ]
    )

    ends = [desk.ledger.outbox.get(mail_id) for mail_id in (one, two, three)]
    assert [mail.state for mail in ends] == [MailState.SENT, MailState.TEMPORARY, MailState.IN_DOUBT]
    assert [mail.response for mail in ends] == ["250 ok", "451 later", "vanished"]
    assert (ends[1].due_at, ends[1].tries, ends[1].uncounted, ends[1].finished_at) == (again_at, 1, 1, None)


def test_a_server_that_is_away_is_left_alone_longer_and_longer(desk):
    """And asked at once when somebody says that it is back."""
    pauses = []
    for _ in range(6):
        hold = take(desk)
        pauses.append(desk.ledger.mail_servers.away(hold, "no answer").total_seconds())
        assert take(desk) is None
        desk.clock.advance(seconds=pauses[-1])
    assert pauses == [10, 30, 60, 120, 300, 300]
    hold = take(desk)
    desk.ledger.mail_servers.away(hold, "no answer")
    desk.ledger.mail_servers.wake()
    assert take(desk) is not None


def test_a_silent_sender_is_heard_of(desk, mails):
    """With its lease, so that others can judge; a late word of its own does not count once they did."""
    [one] = mails()
    sent = desk.ledger.sending.claim(one, LEASE, "a")
    assert [(mail.id, mail.holder, late) for mail, late in desk.ledger.sending.unheard()] == [(one, "a", False)]
    desk.clock.advance(minutes=6)
    [(mail, late)] = desk.ledger.sending.unheard()
    assert late
    assert desk.ledger.sending.settle_as(mail, MailState.IN_DOUBT, "vanished")
    assert not desk.ledger.sending.settle_as(sent, MailState.SENT, "250 ok")
    assert desk.ledger.sending.due() == []


def test_a_late_mail_expires(desk, mails):
    """And is not sent any more."""
    [one] = mails(expires_at=desk.clock.now() + timedelta(hours=1))
    assert desk.ledger.sending.expire() == 0
    desk.clock.advance(hours=2)
    assert desk.ledger.sending.expire() == 1
    assert (desk.ledger.outbox.get(one).state, desk.ledger.sending.due()) == (MailState.EXPIRED, [])


def test_a_person_sends_a_mail_again_or_never(desk, mails):
    """What left or is leaving stays as it is; tries begin anew, and the fence goes on."""
    one, two = mails(2)
    sent = desk.ledger.sending.claim(one, LEASE)
    assert not desk.ledger.outbox.retry(one)
    assert not desk.ledger.outbox.cancel(one, "me")
    desk.ledger.sending.settle_as(sent, MailState.PERMANENT, "550 no")
    assert desk.ledger.outbox.retry(one)
    again = desk.ledger.sending.claim(one, LEASE)
    assert (again.tries, again.tries - again.uncounted) == (2, 1)
    assert not desk.ledger.sending.settle_as(sent, MailState.SENT, "250 late")
    assert desk.ledger.outbox.cancel(two, "cancelled by ann")
    assert desk.ledger.outbox.get(two).response == "cancelled by ann"
    assert desk.ledger.sending.due() == []


def test_mails_are_found_by_state_job_and_recipient(desk, mails):
    """Newest first, without their messages."""
    one, two = mails(2)
    desk.ledger.outbox.cancel(one, "x")
    found = desk.ledger.outbox.list(states=[MailState.QUEUED], job="mail", recipient="TO1@")
    assert [(mail.id, mail.message) for mail in found] == [(two, b"")]
    assert desk.ledger.outbox.list(recipient="%") == []
    with pytest.raises(UnknownName, match="automation outbox list"):
        desk.ledger.outbox.get(10_000)

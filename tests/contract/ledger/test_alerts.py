"""Alerts: what a job's people are told, once for each outage, with the verdict that it is told of."""

from __future__ import annotations

from datetime import timedelta
from email import message_from_bytes
from email.policy import default

import pytest

from automation.ledger.alarm import Alerts, Quiet, Target
from automation.ledger.alerts import tell_missed
from automation.ledger.states import Kind, Outcome, State
from automation.ledger.verdict import Verdict

BOTH = (Target("ops@example.com"), Target("boss@example.com", "bulk"))
GOOD = Verdict(Outcome.SUCCEEDED, State.SUCCEEDED)
DEAD = Verdict(Outcome.FAILED, State.DEAD, "the shop said 500")


@pytest.fixture
def ends(desk):
    """`ends(verdict, alerts, …)`: a fire of the job that ends so, an hour after the one before."""

    def make(verdict, alerts, **values):
        desk.clock.advance(hours=1)
        spec = {"params": {}, "alerts": alerts.to_json()}
        run = desk.running(kind=Kind.SCHEDULED, schedule="main", planned_time=desk.clock.now(), spec=spec, **values)
        assert desk.ledger.runs.finish(run.id, run.attempt, verdict, None, alerts)
        return run

    return make


def told(desk):
    return [(mail.subject, mail.recipient) for mail in desk.ledger.outbox.list()[::-1]]


def test_a_failure_is_told_once_and_so_is_the_recovery(desk, ends):
    """Everybody of the channel; nothing more while it lasts, and again with the next outage."""
    alerts = Alerts(BOTH)
    for verdict in (GOOD, DEAD, DEAD, GOOD, GOOD, DEAD):
        ends(verdict, alerts)
    subjects = ["books failed", "books works again", "books failed"]
    assert told(desk) == [(subject, address) for subject in subjects for address, *_ in BOTH]

    mail = desk.ledger.outbox.list(recipient="boss", whole=True)[-1]
    text = message_from_bytes(mail.message, policy=default).get_content()
    assert (mail.server, mail.on_doubt, mail.sender) == ("bulk", "resend", "")
    assert "Reason: the shop said 500" in text
    assert f"automation show {mail.run_id}" in text


def test_quiet_hours_hold_an_alert_back(desk, ends):
    """It is told when they end, of what can wait; others of the same job's people are told at once."""
    night = Target("night@example.com", quiet=Quiet(("22:00-07:00",), "Europe/Berlin"))
    desk.clock.advance(hours=8, minutes=30)  # 21:30 in Berlin; each run ends an hour later
    ends(DEAD, Alerts((night, BOTH[1])))
    held, told_now = sorted(desk.ledger.outbox.list(), key=lambda mail: mail.recipient, reverse=True)
    morning = desk.clock.now() + timedelta(hours=8, minutes=30)
    assert (held.due_at, held.expires_at) == (morning, morning + timedelta(days=1))
    assert desk.ledger.sending.due() == [told_now.id]

    ends(GOOD, Alerts((night,), urgent=True))
    assert [desk.ledger.outbox.get(one).subject for one in desk.ledger.sending.due()][1:] == ["books works again"]


def test_several_failures_in_a_row_are_needed(desk, ends):
    """With `after_failures = 3` the third is told, and no recovery of what nobody was told of."""
    alerts = Alerts(BOTH[:1], after_failures=3)
    for verdict in (DEAD, DEAD, GOOD, DEAD, DEAD):
        ends(verdict, alerts)
    assert told(desk) == []
    for verdict in (DEAD, DEAD, GOOD):
        ends(verdict, alerts)
    assert [subject for subject, _ in told(desk)] == ["books failed 3 times in a row", "books works again"]


def test_what_is_not_asked_for_is_not_told(desk, ends):
    """And a retry, a run by hand and a backfill are no news."""
    for verdict in (DEAD, GOOD):
        ends(verdict, Alerts(BOTH, on=("missed",)))
    run = desk.running(kind=Kind.BACKFILL)
    desk.ledger.runs.finish(run.id, 1, DEAD, None, Alerts(BOTH))
    again = desk.clock.now() + timedelta(minutes=1)
    ends(Verdict(Outcome.FAILED, State.RETRYING, "again", again), Alerts(BOTH))
    assert told(desk) == []


def test_a_verdict_that_came_too_late_tells_nobody(desk):
    """A fenced-out attempt writes neither its verdict nor an alert."""
    run = desk.running(kind=Kind.SCHEDULED)
    assert not desk.ledger.runs.finish(run.id, run.attempt + 1, DEAD, None, Alerts(BOTH))
    assert told(desk) == []


def test_a_late_run_is_told_when_it_ends(desk, ends):
    """Beyond `late_after`, and once in a quarter of an hour."""
    alerts = Alerts(BOTH[:1], on=("late",), late_after=timedelta(minutes=5))
    ends(GOOD, alerts)
    assert told(desk) == []
    for _ in range(2):
        now = desk.clock.now()
        spec = {"params": {}, "alerts": alerts.to_json()}
        run = desk.running(kind=Kind.CATCHUP, planned_time=now - timedelta(minutes=6), spec=spec)
        desk.ledger.runs.finish(run.id, 1, GOOD, None, alerts)
    assert told(desk) == [("books is late", "ops@example.com")]


def test_missed_fires_are_one_mail(desk):
    """With the first and the last of them; an outage that goes on is no other mail for a while."""
    alerts = Alerts(BOTH[:1]).to_json()
    for start in (0, 5):
        missed = [
            desk.new(
                kind=Kind.CATCHUP, state=State.MISSED, reason="missed: 3h late", spec={"params": {}, "alerts": alerts},
                nominal_time=desk.clock.now() + timedelta(minutes=number),
            )
            for number in range(start, start + 5)
        ]  # fmt: skip
        with desk.ledger.engine.begin() as connection:
            tell_missed(connection, missed, desk.clock.now())
    [mail] = desk.ledger.outbox.list(whole=True)
    text = message_from_bytes(mail.message, policy=default).get_content()
    assert mail.subject == "books did not run in time"
    assert "5 fires did not run: 2026-03-01T12:00:00Z to 2026-03-01T12:04:00Z." in text


def test_a_run_that_expires_is_told(desk):
    """It was too late to begin."""
    now = desk.clock.now()
    spec = {"params": {}, "alerts": Alerts(BOTH[:1]).to_json()}
    desk.queued(kind=Kind.SCHEDULED, expires_at=now + timedelta(minutes=1), spec=spec)
    desk.clock.advance(minutes=2)
    assert len(desk.ledger.runs.expire()) == 1
    assert told(desk) == [("books did not run in time", "ops@example.com")]

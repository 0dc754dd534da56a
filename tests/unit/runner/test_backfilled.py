"""Runs that stand for a fire that has been: what they do again, and what they do not."""

from __future__ import annotations

from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import pytest

from automation.ledger.ids import new_id
from automation.ledger.rows import NewRun, RunRow
from automation.ledger.runs import Claimant
from automation.ledger.states import Kind
from automation.plugin import Context, plugin, spec_of
from automation.project.order import RunSpec
from automation.registry import Registry
from automation.retry import RetryPolicy
from automation.runner.attempt import attempt
from automation.services import Services


@plugin
def writes(ctx: Context) -> dict[str, Any]:
    """Two mails, and one thing once."""
    for subject in ("One", "Two"):
        message = EmailMessage()
        message["To"], message["Subject"] = "a@example.com, b@example.com", subject
        message.set_content("Hi.")
        ctx.send(message, key=subject)
    return {"first": ctx.once("charge")}


@pytest.fixture
def work(services: Services):
    """`work(kind)`: do a run of noon's fire; returns it as it ended."""
    spec = spec_of(writes)
    assert spec is not None
    services.__dict__["registry"] = Registry({"writes": spec}, {})
    noon = services.clock.now()

    def do(kind: Kind, *, mute: bool = False) -> RunRow:
        how = RunSpec({}, timedelta(minutes=1), timedelta(seconds=30), RetryPolicy(), mute=mute).to_json()
        values: dict[str, Any] = {"max_attempts": 3, "queue": "default", "priority": 5, "spec": how}
        run = NewRun(new_id(), "books", "writes", kind, noon, noon, noon, noon, schedule="main", **values)
        services.ledger.runs.add(run)
        attempt(services, run.id, Claimant("w1", 42))
        return services.ledger.queries.run(run.id)

    return do


def mails(services: Services, run: RunRow) -> list[str]:
    return sorted(mail.subject for mail in services.ledger.outbox.list(run_id=run.id))


def log(services: Services, run: RunRow) -> list[str]:
    return [line.message for line in services.ledger.queries.logs(run.id)]


def test_a_muted_run_sends_nothing_and_says_so(services: Services, work) -> None:
    """In its own log, with the way to send them."""
    run = work(Kind.BACKFILL, mute=True)
    assert (run.state, mails(services, run)) == ("succeeded", [])
    assert log(services, run) == ["2 mails not sent: a backfill sends none; start it with --notify"]


def test_a_run_that_may_send_sends_what_was_not_sent(services: Services, work) -> None:
    """The fire had been missed, so its mails are new."""
    run = work(Kind.BACKFILL)
    assert (run.result, mails(services, run)) == ({"first": True}, ["One", "One", "Two", "Two"])
    assert log(services, run) == []


def test_what_a_fire_has_done_is_not_done_again(services: Services, work) -> None:
    """The run that makes up for it is another one, and stands for the same fire: no second mail, no second charge."""
    first, again = work(Kind.SCHEDULED), work(Kind.BACKFILL)
    assert first.scope == again.scope
    assert (first.result, again.result) == ({"first": True}, {"first": False})
    assert (len(mails(services, first)), mails(services, again)) == (4, [])

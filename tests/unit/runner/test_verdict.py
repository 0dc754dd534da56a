"""From how a plugin ended to what follows: a pure function."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from smtplib import SMTPDataError, SMTPSenderRefused
from socket import gaierror
from ssl import SSLError
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from automation.errors import FailureClass, JobFailed, Retry, Skip, Snooze
from automation.ledger.rows import RunRow
from automation.retry import RetryPolicy
from automation.runner.verdict import TimedOut, after, cancelled, failure_of, success

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
LIMIT = timedelta(minutes=5)


class Closed(Exception):
    """The shop is closed."""


@pytest.fixture
def verdict(running: Callable[..., RunRow]) -> Callable[..., Any]:
    """`verdict(error, …)`: what follows in a run's first attempt under a policy with these values."""

    def of(error: BaseException, **policy: Any) -> Any:
        return after(error, running(), RetryPolicy(**{"jitter": "none", **policy}), NOON, LIMIT)

    return of


def test_return_is_success() -> None:
    """With whatever came out."""
    assert (success({"n": 1}).state, success({"n": 1}).result) == ("succeeded", {"n": 1})


def test_skip_without_a_word_gets_one(verdict: Callable[..., Any]) -> None:
    """The reason is never empty."""
    assert (verdict(Skip()).outcome, verdict(Skip()).reason) == ("succeeded", "skipped by the plugin")


def test_snooze_spends_no_attempt(verdict: Callable[..., Any]) -> None:
    """However often, also where one attempt is all there is."""
    found = verdict(Snooze(60), max_attempts=1)

    assert (found.outcome, found.state, found.spends) == ("snoozed", "retrying", False)
    assert found.due_at == NOON + timedelta(minutes=1)


def test_who_snoozes_too_often_is_dead(running: Callable[..., RunRow]) -> None:
    """The run would else go round for ever; the reason has the plugin's last word."""
    error = Snooze(60, "the file is not there")
    found = after(error, running(), RetryPolicy(max_snoozes=2), NOON, LIMIT, snoozed=2)

    assert (found.outcome, found.state, found.failure_class) == ("failed", "dead", "unknown")
    assert found.reason == "snoozed 2 times, and max_snoozes is 2: the file is not there"


def test_total_deadline_counts_from_when_the_run_was_queued(running: Callable[..., RunRow]) -> None:
    """Whatever the time is that the run stands for."""
    run = running(nominal_time=NOON - timedelta(days=9))
    policy = RetryPolicy(jitter="none", first=timedelta(minutes=5), total_deadline=timedelta(minutes=10))
    early, late = (after(ValueError("no"), run, policy, NOON + timedelta(minutes=at), LIMIT) for at in (4, 5))

    assert (early.state, late.state) == ("retrying", "dead")
    assert late.reason == "no attempt can begin within its total_deadline of 10m; last: ValueError: no"


def test_whom_the_other_side_sends_away_for_too_long_is_throttled(verdict: Callable[..., Any]) -> None:
    """Whatever class its failure had."""
    found = verdict(JobFailed("503", FailureClass.TRANSPORT, retry_after=timedelta(hours=7)))

    assert (found.state, found.failure_class, found.message) == ("dead", "throttled", "503")


def test_wish_of_the_plugin_is_no_retry_after(verdict: Callable[..., Any]) -> None:
    """It knows what it asks for: neither the limit nor the refusal is meant for it."""
    found = verdict(Retry(after=timedelta(hours=8)), respect_retry_after=False)

    assert found.due_at == NOON + timedelta(hours=8)


def test_last_attempt_makes_a_dead_letter(verdict: Callable[..., Any]) -> None:
    """Which says how many there were and how the last one ended."""
    found = verdict(ValueError("no"), max_attempts=1)

    assert (found.state, found.due_at) == ("dead", None)
    assert found.reason == "1 attempt spent; last: ValueError: no"


def test_exception_can_be_named_in_a_policy(verdict: Callable[..., Any]) -> None:
    """By its dotted name, or its plain one where Python itself has it."""
    assert verdict(Closed(), give_up_on=(f"{__name__}.Closed",)).reason == f"given up on {__name__}.Closed: Closed"
    assert verdict(ZeroDivisionError("x"), give_up_on=("ZeroDivisionError",)).state == "dead"


def test_wait_of_a_verdict_is_the_same_whoever_gives_it(running: Callable[..., RunRow]) -> None:
    """Its chance comes from run and attempt alone."""
    run = running()

    assert after(ValueError(), run, RetryPolicy(), NOON, LIMIT) == after(ValueError(), run, RetryPolicy(), NOON, LIMIT)


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (TimedOut(), FailureClass.TIMEOUT, ""),
        (Retry(), FailureClass.UNKNOWN, ""),
        (TimeoutError("slow"), FailureClass.TRANSPORT, "TimeoutError"),
        (gaierror(-3, "no name"), FailureClass.TRANSPORT, "socket.gaierror"),
        (SSLError("handshake"), FailureClass.TRANSPORT, "ssl.SSLError"),
        (SMTPDataError(451, b"later"), FailureClass.SMTP_TEMPORARY, "smtp:451"),
        (SMTPSenderRefused(550, b"no", "a@example.com"), FailureClass.SMTP_PERMANENT, "smtp:550"),
        (BrokenPipeError(), FailureClass.TRANSPORT, "BrokenPipeError"),
        (JobFailed("x", FailureClass.BLOCKED), FailureClass.BLOCKED, ""),
        (OperationalError("UPDATE", {}, sqlite3.OperationalError("database is locked")), FailureClass.DB_LOCK,
         "sqlalchemy.exc.OperationalError"),
        (OperationalError("UPDATE", {}, sqlite3.OperationalError("no such table")), FailureClass.UNKNOWN,
         "sqlalchemy.exc.OperationalError"),
    ],
)  # fmt: skip
def test_exception_has_its_class(error: BaseException, kind: FailureClass, code: str) -> None:
    """A lock may be tried again at once, a fault in a statement is a fault."""
    failure = failure_of(error, LIMIT)

    assert (failure.failure_class, failure.code) == (kind, code)
    assert failure.message


def test_timeout_is_an_outcome_of_its_own(verdict: Callable[..., Any]) -> None:
    """It says how long the limit was."""
    found = verdict(TimedOut())

    assert (found.outcome, found.message, found.traceback) == ("timed_out", "longer than its timeout of 5m", None)


def test_traceback_is_cut_at_its_beginning(verdict: Callable[..., Any]) -> None:
    """Its end is what tells."""
    found = verdict(ValueError("x" * 30_000 + "end"))

    assert len(found.traceback) == 20_001
    assert found.traceback.startswith("…")
    assert found.traceback.endswith("end\n")


def test_cancelled_is_neither_success_nor_failure() -> None:
    """It has its own outcome and state."""
    assert (cancelled("asked").outcome, cancelled("asked").state) == ("cancelled", "cancelled")

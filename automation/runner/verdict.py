"""From how a plugin ended to the verdict on its run: a pure function.

Owns: what each exception means.
Never: writes it.
"""

from __future__ import annotations

import traceback as tracebacks
from datetime import datetime, timedelta
from random import Random
from socket import gaierror
from ssl import SSLError
from typing import Any

from sqlalchemy.exc import DBAPIError

from automation.database import transient
from automation.errors import FailureClass, GiveUp, InvalidInput, JobFailed, Retry, Skip, Snooze
from automation.ledger.rows import RunRow
from automation.ledger.runs import Verdict
from automation.ledger.states import Outcome, State
from automation.retry import DISCARDED, Decision, Failure, RetryPolicy
from automation.text import format_duration

_LONGEST_TRACEBACK = 20_000


class TimedOut(BaseException):
    """The attempt's soft limit passed. Not an Exception, so that a plugin's `except Exception` lets it through."""


def success(result: Any) -> Verdict:
    """The plugin returned."""
    return Verdict(Outcome.SUCCEEDED, State.SUCCEEDED, result=result)


def after(
    error: BaseException, run: RunRow, policy: RetryPolicy, now: datetime, limit: timedelta, snoozed: int = 0
) -> Verdict:
    """What follows when the plugin raised `error`.

    Parameters
    ----------
    limit: the soft limit of the attempt, for the message of a time-out.
    snoozed: how often the run has put itself off so far.
    """
    if isinstance(error, Skip):
        return Verdict(Outcome.SUCCEEDED, State.SKIPPED, reason=error.reason or "skipped by the plugin")
    if isinstance(error, Snooze):
        put_off = policy.after_snooze(error.after, error.reason, snoozed=snoozed, now=now, since=run.queued_at)
        if put_off.retry_at is not None:
            return Verdict(Outcome.SNOOZED, State.RETRYING, put_off.reason, put_off.retry_at, spends=False)
        return _ended(put_off)
    failure = failure_of(error, limit)
    chance = Random(f"{run.id}/{run.attempt}")
    decision = policy.after_failure(failure, spent=run.spent + 1, now=now, random=chance, since=run.queued_at)
    return Verdict(
        outcome=Outcome.TIMED_OUT if failure.failure_class is FailureClass.TIMEOUT else Outcome.FAILED,
        state=State.DEAD if decision.retry_at is None else State.RETRYING,
        reason=decision.reason,
        due_at=decision.retry_at,
        failure_class=decision.failure_class or failure.failure_class,
        code=failure.code or None,
        message=failure.message,
        traceback=None if isinstance(error, (GiveUp, Retry, TimedOut, InvalidInput)) else _traceback(error),
    )


def _ended(decision: Decision) -> Verdict:
    """The run may put itself off no more."""
    said = decision.reason.removeprefix(DISCARDED)
    return Verdict(
        Outcome.FAILED, State.DEAD, decision.reason, failure_class=FailureClass.UNKNOWN, code="snooze", message=said
    )


def cancelled(reason: str) -> Verdict:
    """Somebody asked the run to stop, and it did."""
    return Verdict(Outcome.CANCELLED, State.CANCELLED, reason=reason)


def failure_of(error: BaseException, limit: timedelta) -> Failure:
    """The failure that an exception stands for."""
    if isinstance(error, JobFailed):
        return Failure(error.failure_class, str(error), error.code, error.retry_after)
    if isinstance(error, GiveUp):
        return Failure(FailureClass.UNKNOWN, error.reason or "given up by the plugin", final=True)
    if isinstance(error, Retry):
        return Failure(FailureClass.UNKNOWN, error.reason or "the plugin asked to try again", at_least=error.after)
    if isinstance(error, TimedOut):
        return Failure(FailureClass.TIMEOUT, f"longer than its timeout of {format_duration(limit)}")
    if isinstance(error, InvalidInput):
        return Failure(FailureClass.CONFIG, str(error), _name(error))
    return _of_library(error)


def _of_library(error: BaseException) -> Failure:
    """An exception that is none of ours: databases, mail servers and connections have classes, all else is unknown."""
    message = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    answer = getattr(error, "smtp_code", None)
    if isinstance(answer, int):
        kind = FailureClass.SMTP_TEMPORARY if 400 <= answer < 500 else FailureClass.SMTP_PERMANENT
        return Failure(kind, message, f"smtp:{answer}")
    kind = FailureClass.MEMORY if isinstance(error, MemoryError) else FailureClass.UNKNOWN
    if isinstance(error, DBAPIError) and transient(error):
        kind = FailureClass.DB_LOCK
    elif isinstance(error, (ConnectionError, TimeoutError, SSLError, gaierror)):
        kind = FailureClass.TRANSPORT
    return Failure(kind, message, _name(error))


def _name(error: BaseException) -> str:
    return f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")


def _traceback(error: BaseException) -> str | None:
    if isinstance(error, JobFailed) and error.__cause__ is None:
        return None
    text = "".join(tracebacks.format_exception(error))
    return text if len(text) <= _LONGEST_TRACEBACK else "…" + text[-_LONGEST_TRACEBACK:]

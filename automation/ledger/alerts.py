"""Alerts: a job's failure, recovery, missed fire or late run becomes mails of the outbox, with what it is told of.

Owns: when something is told, once for each outage, in which words, and after whose quiet hours.
Never: opens a transaction; it works within the one that records what happened.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

import sqlalchemy as sa

from automation.database import insert_or_ignore
from automation.ledger.alarm import FAILURE, LATE, MISSED, RECOVERY, Alerts, alerts_of
from automation.ledger.mail_tables import outbox
from automation.ledger.rows import NewRun, RunRow
from automation.ledger.states import MailState, State
from automation.ledger.streaks import TELLING, TELLING_KINDS
from automation.ledger.tables import runs
from automation.text import count, format_duration, instant, printable

#: Of missed fires and late runs a job tells once in so long: an outage makes many of them.
_QUIET = timedelta(minutes=15)
#: What nobody could be told of for so long is no news any more.
_LIFE = timedelta(days=1)
_LONGEST = 2000


def tell_end(connection: sa.Connection, alerts: Alerts, run_id: str, now: datetime) -> None:
    """Tell of a run that has just ended, if there is something to tell: it failed, recovered, or had begun late."""
    columns = (
        runs.c.id, runs.c.job, runs.c.kind, runs.c.state, runs.c.reason, runs.c.nominal_time, runs.c.started_at,
        runs.c.planned_time,
    )  # fmt: skip
    run: sa.Row[Any] = connection.execute(sa.select(*columns).where(runs.c.id == run_id)).one()  # type: ignore[assignment]
    if run.kind not in TELLING_KINDS or run.state not in TELLING:
        return
    planned = run.planned_time or run.nominal_time
    begun_late = (run.started_at - planned) if run.started_at else timedelta()
    if LATE in alerts.on and begun_late > alerts.late_after and not _told_lately(connection, run.job, LATE, now):
        late = f"It began {format_duration(begun_late)} after {instant(planned)}, when it was due."
        _tell(connection, alerts, run, f"{LATE}:{run.id}", f"{run.job} is late", [late], now)
    good_id, good_at = _last_good(connection, run.job, run.id)
    if run.state == State.DEAD:
        _tell_failure(connection, alerts, run, good_id, good_at, now)
    elif RECOVERY in alerts.on and (since := _told_at(connection, run.job, f"{FAILURE}:{good_id}")):
        words = [f"It succeeded again, {format_duration(now - since)} after its failure was told."]
        _tell(connection, alerts, run, f"{RECOVERY}:{good_id}", f"{run.job} works again", words, now)


def tell_missed(connection: sa.Connection, missed: Sequence[NewRun], now: datetime) -> None:
    """Tell of fires that did not run in time, in one mail for each job."""
    by_job: dict[str, list[NewRun]] = {}
    for run in missed:
        if "alerts" in run.spec:
            by_job.setdefault(run.job, []).append(run)
    for some in by_job.values():
        first, last = some[0], max(some, key=lambda run: run.nominal_time)
        moments = (
            instant(first.nominal_time)
            if first is last
            else f"{instant(first.nominal_time)} to {instant(last.nominal_time)}"
        )
        _tell_miss(connection, last, f"{count(len(some), 'fire')} did not run: {moments}.", last.reason, now)


def tell_expired(connection: sa.Connection, run: RunRow, why: str, now: datetime) -> None:
    """Tell of a run that was too late to begin."""
    _tell_miss(connection, run, f"The run of {instant(run.nominal_time)} did not begin in time.", why, now)


def _tell_miss(connection: sa.Connection, run: NewRun | RunRow, what: str, why: str | None, now: datetime) -> None:
    alerts = alerts_of(run.spec)
    if alerts is None or MISSED not in alerts.on or run.kind not in TELLING_KINDS:
        return
    if not _told_lately(connection, run.job, MISSED, now):
        words = [what, *_because(why)]
        _tell(connection, alerts, run, f"{MISSED}:{run.id}", f"{run.job} did not run in time", words, now)


def _tell_failure(
    connection: sa.Connection,
    alerts: Alerts,
    run: sa.Row[Any],
    good_id: str,
    good_at: datetime | None,
    now: datetime,
) -> None:
    """Once for each outage: the key is the last run that was good."""
    died = _telling(run.job) & (runs.c.state == State.DEAD)
    if good_at is not None:
        died &= runs.c.finished_at > good_at
    in_a_row = connection.execute(sa.select(sa.func.count()).select_from(runs).where(died)).scalar_one()
    if FAILURE not in alerts.on or in_a_row < alerts.after_failures:
        return
    title = f"{run.job} failed" + (f" {in_a_row} times in a row" if in_a_row > 1 else "")
    since = f"The last run that was good ended at {instant(good_at)}." if good_at else "No run of it was good so far."
    _tell(connection, alerts, run, f"{FAILURE}:{good_id}", title, [*_because(run.reason), since], now)


def _telling(job: str) -> sa.ColumnElement[bool]:
    return (runs.c.job == job) & (runs.c.attempt > 0) & runs.c.kind.in_(TELLING_KINDS)


def _last_good(connection: sa.Connection, job: str, but: str) -> tuple[str, datetime | None]:
    """The newest run beside this one that was good, and when it ended."""
    good = _telling(job) & (runs.c.id != but) & runs.c.state.in_([State.SUCCEEDED, State.SKIPPED])
    query = sa.select(runs.c.id, runs.c.finished_at).where(good).order_by(runs.c.finished_at.desc()).limit(1)
    found = connection.execute(query).one_or_none()
    return (found[0], found[1]) if found else ("the beginning", None)


def _told_at(connection: sa.Connection, job: str, key: str) -> datetime | None:
    told = (outbox.c.scope == _scope(job)) & (outbox.c.message_key == key)
    found: datetime | None = connection.scalar(sa.select(outbox.c.created_at).where(told).limit(1))
    return found


def _told_lately(connection: sa.Connection, job: str, kind: str, now: datetime) -> bool:
    told = (outbox.c.scope == _scope(job)) & outbox.c.message_key.startswith(f"{kind}:", autoescape=True)
    return (
        connection.execute(sa.select(outbox.c.id).where(told, outbox.c.created_at > now - _QUIET)).first() is not None
    )


def _scope(job: str) -> str:
    return f"alert:{job}"


def _because(reason: str | None) -> Iterable[str]:
    return [f"Reason: {printable(reason, _LONGEST)}"] if reason else []


def _tell(
    connection: sa.Connection,
    alerts: Alerts,
    run: NewRun | RunRow | sa.Row[Any],
    key: str,
    title: str,
    words: Iterable[str],
    now: datetime,
) -> None:
    text = "\n".join([*words, "", f"Look at it with: automation show {run.id}"])
    due = {target: now if alerts.urgent else target.due(now) for target in alerts.targets}
    rows = [
        {
            "scope": _scope(run.job),
            "message_key": key,
            "recipient": target.address,
            "run_id": run.id,
            "job": run.job,
            # Whoever sends it knows who it comes from.
            "sender": "",
            "subject": title,
            "message_id": _message_id(run.job, key, target.address),
            "message": _message(run.job, key, target.address, title, text, now),
            "state": MailState.QUEUED,
            "tries": 0,
            "created_at": now,
            "due_at": due[target],
            "server": target.server,
            "on_doubt": "resend",
            "expires_at": due[target] + _LIFE,
        }
        for target in alerts.targets
    ]
    connection.execute(insert_or_ignore(outbox, connection.dialect.name), rows)


def _message(job: str, key: str, address: str, title: str, text: str, now: datetime) -> bytes:
    message = EmailMessage(policy=SMTP)
    message["To"], message["Subject"], message["Date"] = address, title, now
    message["Message-ID"] = _message_id(job, key, address)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text, cte="quoted-printable")
    return message.as_bytes()


def _message_id(job: str, key: str, address: str) -> str:
    return f"<{hashlib.sha256(f'{_scope(job)}|{key}|{address}'.encode()).hexdigest()[:32]}@automation.invalid>"

"""What goes beside runs: settled mails, locks and limits that nobody needs, ended pauses, signs of life, old revisions,
lines of the audit trail.

Owns: which of these rows nobody asks for any more.
Never: touches a run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

import sqlalchemy as sa

from automation.database import reading
from automation.ledger import limit_counts
from automation.ledger.audit import forget
from automation.ledger.gate_tables import breakers, limits
from automation.ledger.keep import Keep
from automation.ledger.mail_tables import outbox
from automation.ledger.pauses import outlived
from automation.ledger.states import OPEN, MailState, State
from automation.ledger.tables import pauses, processes, revisions, runs, schedules, slots

_AT_ONCE, _MAILS = 500, 50
_UNSETTLED = (MailState.GATHERED, MailState.QUEUED, MailState.TAKEN, MailState.SENDING, MailState.TEMPORARY)
#: A run that could be tried again must not send again what it has sent.
_COMES_BACK = (*OPEN, State.DEAD)
_KEPT_REVISIONS = 100
_SIGN_OF_LIFE = timedelta(days=7)
_PAUSE = timedelta(days=90)
_AUDIT = timedelta(days=365)
#: Of a rate: a day; and a clock may be set.
_LONGEST_SPAN = timedelta(days=2)


def steps(engine: sa.Engine, keep: Keep, now: datetime, counts: Counter[str], *, dry: bool) -> Iterator[None]:
    """Everything, a piece with each step.

    Parameters
    ----------
    counts: what went is added to it.
    dry: nothing is deleted, only counted.
    """
    if keep.outbox is not None:
        yield from _mails(engine, now - keep.outbox, counts, dry=dry)
    yield from _locks(engine, counts, dry=dry)
    if dry:
        return
    yield from _limits(engine, now - _LONGEST_SPAN)
    yield from _audit(engine, now - _AUDIT)
    with engine.begin() as connection:
        _processes(connection, now - _SIGN_OF_LIFE)
        _revisions(connection)
        _pauses(connection, now - _PAUSE)
        # One that lets everything through and has counted nothing is as good as none.
        connection.execute(breakers.delete().where(breakers.c.circuit == "closed", breakers.c.streak == 0))
    yield


def _mails(engine: sa.Engine, before: datetime, counts: Counter[str], *, dry: bool) -> Iterator[None]:
    """Settled mails whose runs cannot come back; those in doubt too, once nobody has looked for so long."""
    joined = outbox.outerjoin(runs, runs.c.id == outbox.c.run_id)
    columns = (outbox.c.id, outbox.c.created_at, outbox.c.state, outbox.c.finished_at, runs.c.state.label("of_run"))
    query = sa.select(*columns).select_from(joined).order_by(outbox.c.id).limit(_AT_ONCE)
    last = 0
    while True:
        with reading(engine) as connection:
            some = connection.execute(query.where(outbox.c.id > last)).all()
        yield
        old = [row for row in some if row.created_at < before]
        gone = [
            row.id
            for row in old
            if row.state not in _UNSETTLED
            and row.finished_at is not None
            and row.finished_at < before
            and row.of_run not in _COMES_BACK
        ]
        counts["mails"] += len(gone)
        for start in range(0, 0 if dry else len(gone), _MAILS):
            with engine.begin() as connection:
                connection.execute(outbox.delete().where(outbox.c.id.in_(gone[start : start + _MAILS])))
            yield
        # Mails are numbered as they are made: behind one that is young there are younger ones.
        if len(old) < _AT_ONCE:
            return
        last = some[-1].id


def _locks(engine: sa.Engine, counts: Counter[str], *, dry: bool) -> Iterator[None]:
    """Locks of overlap keys without any run, and of pauses: whoever needs one makes it anew."""
    used = sa.exists().where(runs.c.overlap_key == slots.c.overlap_key)
    last = ""
    while True:
        behind = sa.select(slots.c.overlap_key).where(slots.c.overlap_key > last)
        with reading(engine) as connection:
            keys = list(connection.scalars(behind.order_by(slots.c.overlap_key).limit(_AT_ONCE)))
            among = slots.c.overlap_key.in_(keys)
            free = list(connection.scalars(sa.select(slots.c.overlap_key).where(among, ~used))) if keys else []
        yield
        counts["locks"] += len(free)
        if free and not dry:
            with engine.begin() as connection:
                connection.execute(slots.delete().where(slots.c.overlap_key.in_(sorted(free))))
            yield
        if len(keys) < _AT_ONCE:
            return
        last = keys[-1]


def _limits(engine: sa.Engine, before: datetime) -> Iterator[None]:
    """Keys of limits that nobody has used for longer than any rate's span."""
    last = ""
    while True:
        some = sa.select(limits.c.limit_key).where(limits.c.limit_key > last).order_by(limits.c.limit_key)
        with reading(engine) as connection:
            keys = list(connection.scalars(some.limit(_AT_ONCE)))
        yield
        for key in keys:
            with engine.begin() as connection:
                limit_counts.forget(connection, key, before)
            yield
        if len(keys) < _AT_ONCE:
            return
        last = keys[-1]


def _audit(engine: sa.Engine, before: datetime) -> Iterator[None]:
    """Lines of the audit trail of more than a year ago."""
    gone = _AT_ONCE
    while gone == _AT_ONCE:
        with engine.begin() as connection:
            gone = forget(connection, before, _AT_ONCE)
        yield


def _processes(connection: sa.Connection, before: datetime) -> None:
    """Processes that left or fell silent long ago, and hold no run."""
    holds = sa.exists().where(runs.c.worker == processes.c.id, runs.c.state == State.RUNNING)
    connection.execute(processes.delete().where(processes.c.heartbeat_at < before, ~holds))


def _revisions(connection: sa.Connection) -> None:
    """All but the newest configurations."""
    newest = connection.execute(sa.select(sa.func.max(revisions.c.revision))).scalar_one() or 0
    connection.execute(revisions.delete().where(revisions.c.revision <= newest - _KEPT_REVISIONS))


def _pauses(connection: sa.Connection, before: datetime) -> None:
    """Pauses that ended before anything that is yet to be decided; of each target the last one stays."""
    earliest = sa.select(sa.func.min(schedules.c.cursor)).where(schedules.c.active)
    cursor = connection.execute(earliest).scalar_one()
    gone = outlived(connection, before if cursor is None else min(before, cursor))
    if gone:
        connection.execute(pauses.delete().where(pauses.c.id.in_(gone)))

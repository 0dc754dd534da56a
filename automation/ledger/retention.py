"""Retention: what has ended long ago goes, in steps that are short enough to stand between two fires.

Owns: the walk over the jobs and their runs, and what goes beside them: mails, files, locks, pauses, signs of life.
Never: touches a file (it is given somebody who does), waits, or decides when to begin.

Each job's runs are walked from the oldest on; what stays of a job is known before the first of them is looked at. A
step is one short transaction, and what was done is done: a sweep that ends half-way is gone on with by the next.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from automation.clock import Clock
from automation.database import reading
from automation.ledger import beside
from automation.ledger.floors import COLUMNS, Ended, floor_of
from automation.ledger.forget import count_out, forget, needed, orphans
from automation.ledger.keep import DEAD, UNDONE, Keep
from automation.ledger.states import FINAL
from automation.ledger.tables import artifacts, logs, runs, schedules

RemoveFiles = Callable[[Sequence[Path]], int]
#: Runs deleted, and log lines, and files, in one transaction: some ten milliseconds.
_RUNS, _LINES, _FILES = 50, 1000, 50
#: Runs looked at in one step: where the index ends, the database goes through them without telling us of those that stay.
_WINDOW = 1000
_ENDED = sa.select(*COLUMNS).order_by(runs.c.queued_at, runs.c.id)


class Sweep:
    """One walk over a ledger.

    Parameters
    ----------
    remove: takes the files of artifacts away.
    dry: nothing is deleted, only counted.

    `counts` tells what went so far: runs, log lines, artifacts, bytes of artifacts, mails and whatever else.
    """

    def __init__(self, engine: sa.Engine, clock: Clock, keep: Keep, remove: RemoveFiles, *, dry: bool = False) -> None:
        self._engine, self._keep, self._remove, self._dry = engine, keep, remove, dry
        self._now = clock.now()
        self.counts: Counter[str] = Counter()

    def steps(self) -> Iterator[None]:
        """Everything, a piece with each step."""
        for job in _jobs(self._engine):
            yield
            yield from self._job(job)
        yield from self._orphans()
        rest = beside.steps(self._engine, self._keep, self._now, self.counts, dry=self._dry)
        yield from rest

    def _job(self, job: str) -> Iterator[None]:
        youngest = self._now - self._keep.shortest if self._keep.shortest is not None else None
        if youngest is None or not self._has_more(job, youngest):
            return
        floor = yield from floor_of(self._engine, job, self._keep.keep_last, self._now)
        if floor.newest is None:
            return
        for window in self._windows(job, min(youngest, floor.newest)):
            with reading(self._engine) as connection:
                old = [Ended.of(row) for row in connection.execute(_ENDED.where(window, self._is_old()))]
                going = [run for run in old if not floor.keeps(run, self._now)]
                held = needed(connection, [run.id for run in going], self._now)
            yield
            going = [run for run in going if run.id not in held]
            yield from self._logs(window, going, floor.held)
            yield from self._artifacts(window, going, floor.held)
            yield from self._runs(going)

    def _has_more(self, job: str, youngest: datetime) -> bool:
        """Whether the job has more runs than stay anyway, and one that is old enough."""
        mine = sa.select(runs.c.queued_at).where(runs.c.job == job)
        with reading(self._engine) as connection:
            beyond = mine.order_by(runs.c.queued_at.desc()).offset(self._keep.keep_last).limit(1)
            oldest = mine.order_by(runs.c.queued_at).limit(1)
            return (
                connection.execute(beyond).first() is not None
                and (connection.execute(oldest).scalar_one_or_none() or youngest) < youngest
            )

    def _windows(self, job: str, end: datetime) -> Iterator[sa.ColumnElement[bool]]:
        """The job's runs that were asked for before this moment, some at a time, the oldest first."""
        mine = sa.select(runs.c.queued_at).where(runs.c.job == job, runs.c.queued_at < end).order_by(runs.c.queued_at)
        with reading(self._engine) as connection:
            begin = connection.execute(mine.limit(1)).scalar_one_or_none()
        while begin is not None:
            ahead = mine.where(runs.c.queued_at >= begin).offset(_WINDOW).limit(1)
            with reading(self._engine) as connection:
                following = connection.execute(ahead).scalar_one_or_none()
                if following == begin:
                    # So many at one instant are one window.
                    following = connection.execute(mine.where(runs.c.queued_at > begin).limit(1)).scalar_one_or_none()
            yield (runs.c.job == job) & (runs.c.queued_at >= begin) & (runs.c.queued_at < (following or end))
            begin = following

    def _is_old(self) -> sa.ColumnElement[bool]:
        """Runs that their age lets go."""
        unbegun = runs.c.state.in_(UNDONE) & (runs.c.attempt == 0)
        kinds = (
            (self._keep.dead, runs.c.state.in_(DEAD)),
            (self._keep.skipped, unbegun),
            (self._keep.succeeded, runs.c.state.in_(FINAL) & runs.c.state.not_in(DEAD) & ~unbegun),
        )
        return sa.or_(sa.false(), *(kind & self._ended(age) for age, kind in kinds if age is not None))

    def _ended(self, age: timedelta) -> sa.ColumnElement[bool]:
        return runs.c.state.in_(FINAL) & (runs.c.finished_at < self._now - age)

    def _runs(self, going: Sequence[Ended]) -> Iterator[None]:
        for start in range(0, len(going), _RUNS):
            piece = going[start : start + _RUNS]
            if self._dry:
                self.counts["runs"] += len(piece)
                continue
            with self._engine.begin() as connection:
                self.counts["runs"] += forget(connection, piece)
            yield

    def _logs(self, window: sa.ColumnElement[bool], going: Sequence[Ended], held: Container[str]) -> Iterator[None]:
        """Let log lines go: those that are old enough, and those of runs that go."""
        counted = sa.select(logs.c.run_id, sa.func.count()).group_by(logs.c.run_id)
        of_old = counted.select_from(runs.join(logs, logs.c.run_id == runs.c.id)).where(window)
        lines: dict[str, int] = {}
        with reading(self._engine) as connection:
            if going:
                found = connection.execute(counted.where(logs.c.run_id.in_([run.id for run in going])))
                lines.update((row[0], row[1]) for row in found)
            if self._keep.logs is not None:
                found = connection.execute(of_old.where(self._ended(self._keep.logs)))
                lines.update((row[0], row[1]) for row in found if row[0] not in held)
        self.counts["log lines"] += sum(lines.values())
        for some in [] if self._dry else _together(lines, _LINES):
            of_these = sa.select(logs.c.id).where(logs.c.run_id.in_(some)).limit(_LINES)
            more = True
            while more:
                with reading(self._engine) as connection:
                    ids = list(connection.scalars(of_these))
                with self._engine.begin() as connection:
                    connection.execute(logs.delete().where(logs.c.id.in_(ids)))
                more = len(ids) == _LINES
                yield

    def _artifacts(
        self, window: sa.ColumnElement[bool], going: Sequence[Ended], held: Container[str]
    ) -> Iterator[None]:
        """Let artifacts go, and their files: those that are old enough, and those of runs that go."""
        query = sa.select(artifacts.c.id, artifacts.c.run_id, artifacts.c.path, artifacts.c.size)
        of_old = query.select_from(runs.join(artifacts, artifacts.c.run_id == runs.c.id)).where(window)
        rows: list[Any] = []
        with reading(self._engine) as connection:
            if going:
                rows += connection.execute(query.where(artifacts.c.run_id.in_([run.id for run in going]))).all()
            if self._keep.artifacts is not None:
                rows += connection.execute(of_old.where(self._ended(self._keep.artifacts))).all()
        found = list({row.id: row for row in rows if row.run_id not in held}.values())
        self.counts["artifacts"] += len(found)
        self.counts["bytes of artifacts"] += sum(row.size for row in found)
        for start in range(0, 0 if self._dry else len(found), _FILES):
            piece = found[start : start + _FILES]
            # The files first: a row whose file is gone is found again by the next sweep, a file without a row by nobody.
            self._remove([Path(row.path) for row in piece])
            with self._engine.begin() as connection:
                connection.execute(artifacts.delete().where(artifacts.c.id.in_([row.id for row in piece])))
            yield

    def _orphans(self) -> Iterator[None]:
        """Let occurrences go that were decided under another name than their schedule has now."""
        longest = self._keep.longest
        if longest is None or self._dry:
            return
        with reading(self._engine) as connection:
            keys = [(job, schedule) for job, schedule in connection.execute(_KEYS)]
        for key in keys:
            more = True
            while more:
                with reading(self._engine) as connection:
                    alone = orphans(connection, key, self._now - longest, _RUNS)
                if alone:
                    with self._engine.begin() as connection:
                        count_out(connection, key, alone)
                more = len(alone) == _RUNS
                yield


_KEYS = sa.select(schedules.c.job, schedules.c.schedule).order_by(schedules.c.job, schedules.c.schedule)


def _jobs(engine: sa.Engine) -> Iterator[str]:
    """The jobs that have runs, each found by one look into the index behind the one before."""
    job = ""
    while True:
        with reading(engine) as connection:
            following = connection.execute(sa.select(sa.func.min(runs.c.job)).where(runs.c.job > job)).scalar_one()
        if following is None:
            return
        job = following
        yield job


def _together(numbers: Mapping[str, int], most: int) -> Iterator[list[str]]:
    """The names in groups whose numbers come to about so many; one with more is alone."""
    some: list[str] = []
    total = 0
    for name, number in numbers.items():
        if some and total + number > most:
            yield some
            some, total = [], 0
        some.append(name)
        total += number
    if some:
        yield some

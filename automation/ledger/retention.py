"""Retention: what has ended long ago goes, in steps that are short enough to stand between two fires.

Owns: the walk over the jobs and their runs, and what goes beside them: mails, files, locks, pauses, signs of life.
Never: touches a file (it is given somebody who does), waits, or decides when to begin.

Each job's runs are walked from the oldest on; what stays of a job is known before the first of them is looked at. A
step is one short transaction, and what was done is done: a sweep that ends half-way is gone on with by the next.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from automation.clock import Clock
from automation.database import reading
from automation.ledger import beside
from automation.ledger.floors import Ended, Floor, ended_before, floor_of
from automation.ledger.forget import count_out, forget, held_by_keys, orphans
from automation.ledger.keep import Keep
from automation.ledger.tables import artifacts, logs, runs, schedules

RemoveFiles = Callable[[Sequence[Path]], int]
#: Runs deleted, and log lines, and files, in one transaction: some ten milliseconds.
_RUNS, _LINES, _FILES = 50, 1000, 50


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
        last = None
        while True:
            with reading(self._engine) as connection:
                some = ended_before(connection, job, youngest, last)
                held = held_by_keys(connection, [run.id for run in some], self._now)
            yield
            if not some:
                return
            last = some[-1]
            yield from self._judge([run for run in some if run.id not in held], floor)

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

    def _judge(self, some: Sequence[Ended], floor: Floor) -> Iterator[None]:
        """Delete what goes of these runs: they themselves, or what they left."""
        going = [
            run
            for run in some
            if self._is_old(run, self._keep.age(run.state, run.attempt)) and not floor.keeps(run, self._now)
        ]
        gone = {run.id for run in going}
        left = [run for run in some if not floor.keeps_whole(run)]
        yield from self._logs([run.id for run in left if run.id in gone or self._is_old(run, self._keep.logs)])
        yield from self._artifacts(
            [run.id for run in left if run.id in gone or self._is_old(run, self._keep.artifacts)]
        )
        for start in range(0, len(going), _RUNS):
            piece = going[start : start + _RUNS]
            if self._dry:
                self.counts["runs"] += len(piece)
                continue
            with self._engine.begin() as connection:
                self.counts["runs"] += forget(connection, piece)
            yield

    def _is_old(self, run: Ended, age: timedelta | None) -> bool:
        return age is not None and run.finished_at is not None and run.finished_at < self._now - age

    def _logs(self, run_ids: Sequence[str]) -> Iterator[None]:
        counted = sa.select(logs.c.run_id, sa.func.count()).where(logs.c.run_id.in_(run_ids)).group_by(logs.c.run_id)
        with reading(self._engine) as connection:
            lines: dict[str, int] = {row[0]: row[1] for row in connection.execute(counted)} if run_ids else {}
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

    def _artifacts(self, run_ids: Sequence[str]) -> Iterator[None]:
        query = sa.select(artifacts.c.id, artifacts.c.path, artifacts.c.size).where(artifacts.c.run_id.in_(run_ids))
        with reading(self._engine) as connection:
            found = connection.execute(query.order_by(artifacts.c.id)).all() if run_ids else []
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

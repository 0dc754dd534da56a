"""Deleting what a plan counted: stretch by stretch along an index, each in one short transaction with its mark.

Owns: the loop, trying again after a lock, and stopping between batches with the reason.
Never: deletes a row that the rule does not mean at that moment, or more rows than were counted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sqlalchemy.exc import DBAPIError, IntegrityError

from automation.cleanup.archive import Archive
from automation.cleanup.batch import Batch, Batcher, Changed
from automation.cleanup.checkpoint import Checkpoint, Mark
from automation.cleanup.connection import Session, writes_of_others
from automation.cleanup.pace import Pacer
from automation.cleanup.walk import Stretch
from automation.clock import Clock
from automation.database import transient
from automation.errors import FailureClass, JobFailed
from automation.secrets import mask_urls
from automation.text import printable

_TRIES = 8
_FIRST_WAIT, _LONGEST_WAIT = 0.1, 10.0
#: What no other attempt would mend: as PostgreSQL, MariaDB and SQLite call it, and the way out.
_RIGHTS = ("42501", 1142, 1143)
_READ_ONLY = ("25006", 1290, 1792, 1836, "SQLITE_READONLY")
_NO_RIGHT = "; grant this user SELECT and DELETE on it and its children"
_NO_PRIMARY = "; this database takes no writes: name the primary"


@dataclass
class Swept:
    """How far a sweep came, over all attempts of its run.

    Parameters
    ----------
    children: deleted rows by table; `kept`: those that a plugin's own Python did not let go.
    stopped: why it ended between two batches; None when nothing is left that it could do.
    asked: it was somebody who asked it to stop.
    complete: False when it was stopped, or rows were left that refer to each other.
    recorded: the counts were written together with the rows that went.
    before: rows that earlier attempts deleted; `was_done`: they had ended the sweep, and this one only tells of it.
    waited: seconds of pauses for replicas.
    archived: rows in the archive, by table; `files`: its files, once they are finished.
    """

    deleted: int = 0
    batches: int = 0
    children: dict[str, int] = field(default_factory=dict)
    kept: int = 0
    stopped: str | None = None
    asked: bool = False
    complete: bool = True
    recorded: bool = False
    before: int = 0
    was_done: bool = False
    seconds: float = 0.0
    waited: float = 0.0
    archived: dict[str, int] = field(default_factory=dict)
    files: list[Path] = field(default_factory=list)


class Sweep:
    """Deletes the rows of a family, batch by batch.

    Parameters
    ----------
    most: rows of the root that may go in all: those that the guards let pass.
    wait_for_replicas: asked before each batch; returns why to stop.
    progress: told (done, total) after each batch.
    """

    def __init__(
        self,
        session: Session,
        batcher: Batcher,
        checkpoint: Checkpoint,
        pacer: Pacer,
        *,
        most: int,
        clock: Clock,
        archive: Archive | None = None,
        wait_for_replicas: Callable[[], str | None] = lambda: None,
        progress: Callable[[int, int], None],
    ) -> None:
        self.session, self.batcher, self.checkpoint, self.pacer = session, batcher, checkpoint, pacer
        self.most, self.clock, self.archive, self.progress = most, clock, archive, progress
        self.wait_for_replicas = wait_for_replicas
        self.root = batcher.family.root
        # SQLite's one lock keeps all others out; they need not wait for the archive's disk.
        by_itself = batcher.dialect == "sqlite" and batcher.before is None
        self.ahead = by_itself and archive is not None and archive.writes_ahead

    def run(self) -> Swept:
        """Delete until nothing is left that the rule means and the plan counted.

        Raises JobFailed when the database refuses, GiveUp when rows came into being that would go unasked.
        """
        began, mark = self.clock.monotonic(), self.checkpoint.open()
        swept = Swept(recorded=self.checkpoint.recorded, before=mark.deleted, was_done=mark.done)
        if mark.along != self.batcher.walk.names:
            # Fewer rows are left than an earlier attempt found, so that another index serves better: from its beginning.
            mark.place, mark.kept, mark.along = None, 0, self.batcher.walk.names
        for child in self.batcher.family.children:
            mark.children.setdefault(child.name.table, 0)
        if mark.done:
            swept.complete = not self.most
            if self.archive is not None:
                swept.archived, swept.files = self.archive.finished(mark.archived)
        else:
            self._to_the_end(mark, swept)
        swept.deleted, swept.batches, swept.children = mark.deleted, mark.batches, dict(mark.children)
        swept.kept = mark.kept
        swept.seconds = self.clock.monotonic() - began
        return swept

    def _to_the_end(self, mark: Mark, swept: Swept) -> None:
        """The passes, then the end of the archive, which is done once more when a kill comes before it is recorded."""
        if self.archive is not None:
            self.archive.open(mark.archived, trusted=self.checkpoint.recorded)
        over = False
        try:
            self._passes(mark, swept)
            over = not swept.asked
        finally:
            if self.archive is not None:
                self.archive.roll_back()
                if not over:
                    self.archive.pause()
        if self.batcher.leaves_first and mark.deleted - swept.before + mark.kept < self.most:
            swept.complete = False
        if not over:
            return
        if self.archive is not None:
            swept.archived, swept.files = self.archive.finish()
        self.checkpoint.finish(mark)
        if self.archive is not None:
            self.archive.settled()

    def _passes(self, mark: Mark, swept: Swept) -> None:
        """Over the table, and over it again while rows that others referred to come free."""
        in_this_pass = 0
        while (left := self.most - (mark.deleted - swept.before)) > 0:
            swept.stopped = self.pacer.stop_reason() or self.wait_for_replicas()
            if swept.stopped is not None:
                swept.asked, swept.complete = self.pacer.cancel_seen, False
                break
            batch = self._persistently(mark, left)
            if batch is None:
                if mark.place is None or not (self.batcher.leaves_first and in_this_pass):
                    break
                mark.place, mark.kept, in_this_pass = None, 0, 0
                continue
            in_this_pass += batch.rows
            self.progress(mark.deleted, swept.before + self.most)

    def _persistently(self, mark: Mark, most: int) -> Batch | None:
        """The next batch; after a lock conflict again, later and smaller. None when no row is left."""
        wait = _FIRST_WAIT
        for attempt in range(1, _TRIES + 1):
            try:
                return self._batch(mark, most)
            except Changed as changed:
                if attempt == _TRIES:
                    raise JobFailed(str(changed), FailureClass.DATA_INVALID, code="trigger") from changed
            except DBAPIError as error:
                if not transient(error):
                    raise _refused(error, self.root.name.table) from error
                if attempt == _TRIES:
                    raise _locked(error, self.root.name.table) from error
                if error.connection_invalidated and self.checkpoint.recorded:
                    # The commit may have been heard and its answer lost; the mark says which.
                    mark.__dict__.update(replace(self.checkpoint.open(), along=mark.along).__dict__)
            if self.archive is not None:
                self.archive.roll_back()
            self.pacer.shrink()
            self.clock.sleep(wait)
            wait = min(wait * 2, _LONGEST_WAIT)
        return None

    def _batch(self, mark: Mark, most: int) -> Batch | None:
        """Find where it ends, delete it, record it, commit."""
        with self.session.transaction(writes=False) as connection:
            stretch = self.batcher.walk.next(connection, mark.place, min(self.pacer.size, most))
            self.pacer.saw(writes_of_others(connection))
            if stretch is not None and self.ahead:
                self.batcher.copy(connection, stretch)
        if stretch is None:
            return None
        if self.archive is not None and self.ahead:
            self.archive.ahead()
        self.pacer.rest()
        with self.session.transaction(writes=True) as connection:
            began = self.clock.monotonic()
            batch = self.batcher.delete(connection, stretch, most)
            archived = self.archive.secured() if self.archive is not None else mark.archived
            after = _moved(mark, stretch, batch, archived)
            self.checkpoint.write(connection, after)
            worked = self.clock.monotonic() - began
        self.pacer.took(worked, batch.rows, held=self.clock.monotonic() - began)
        mark.__dict__.update(after.__dict__)
        self.checkpoint.committed(mark)
        if self.archive is not None:
            self.archive.committed()
        return batch


def _moved(mark: Mark, stretch: Stretch, batch: Batch, archived: dict[str, Any]) -> Mark:
    children = {name: rows + batch.children.get(name, 0) for name, rows in mark.children.items()}
    return replace(
        mark, place=stretch.end, deleted=mark.deleted + batch.rows, batches=mark.batches + 1, children=children,
        archived=archived, kept=mark.kept + batch.kept,
    )  # fmt: skip


def persistently(what: Callable[[], None], table: str, clock: Clock, again: Callable[[BaseException], None]) -> None:
    """Do something in transactions of its own, and after a lock conflict again, later; `again` is told before.

    Raises JobFailed when the database refuses, or its locks stay.
    """
    wait = _FIRST_WAIT
    for attempt in range(1, _TRIES + 1):
        try:
            return what()
        except DBAPIError as error:
            if not transient(error):
                raise _refused(error, table) from error
            if attempt == _TRIES:
                raise _locked(error, table) from error
            again(error)
        clock.sleep(wait)
        wait = min(wait * 2, _LONGEST_WAIT)
    return None


def said(error: DBAPIError) -> str:
    """The database's own words."""
    return printable(" ".join(mask_urls(str(error.orig)).split()), 300)


def _locked(error: DBAPIError, table: str) -> JobFailed:
    return JobFailed(
        f"rows of '{table}' stayed locked for {_TRIES} tries: {said(error)}; "
        "run it at a quieter time or with a smaller 'batch'",
        FailureClass.DB_LOCK,
    )


def _refused(error: DBAPIError, table: str) -> JobFailed:
    """What the database said; its batch was rolled back."""
    kind = FailureClass.DATA_INVALID if isinstance(error, IntegrityError) else FailureClass.UNKNOWN
    original: Any = error.orig
    code = getattr(original, "sqlstate", None) or getattr(original, "sqlite_errorname", None) or original.args[0]
    hint = _NO_RIGHT if code in _RIGHTS else _NO_PRIMARY if code in _READ_ONLY else ""
    return JobFailed(
        f"the database refused to clean up '{table}': {said(error)}; this batch was rolled back{hint}",
        FailureClass.CONFIG if hint else kind,
    )

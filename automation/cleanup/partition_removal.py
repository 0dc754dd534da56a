"""Detaching and dropping partitions, one after the other.

Owns: the order on each database (copy, detach, drop, record), and going on where an earlier attempt was.
Never: chooses; waits long for a lock on the table, behind which everybody else would wait.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import sqlalchemy as sa

from automation.cleanup.batch import table_of
from automation.cleanup.checkpoint import Checkpoint, Mark
from automation.cleanup.clean import Work, archive_to, replicas_of
from automation.cleanup.connection import Session, be_brief
from automation.cleanup.counting import rows_of
from automation.cleanup.pace import Pacer
from automation.cleanup.partition_bounds import Partition
from automation.cleanup.partition_plan import PartitionPlan, of_partition
from automation.cleanup.references import Name
from automation.cleanup.rows import Rows
from automation.cleanup.rule import CleanupParams
from automation.cleanup.schema import Target, find_table
from automation.cleanup.sweep import persistently
from automation.cleanup.walk import Walk
from automation.errors import FailureClass, GiveUp, JobFailed
from automation.text import count

_ROWS_AT_ONCE = 5000


@dataclass
class Done:
    """What a run did, over all its attempts for the rows, and by itself for the partitions."""

    rows: int = 0
    before: int = 0
    recorded: bool = False
    gone: list[Partition] = field(default_factory=list)
    stopped: str | None = None
    asked: bool = False
    archived: dict[str, int] = field(default_factory=dict)
    files: list[Any] = field(default_factory=list)
    seconds: float = 0.0


class Removal:
    """Detaches or drops the partitions of a plan, one after the other."""

    def __init__(self, engine: sa.Engine, one: Session, plan: PartitionPlan, params: CleanupParams, work: Work) -> None:
        assert params.partitions is not None
        self.session, self.plan, self.work, self.action = one, plan, work, params.partitions.action
        self.root, self.dialect = plan.root, engine.dialect
        self.archive = archive_to(engine, params, [plan.root], 0, work)
        self.checkpoint = Checkpoint(
            one, f"{work.key}/0" if work.key else None, plan.root.name.table, work.clock.now(), work.marks
        )
        self.pacer = Pacer(params.pace, self.dialect.name, params.batch, work.clock, work.cancelled)
        self.replicas = replicas_of(one, params, self.pacer, work)
        self.mark, self._archived = Mark(), dict[str, Any]()

    def run(self) -> Done:
        began, done = self.work.clock.monotonic(), Done()
        self.mark = self.checkpoint.open()
        done.before, done.recorded = self.mark.deleted, self.checkpoint.recorded
        if self.mark.done:
            done.rows = self.mark.deleted
            if self.archive is not None:
                done.archived, done.files = self.archive.finished(self.mark.archived)
            return done
        self._finish_earlier()
        over = False
        try:
            self._one_by_one(done)
            over = not done.asked
        finally:
            if self.archive is not None:
                self._open_archive()
                if not over:
                    self.archive.pause()
        if over:
            if self.archive is not None:
                done.archived, done.files = self.archive.finish()
            self.checkpoint.finish(self.mark)
            if self.archive is not None:
                self.archive.settled()
        done.rows, done.seconds = self.mark.deleted, self.work.clock.monotonic() - began
        return done

    def _one_by_one(self, done: Done) -> None:
        for partition in self.plan.goes:
            done.stopped = self.pacer.stop_reason() or self.replicas.wait()
            if done.stopped is not None:
                done.asked = self.pacer.cancel_seen
                return
            self._remove(partition)
            done.gone.append(partition)
            self.work.progress(len(done.gone), len(self.plan.goes))

    def _persistently(self, what: Callable[[Partition], None], partition: Partition) -> None:
        def again(_error: BaseException) -> None:
            if self.checkpoint.recorded:
                self.mark = self.checkpoint.open()

        persistently(partial(what, partition), self.root.name.table, self.work.clock, again=again)

    def _remove(self, partition: Partition) -> None:
        if self.dialect.name == "postgresql":
            self._persistently(self._remove_table, partition)
        elif self.action == "drop" and self.archive is None:
            self._persistently(self._drop, partition)
        else:
            self._persistently(self._convert, partition)
            self._persistently(self._put_away, partition)

    def _remove_table(self, partition: Partition) -> None:
        """PostgreSQL does all of it in one transaction; nobody writes to a partition that is being copied."""
        quote = self.dialect.identifier_preparer
        clause = sa.table(partition.name.table, schema=partition.name.schema)
        name, whole = quote.format_table(clause), quote.format_table(table_of(self.root))
        with self.session.transaction(writes=True) as connection:
            be_brief(connection)
            copied = None
            if self.archive is not None:
                connection.exec_driver_sql(f"LOCK TABLE {name} IN SHARE MODE")
                source = find_table(sa.inspect(connection), partition.name.table, partition.name.schema)
                copied = self._copy(connection, source)
            connection.exec_driver_sql(f"ALTER TABLE {whole} DETACH PARTITION {name}")
            rows = rows_of(connection, clause)
            self._must_be(partition, rows)
            self._must_be_copied(partition, rows, copied)
            if self.action == "drop":
                connection.exec_driver_sql(f"DROP TABLE {name}")
            after = self._moved(rows)
            self.checkpoint.write(connection, after)
        self._told(partition, rows, after)

    def _drop(self, partition: Partition) -> None:
        with self.session.transaction(writes=True) as connection:
            be_brief(connection)
            rows = self._counted(connection, partition)
            self._alter(connection, f"DROP PARTITION {self.dialect.identifier_preparer.quote(partition.name.table)}")
            after = self._moved(rows)
            self.checkpoint.write(connection, after)
        self._told(partition, rows, after)

    def _counted(self, connection: sa.Connection, partition: Partition) -> int:
        query = of_partition(connection, self.root, partition.name, sa.func.count())
        rows = int(connection.execute(query).scalar_one())
        self._must_be(partition, rows)
        return rows

    def _convert(self, partition: Partition) -> None:
        """MariaDB has no transaction for this: what is going is recorded first, so that another attempt goes on with it."""
        aside = self._aside(partition.name.table)
        with self.session.transaction(writes=True) as connection:
            going = replace(self.mark, place=(partition.name.table,))
            self.checkpoint.write(connection, going)
        self.checkpoint.committed(going)
        with self.session.transaction(writes=True) as connection:
            be_brief(connection)
            self._counted(connection, partition)
            quote = self.dialect.identifier_preparer
            name = quote.format_table(sa.table(aside.table, schema=aside.schema))
            self._alter(connection, f"CONVERT PARTITION {quote.quote(partition.name.table)} TO TABLE {name}")

    def _put_away(self, partition: Partition) -> None:
        """A partition that is a table by now: copied and dropped, or left as it is."""
        aside = self._aside(partition.name.table)
        with self.session.transaction(writes=True) as connection:
            table = find_table(sa.inspect(connection), aside.table, aside.schema)
            copied = self._copy(connection, table) if self.archive is not None else None
            rows = rows_of(connection, table.clause)
            self._must_be_copied(partition, rows, copied)
        with self.session.transaction(writes=True) as connection:
            if self.action == "drop":
                connection.exec_driver_sql(
                    f"DROP TABLE {self.dialect.identifier_preparer.format_table(table_of(table))}"
                )
            after = self._moved(rows)
            self.checkpoint.write(connection, after)
        self._told(partition, rows, after)

    def _finish_earlier(self) -> None:
        """What an earlier attempt had begun on MariaDB."""
        if not self.mark.place or self.dialect.name == "postgresql":
            return
        name = self.mark.place[0]
        aside = self._aside(name)
        with self.session.transaction(writes=False) as connection:
            there = sa.inspect(connection).has_table(aside.table)
        if there and name not in {one.name.table for one in self.plan.all}:
            partition = Partition(Name(self.root.name.schema, name), None, None)
            self._persistently(self._put_away, partition)

    def _aside(self, name: str) -> Name:
        return Name(self.root.name.schema, f"{self.root.name.table}_{name}")

    def _alter(self, connection: sa.Connection, what: str) -> None:
        whole = self.dialect.identifier_preparer.format_table(table_of(self.root))
        connection.exec_driver_sql(f"ALTER TABLE {whole} {what}")

    def _open_archive(self) -> None:
        assert self.archive is not None
        self.archive.open(self.mark.archived, trusted=self.checkpoint.recorded)

    def _copy(self, connection: sa.Connection, source: Target) -> int:
        """All rows of a table into the archive, from where the last partition ended."""
        assert self.archive is not None
        self._open_archive()
        walk, names, rows, start = Walk(source, source.key, sa.true()), tuple(self.root.types), 0, None
        read = sa.select(*(source.exact(name).label(name) for name in names)).select_from(source.clause)
        self._archived = self.mark.archived
        while (stretch := walk.next(connection, start, _ROWS_AT_ONCE)) is not None:
            inside = walk.within(started=start is not None)
            found = connection.execute(read.where(inside).order_by(*walk.columns), walk.values(stretch)).all()
            self.archive.keep(connection, self.root, Rows(names, found))
            self._archived = self.archive.secured()
            self.archive.committed()
            rows, start = rows + len(found), stretch.end
        return rows

    def _must_be(self, partition: Partition, rows: int) -> None:
        """Rows that came since they were counted may not go unasked."""
        counted = self.plan.rows[partition.name.table]
        if rows > counted:
            raise GiveUp(
                f"partition '{partition.name.table}' has {count(rows, 'row')} by now and had {counted:,} when they were counted; "
                "it stayed, and the next run counts anew"
            )

    def _must_be_copied(self, partition: Partition, rows: int, copied: int | None) -> None:
        if copied is not None and rows != copied:
            raise JobFailed(
                f"partition '{partition.name.table}' has {count(rows, 'row')} and {copied:,} were copied; it was not dropped",
                FailureClass.DATA_INVALID,
            )

    def _moved(self, rows: int) -> Mark:
        archived = self._archived if self.archive is not None else self.mark.archived
        return Mark(None, self.mark.deleted + rows, self.mark.batches + 1, {}, archived)

    def _told(self, partition: Partition, rows: int, after: Mark) -> None:
        self.mark = after
        self.checkpoint.committed(after)
        did = "detached" if self.action == "detach" else "dropped"
        self.work.log.info("partition '%s' with %s was %s", partition.name.table, count(rows, "row"), did)

"""How far a crawl is, written down in the transaction that stores its items.

The tables stand beside the items' table, in its database and schema. So an item, the page that gave it and the pages
found there are kept together or not at all, whatever dies; there is no case in which they stand in two databases.

Owns: the rows of `automation_crawls` (one for each run), `automation_pages` (the pages of runs that have not ended) and
`automation_staged` (the items of runs that are judged before they are stored).
Never: decides what is visited; writes an item.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from automation.clock import Clock
from automation.database import execute_many
from automation.errors import FailureClass, JobFailed
from automation.scraping.crawl_tables import crawl_tables, staged_table
from automation.scraping.errand import unpacked as errand_of
from automation.scraping.extract import Item
from automation.scraping.frontier import Visit

#: A crawl that stopped longer ago is begun anew: its pages are no longer those that it found.
STALE = timedelta(days=1)
#: How many ended crawls of a job are remembered, for the counts that later ones are compared with.
_REMEMBERED = 500


@dataclass
class Saved:
    """What another attempt of the same run left.

    Parameters
    ----------
    progress: its counts.
    """

    progress: dict[str, Any] = field(default_factory=dict)
    visits: list[Visit] = field(default_factory=list)


class Checkpoint:
    """The rows of one run.

    Parameters
    ----------
    attempt: the number of this attempt; an older one can save nothing any more once this one has opened.
    source: what the run looks at: two runs of the same source are comparable.
    plan: a digest of the parameters; a crawl under others is begun anew.
    """

    def __init__(
        self, schema: str | None, *, run_id: str, attempt: int, source: str, table: str, plan: str, clock: Clock
    ) -> None:
        self._run_id, self._attempt, self._source, self._plan, self._clock = run_id, attempt, source, plan, clock
        self._items = table
        self.crawls, self._pages = crawl_tables(schema)
        self._staged = staged_table(schema)

    def create(self, connection: sa.Connection) -> None:
        """Make the tables where they are missing."""
        self.crawls.create(connection, checkfirst=True)
        self._pages.create(connection, checkfirst=True)
        self._staged.create(connection, checkfirst=True)

    def open(self, connection: sa.Connection) -> Saved | None:
        """Take the run over; what an earlier attempt of it saved, if this one can go on there.

        Raises JobFailed when a later attempt has taken the run over.
        """
        mine, pages = self.crawls.c.run_id == self._run_id, self._pages.c.run_id == self._run_id
        row = connection.execute(sa.select(self.crawls).where(mine).with_for_update()).mappings().one_or_none()
        if row is not None and row["attempt"] > self._attempt:
            raise self._overtaken()
        now = self._clock.now()
        fresh = row is not None and row["ended_at"] is None and now - row["saved_at"] < STALE
        if row is not None and fresh and row["plan"] == self._plan:
            connection.execute(sa.update(self.crawls).where(mine).values(attempt=self._attempt, saved_at=now))
            found = connection.execute(sa.select(self._pages).where(pages).order_by(self._pages.c.turn))
            return Saved(json.loads(row["progress"]), [_visit(dict(one)) for one in found.mappings()])
        connection.execute(sa.delete(self._pages).where(pages))
        connection.execute(sa.delete(self._staged).where(self._staged.c.run_id == self._run_id))
        connection.execute(sa.delete(self.crawls).where(mine))
        connection.execute(
            sa.insert(self.crawls).values(
                run_id=self._run_id, source=self._source, items_table=self._items, attempt=self._attempt,
                plan=self._plan, progress="{}", began_at=now, saved_at=now,
            )
        )  # fmt: skip
        return None

    def hold(self, connection: sa.Connection) -> None:
        """Begin a transaction of this run: first of all, so that no two attempts write at the same time.

        Raises JobFailed when a later attempt has taken the run over; nothing of this one may be written then.
        """
        held = connection.execute(
            sa.update(self.crawls)
            .where(self.crawls.c.run_id == self._run_id, self.crawls.c.attempt == self._attempt)
            .values(saved_at=self._clock.now())
        )
        if held.rowcount != 1:
            raise self._overtaken()

    def save(self, connection: sa.Connection, visits: Sequence[Visit], progress: Mapping[str, Any]) -> None:
        """Write down these pages, whether new, waiting or done, and the counts up to here."""
        new = [{"run_id": self._run_id, **_row(visit)} for visit in visits if not visit.saved]
        known = [
            {"its_run": self._run_id, "its_turn": visit.turn, **_changed(visit)} for visit in visits if visit.saved
        ]
        execute_many(connection, sa.insert(self._pages), new)
        its_run, its_turn = sa.bindparam("its_run", type_=sa.String()), sa.bindparam("its_turn", type_=sa.Integer())
        page = sa.and_(self._pages.c.run_id == its_run, self._pages.c.turn == its_turn)
        execute_many(connection, sa.update(self._pages).where(page), known)
        connection.execute(
            sa.update(self.crawls).where(self.crawls.c.run_id == self._run_id).values(progress=json.dumps(progress))
        )

    def stage(self, connection: sa.Connection, rows: Sequence[Mapping[str, Any]], *, whole: bool) -> None:
        """Keep items apart until the run is judged.

        Parameters
        ----------
        whole: items, and not the keys of some that were seen and could not be read.
        """
        staged = [{"run_id": self._run_id, "whole": whole, "item": packed(row)} for row in rows]
        execute_many(connection, sa.insert(self._staged), staged)

    def staged(self, connection: sa.Connection, *, whole: bool) -> Iterator[list[dict[str, Any]]]:
        """What was kept apart, some hundreds at once, in its order."""
        own, last = self._staged.c, 0
        while True:
            mine = sa.and_(own.run_id == self._run_id, own.whole.is_(whole), own.id > last)
            rows = connection.execute(sa.select(own.id, own.item).where(mine).order_by(own.id).limit(500)).all()
            if not rows:
                return
            last = rows[-1].id
            yield [unpacked(row.item) for row in rows]

    def end(self, connection: sa.Connection, items: int, *, complete: bool, good: bool) -> None:
        """The crawl is over: its pages are forgotten, its figures kept; a later attempt would begin anew."""
        crawls, now = self.crawls, self._clock.now()
        for table in (self._pages, self._staged):
            connection.execute(sa.delete(table).where(table.c.run_id == self._run_id))
        connection.execute(
            sa.update(crawls)
            .where(crawls.c.run_id == self._run_id)
            .values(ended_at=now, kept=items, complete=complete, good=good, progress="{}")
        )
        same = (crawls.c.source == self._source, crawls.c.items_table == self._items)
        last = sa.select(crawls.c.began_at).where(*same).order_by(crawls.c.began_at.desc()).offset(_REMEMBERED).limit(1)
        if (oldest := connection.execute(last).scalar()) is not None:
            connection.execute(sa.delete(crawls).where(*same, crawls.c.began_at <= oldest))
        dropped = sa.select(crawls.c.run_id).where(crawls.c.ended_at.is_(None), crawls.c.saved_at < now - 7 * STALE)
        if left := connection.execute(dropped).scalars().all():
            for table in (self._pages, self._staged):
                connection.execute(sa.delete(table).where(table.c.run_id.in_(left)))
            connection.execute(sa.delete(crawls).where(crawls.c.run_id.in_(left)))

    def counts(self, connection: sa.Connection, runs: int) -> list[int]:
        """How many items the last good, complete runs of the same source had, newest first."""
        crawls = self.crawls
        wanted = (crawls.c.source == self._source, crawls.c.items_table == self._items)
        ended = (crawls.c.complete.is_(True), crawls.c.good.is_(True), crawls.c.run_id != self._run_id)
        found = sa.select(crawls.c.kept).where(*wanted, *ended).order_by(crawls.c.began_at.desc()).limit(runs)
        return [int(number) for number in connection.execute(found).scalars()]

    def siblings(self) -> sa.Select[Any]:
        """The other runs of the same source into the same table."""
        crawls = self.crawls
        return sa.select(crawls.c.run_id).where(
            crawls.c.source == self._source, crawls.c.items_table == self._items, crawls.c.run_id != self._run_id
        )

    def _overtaken(self) -> JobFailed:
        return JobFailed(
            f"Attempt {self._attempt} of this run was overtaken by a later one, and writes nothing any more",
            FailureClass.CONFIG,
            code="overtaken",
        )


def _row(visit: Visit) -> dict[str, Any]:
    where = {"turn": visit.turn, "kind": visit.rank, "url": visit.url, "depth": visit.depth, "number": visit.number}
    return {**where, **_changed(visit), "errand": visit.errand.packed()}


def _changed(visit: Visit) -> dict[str, Any]:
    item = None if visit.item is None else packed(visit.item.__dict__)
    return {"done": visit.done, "mark": visit.mark, "item": item}


def _visit(row: Mapping[str, Any]) -> Visit:
    item = None if row["item"] is None else Item(**unpacked(row["item"]))
    place = (row["kind"], row["turn"], row["url"], row["depth"])
    return Visit(
        *place, item, row["number"], bool(row["done"]), row["mark"], saved=True, errand=errand_of(row["errand"])
    )


def packed(value: Any) -> str:
    """Values of an item as JSON that keeps their kinds."""
    return json.dumps(value, ensure_ascii=False, default=_tagged)


def unpacked(text: str) -> Any:
    """What `packed` made a text of."""
    return json.loads(text, object_hook=_untagged)


def _tagged(value: Any) -> dict[str, str]:
    if isinstance(value, Decimal):
        return {"\x00decimal": str(value)}
    if isinstance(value, (date, datetime)):
        return {f"\x00{type(value).__name__}": value.isoformat()}
    raise TypeError(f"{type(value).__name__} cannot be kept between two attempts")


def _untagged(found: dict[str, Any]) -> Any:
    kinds: dict[str, Callable[[str], Any]] = {
        "\x00decimal": Decimal,
        "\x00date": date.fromisoformat,
        "\x00datetime": datetime.fromisoformat,
    }
    if len(found) == 1 and (read := kinds.get(next(iter(found)))):
        return read(next(iter(found.values())))
    return found

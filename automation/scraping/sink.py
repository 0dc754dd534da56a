"""Where the items of a run go: checked, counted, gathered, and stored together with how far the crawl is.

Owns: what becomes of an item, when a batch is written, what a later attempt goes on with.
Never: fetches or reads a page; judges the run.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from automation.errors import FailureClass, JobFailed
from automation.scraping.checkpoint import Checkpoint, Saved
from automation.scraping.conditions import holds
from automation.scraping.export import Exports
from automation.scraping.extract import Item
from automation.scraping.files import Files
from automation.scraping.frontier import Frontier
from automation.scraping.hooks import Hooks
from automation.scraping.params import OWN_COLUMNS, ScrapeParams
from automation.scraping.quality import Findings
from automation.scraping.snapshots import Snapshots
from automation.scraping.store import Row, Store
from automation.scraping.surroundings import Surroundings
from automation.scraping.tally import Tally
from automation.scraping.travel import Travel
from automation.text import count

#: A batch is written when it has so many items or pages, or when so many seconds have passed.
_ITEMS, _PAGES, _SECONDS = 1000, 100, 1.0
#: What makes two runs look at the same things, whatever they read there.
_SOURCES = ("start", "sitemap", "feed", "for_query", "request", "sources", "max_depth")


class Sink:
    """Takes the items of one attempt; `frontier` and `travel` are where it goes on."""

    def __init__(self, params: ScrapeParams, around: Surroundings) -> None:
        self._params, self._around = params, around
        self._fields = params.all_fields
        self._required = [name for name, rule in self._fields.items() if rule.required]
        self._read = [name for name, rule in self._fields.items() if not rule.source]
        self._seen: set[tuple[Any, ...]] = set()
        self._batch: list[Row] = []
        self._sighted: list[Row] = []
        self._keyless = 0
        self._broken = False
        self._apart = params.on_bad == "keep_last"
        self.findings, self.tally, self.left_out, self.stale = Findings(), Tally(), 0, 0
        self.frontier, self.travel = Frontier(params.max_pages), Travel()
        table = params.table or around.table
        self.store = Store(
            around.engine, table, self._fields, params.key,
            moment=around.moment, run_id=around.run_id, log=around.log, may_grow=params.new_columns == "add",
        )  # fmt: skip
        self.columns = [column.name for column in self.store.table.columns if column.name not in OWN_COLUMNS]
        self.exports = Exports(around.folder, table.rpartition(".")[2], params.export, self.columns, self._fields)
        self.snapshots = Snapshots(around.folder)
        self.files = Files(self._fields if around.store else {}, around.folder, around.keep, self._known_file)
        self.checkpoint = Checkpoint(
            self.store.table.schema, run_id=around.run_id, attempt=around.attempt, source=_source(params, around),
            table=self.store.table.name, plan=_digest(params.model_dump_json()), clock=around.clock,
        )  # fmt: skip
        self._began = self._written = around.clock.monotonic()
        self._before = 0.0

    @property
    def seconds(self) -> float:
        """How long the run has worked, earlier attempts included."""
        return self._before + self._around.clock.monotonic() - self._began

    def open(self) -> None:
        """Make the tables ready, and go on where an earlier attempt of the run stopped."""
        if not self._around.store:
            return
        saved: list[Saved | None] = []

        def take_over(connection: sa.Connection) -> bool:
            self.checkpoint.create(connection)
            saved.append(self.checkpoint.open(connection))
            return saved[-1] is not None

        self.store.prepare(take_over)
        if saved[-1] is not None:
            self._restore(saved[-1])

    def _known_file(self, item: Item, field: str, link: str) -> str | None:
        if not self._params.key or self._fields[field].many or self.store.without_key(item.values):
            return None
        with self._around.engine.connect() as connection:
            return self.store.file_of(connection, item.values, field, link)

    def take_through(self, hooks: Hooks) -> Callable[[Item], None]:
        """`take`, after what somebody wrote in Python."""

        def deliver(item: Item) -> None:
            found = list(hooks.after(item, self._fields))
            self.left_out += not found
            for one in found:
                self.take(one)

        return deliver

    def take(self, item: Item) -> None:
        """Keep an item, or drop it and count why."""
        if self._params.max_items is not None and self.findings.kept >= self._params.max_items:
            return
        values = item.values
        row: Row = {name: values.get(name) for name in self.columns}
        for name, sentence in item.unreadable.items():
            self.findings.misread(name, sentence)
        lacking = [name for name in self._required if _blank(row[name])]
        without_key = self.store.without_key(row)
        if self._params.keep_if is not None and not self._wanted(item):
            self.left_out += 1
            return
        read = self._read
        empty = bool(read) and not row[read[0]] and all(_blank(row[name]) or row[name] is False for name in read)
        if lacking or without_key or empty:
            self.findings.dropped += 1
            self.findings.lacking.update({*lacking, *([without_key] if without_key else [])} or {"every field"})
            self._keyless += bool(without_key)
            if self._params.key and not without_key:
                self._sighted.append({name: row[name] for name in self._params.key})
            return
        if self._params.key:
            identity = tuple(row[name] for name in self._params.key)
            if identity in self._seen:
                self.findings.duplicates += 1
                return
            self._seen.add(identity)
        self.findings.keep(row, self._fields, self._params.quality)
        self._batch.append(row)

    def _wanted(self, item: Item) -> bool:
        try:
            return holds(str(self._params.keep_if), {name: item.values.get(name) for name in self.columns})
        except ValueError as error:
            raise JobFailed(f"keep_if: {error}", FailureClass.CONFIG, code="keep_if") from error

    def settled(self) -> str:
        """Between two pages: write what is due; the name of the limit that ends the crawl, if one is reached."""
        waited = self._around.clock.monotonic() - self._written >= _SECONDS
        watching = self._params.max_stale is not None
        if waited or watching or len(self._batch) >= _ITEMS or self.frontier.unsaved >= _PAGES:
            self.flush()
        if self._around.cancelled():
            return "cancelled"
        return self._params.reached(
            items=self.findings.kept, seconds=self.seconds, errors=self.travel.failed, stale=self.stale
        )

    def flush(self) -> None:
        """Write what was gathered, items and pages in one transaction. Raises JobFailed."""
        self._written = self._around.clock.monotonic()
        if self._broken or not (self._batch or self.frontier.unsaved):
            return
        batch, self._batch = self._batch, []
        sighted, self._sighted = self._sighted, []
        visits = self.frontier.changes()

        def write(connection: sa.Connection) -> Tally:
            self.checkpoint.hold(connection)
            tally = (
                self._keep_apart(connection, batch, sighted) if self._apart else self._put(connection, batch, sighted)
            )
            self.checkpoint.save(connection, visits, self._progress(tally))
            return tally

        if self._around.store:
            # What is in memory is ahead of the database when this fails; the next attempt begins with what is there.
            self._broken = True
            self.tally.add(self.store.transaction(write))
            self._broken = False
            for visit in visits:
                visit.saved = True
        self.exports.write(batch)

    def _put(self, connection: sa.Connection, rows: list[Row], sighted: list[Row]) -> Tally:
        self.store.sight(connection, sighted)
        return self.store.put(connection, rows)

    def _keep_apart(self, connection: sa.Connection, rows: list[Row], sighted: list[Row]) -> Tally:
        self.checkpoint.stage(connection, rows, whole=True)
        self.checkpoint.stage(connection, sighted, whole=False)
        return Tally()

    def _settle_staged(self, connection: sa.Connection) -> Tally:
        tally = Tally()
        for keys in self.checkpoint.staged(connection, whole=False):
            self.store.sight(connection, keys)
        for rows in self.checkpoint.staged(connection, whole=True):
            tally.add(self.store.put(connection, rows))
        return tally

    def history(self) -> list[int]:
        """How many items the last good runs of the same source had."""
        with self._around.engine.connect() as connection:
            if not sa.inspect(connection).has_table(self.checkpoint.crawls.name, self.checkpoint.crawls.schema):
                return []
            return self.checkpoint.counts(connection, self._params.quality.history)

    def end(self, *, good: bool) -> None:
        """The crawl is over and judged: what it did not see any more is gone; another attempt would begin anew.

        Nothing is gone where something may have been missed: pages that failed or were not reached, a bad run, items
        that cannot be told apart.
        """
        if not self._around.store:
            return
        complete = not (self.travel.stopped_by or self.travel.failed or self.travel.incomplete)
        sure = complete and good and self._keyless * 10 <= self.findings.kept

        def write(connection: sa.Connection) -> Tally:
            self.checkpoint.hold(connection)
            tally = self._settle_staged(connection) if self._apart and good else Tally()
            if sure:
                tally.add(self.store.lose(connection, self.checkpoint.siblings()))
            self.checkpoint.end(connection, self.findings.kept, complete=complete, good=good)
            return tally

        self.tally.add(self.store.transaction(write))

    def _progress(self, tally: Tally) -> dict[str, Any]:
        total = Tally()
        total.add(self.tally)
        total.add(tally)
        self.stale = 0 if tally.new else self.stale + tally.changed + tally.unchanged
        return {
            "travel": {**vars(self.travel), "hosts": sorted(self.travel.hosts)},
            "findings": dict(vars(self.findings)), "tally": asdict(total),             "left_out": self.left_out, "keyless": self._keyless, "stale": self.stale, "seconds": self.seconds, "full": self.frontier.full,
        }  # fmt: skip

    def _stored(self, connection: sa.Connection) -> Iterator[list[Row]]:
        if self._apart:
            return self.checkpoint.staged(connection, whole=True)
        return ([row] for row in self.store.of_this_run(connection))

    def _restore(self, saved: Saved) -> None:
        kept = saved.progress
        self.frontier.restore(saved.visits)
        if not kept:
            return
        # The pages that failed are to visit once more.
        self.travel = Travel(**{**kept["travel"], "hosts": set(kept["travel"]["hosts"]), "failed": 0})
        counters = {name: Counter(value) for name, value in kept["findings"].items() if name in _COUNTERS}
        self.findings = Findings(**{**kept["findings"], **counters})
        self.tally = Tally(**kept["tally"])
        self.left_out, self._keyless = kept["left_out"], kept["keyless"]
        self.stale, self._before = kept["stale"], kept["seconds"]
        self.frontier.full = kept["full"]
        with self._around.engine.connect() as connection:
            for rows in self._stored(connection):
                if self._params.key:
                    self._seen.update(tuple(row[name] for name in self._params.key) for row in rows)
                self.exports.write([{name: row[name] for name in self.columns} for row in rows])
        waiting = sum(not visit.done for visit in saved.visits)
        self._around.log.info(
            "Going on where an earlier attempt stopped: %s and %s are kept, %s to visit",
            count(self.travel.pages, "page"), count(self.findings.kept, "item"), count(waiting, "page"),
        )  # fmt: skip


_COUNTERS = ("filled", "lacking", "unreadable", "wrong")


def _source(params: ScrapeParams, around: Surroundings) -> str:
    told = {name: value for name in _SOURCES if (value := getattr(params, name, None)) is not None}
    return f"{around.job[:100]}#{_digest(repr(sorted(told.items())) + repr(around.item))[:16]}"


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _blank(value: Any) -> bool:
    return value is None or value in ("", [])

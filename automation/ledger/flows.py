"""Flows: what follows from the end of a run, written in the transaction that ends it.

Owns: the lock of a flow, and its successors: queued, skipped for what came before them, or brought back; the note of a
step that waits for one without a run.
Never: opens a transaction; it works within the caller's. Reads a file: the first run of a flow holds what follows it.

Whoever ends runs does it inside `ending`: there all of a flow take turns, so that of two that end at one instant the
second sees the first. A successor's id is derived from the flow and its step, so that it is recorded once.
"""

from __future__ import annotations

import logging
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from automation.database import insert_or_ignore
from automation.errors import JobFailed
from automation.ledger import endings, pauses, places, upstream
from automation.ledger.follower_places import Entered, enter, flows_in_the_way
from automation.ledger.graph import UPSTREAM, Graph, Node, Standing, Tally, judge, standing
from automation.ledger.ids import follower_id
from automation.ledger.rows import NewRun, run_values
from automation.ledger.states import FINAL, Kind, State
from automation.ledger.tables import runs, stalled
from automation.ledger.unique_key import Unique

_log = logging.getLogger(__name__)
#: Rows that flows take turns at; a row for each flow would have to be tidied away.
_STRIPES = 64
_AT_ONCE = 500
#: The parts of a spec whose keys may name parameters.
_KEYED = ("limits", "breaker")
_COUNTED = (runs.c.flow_step, runs.c.job, runs.c.state)
_TALLIES = sa.select(
    *_COUNTED,
    sa.func.min(runs.c.id).label("run_id"),
    sa.func.max(runs.c.attempt).label("attempt"),
    sa.func.count(runs.c.flow_index).label("elements"),
).group_by(*_COUNTED)


def lock(connection: sa.Connection, flows: Iterable[str | None]) -> None:
    """Wait until no other transaction ends a run of any of these flows, and keep others waiting until this one ends."""
    stripes = {zlib.crc32(flow.encode()) % _STRIPES for flow in flows if flow is not None}
    for stripe in sorted(stripes):
        places.lock(connection, f"flow/{stripe:02}")


def of(connection: sa.Connection, run_ids: Sequence[str]) -> dict[str, str]:
    """The flow of each of these runs that belongs to one."""
    found: dict[str, str] = {}
    for start in range(0, len(run_ids), _AT_ONCE):
        some = runs.c.id.in_(list(run_ids[start : start + _AT_ONCE])) & runs.c.flow.is_not(None)
        found |= {row.id: row.flow for row in connection.execute(sa.select(runs.c.id, runs.c.flow).where(some))}
    return found


@contextmanager
def ending(connection: sa.Connection, run_ids: Sequence[str], now: datetime) -> Iterator[None]:
    """Around what may end some of these runs: before it their flows are locked, after it their successors are written.

    Locked too, in the same order as by everybody, are flows whose runs may have to make way for those successors.
    """
    found = of(connection, run_ids) if run_ids else {}
    # On SQLite a write transaction has the whole file.
    others = _perhaps(connection, list(found)) if found and connection.dialect.name != "sqlite" else set()
    lock(connection, {*found.values(), *others})
    yield
    settle(connection, list(found), now)


def _perhaps(connection: sa.Connection, run_ids: Sequence[str]) -> set[str]:
    """The flows of runs that may have to make way for what follows these; who joins them meanwhile is locked late."""
    nodes: list[Node] = []
    for start in range(0, len(run_ids), _AT_ONCE):
        some = sa.select(runs.c.id, runs.c.spec).where(runs.c.id.in_(list(run_ids[start : start + _AT_ONCE])))
        graphs = (graph_of(connection, row.id, row.spec) for row in connection.execute(some).all())
        nodes += [node for graph in graphs if graph is not None for node in graph.nodes.values()]
    return flows_in_the_way(connection, nodes)


def settle(connection: sa.Connection, run_ids: Sequence[str], now: datetime) -> None:
    """Write what follows of those of these runs that have ended. Their flows are locked; to repeat it changes nothing."""
    columns = (runs.c.id, runs.c.flow, runs.c.flow_step, runs.c.spec)
    for start in range(0, len(run_ids), _AT_ONCE):
        ended = runs.c.id.in_(list(run_ids[start : start + _AT_ONCE])) & runs.c.state.in_(FINAL)
        query = sa.select(*columns).where(ended, runs.c.flow.is_not(None)).order_by(runs.c.id)
        for row in connection.execute(query).all():
            graph = graph_of(connection, row.id, row.spec)
            if graph is not None:
                Flow(connection, row.flow, graph, held_by(row.id, row.spec), now).go_on(row.flow_step)


def held_by(run_id: str, spec: Mapping[str, Any]) -> str:
    """The id of the run that holds what follows this one: an earlier one, or itself."""
    found: str = spec.get("flow", {}).get("held_by", run_id)
    return found


def graph_of(connection: sa.Connection, run_id: str, spec: Mapping[str, Any]) -> Graph | None:
    """What follows the first run of this run's flow; None where nothing does, or where that run is gone."""
    holder = held_by(run_id, spec)
    if holder != run_id:
        found = connection.execute(sa.select(runs.c.spec).where(runs.c.id == holder)).scalar_one_or_none()
        if found is None:
            _log.error("Nothing follows run %s: run %s, which knows what would, is gone", run_id, holder)
            return None
        spec = found
    stored = spec.get("flow", {}).get("steps")
    return Graph.from_json(stored) if stored else None


def standings(connection: sa.Connection, flow: str, steps: Iterable[str]) -> dict[str, Standing]:
    """How these steps of a flow stand; one that has no run yet is absent."""
    found: dict[str, list[Tally]] = {}
    for row in connection.execute(_TALLIES.where(runs.c.flow == flow, runs.c.flow_step.in_(sorted(steps)))).all():
        reason = _reason(connection, row.run_id) if row.state == State.SKIPPED else None
        tally = Tally(row.job, State(row.state), row.run_id, row.attempt > 0, row.elements > 0, reason)
        found.setdefault(row.flow_step, []).append(tally)
    return {step: standing(tallies) for step, tallies in found.items()}


def missing(node: Node, known: Mapping[str, Standing], graph: Graph) -> list[str]:
    """The steps that it waits for which have no run, and are none that this graph brings about."""
    return [step for step in node.upstream if not (step in known or step in node.absent or step in graph.nodes)]


def _reason(connection: sa.Connection, run_id: str) -> str | None:
    found: str | None = connection.execute(sa.select(runs.c.reason).where(runs.c.id == run_id)).scalar_one()
    return found


class Flow:
    """One flow, as one of its first runs holds it. It is locked."""

    def __init__(self, connection: sa.Connection, flow: str, graph: Graph, holder: str, now: datetime) -> None:
        self._connection, self._flow, self._graph, self._now = connection, flow, graph, now
        self._holder = holder

    def go_on(self, step: str) -> None:
        """Settle the steps behind this one; behind one that does not run at once the next, and so on."""
        ended = [step]
        while ended:
            for node in self._graph.behind(ended.pop(0)):
                if self.settle(node):
                    ended.append(node.step)

    def settle(self, node: Node) -> bool:
        """Record the step if it can be told what becomes of it; whether it has ended with that."""
        known = standings(self._connection, self._flow, {*node.upstream, *node.first, node.step})
        mine = known.get(node.step)
        if mine is not None and not _may_come_back(mine):
            return False
        verdict = judge(node, known)
        if verdict is None and missing(node, known, self._graph):
            values = {"flow": self._flow, "look_at": self._now}
            self._connection.execute(insert_or_ignore(stalled, self._connection.dialect.name).values(**values))
        if verdict is None or (mine is not None and not verdict.runs):
            return False
        reason = verdict.reason or self._paused(node)
        new = self._queued(node) if reason is None else [self._run(node, State.SKIPPED, reason)]
        # The runs of a backfill have places of their own, and each of them is wanted.
        entered = Entered(new) if new[0].batch else enter(self._connection, new, node, self._now)
        new, others = entered.new, entered.others
        lock(self._connection, of(self._connection, others).values() if others else ())
        if mine is not None:
            self._bring_back(mine.tally.run_id, new[0])
        self._insert(new if mine is None else new[1:])
        self._end_others(entered)
        if new[0].state is State.SUCCEEDED:
            self._connection.execute(runs.update().where(runs.c.id == new[0].id).values(result=[]))
        return all(run.state in FINAL for run in new)

    def _end_others(self, entered: Entered) -> None:
        """Stop, skip and replace runs of other flows, or of none, for the new ones; and write what follows of that."""
        others = entered.others
        if not others:
            return
        endings.cancel(self._connection, entered.cancel, self._now, endings.REPLACED)
        endings.supersede(self._connection, entered.supersede, self._now)
        for old, newer in sorted(entered.replaced.items()):
            endings.make_way(self._connection, old, newer, self._now)
        settle(self._connection, others, self._now)

    def _queued(self, node: Node) -> list[NewRun]:
        """The run of a step, or one for each element of its list; a list that is not there fails its run as it begins."""
        one = upstream.taking(node.for_each) if node.for_each is not None else None
        if one is None or one.job is None:
            return [self._run(node, State.QUEUED)]
        try:
            known = upstream.facts(self._connection, self._flow, one.job)
            found = upstream.elements(upstream.take(one, known, ()), one)
        except JobFailed as error:
            return [self._run(node, State.QUEUED, more={"flaw": str(error)})]
        if not found:
            return [self._run(node, State.SUCCEEDED, f"nothing to do: {{{{ {one.words} }}}} is an empty list")]
        before = self._before(node)
        return [
            self._run(node, State.QUEUED, index=index, more={"item": item}, before=before)
            for index, item in enumerate(found)
        ]

    def _paused(self, node: Node) -> str | None:
        """Why a step does not run that is paused itself; what was begun before it goes on to its end."""
        return pauses.holding(self._connection, node.job, node.spec.get("tags", ()), self._now)

    def _run(
        self,
        node: Node,
        state: State,
        reason: str | None = None,
        *,
        index: int | None = None,
        more: Mapping[str, Any] | None = None,
        before: sa.RowMapping | None = None,
    ) -> NewRun:
        before = self._before(node) if before is None else before
        batch = before["batch"]
        spec = {**node.spec, **(more or {}), "flow": {"held_by": self._holder}}
        spec |= {name: self._filled(spec[name], spec) for name in _KEYED if name in spec}
        return NewRun(
            id=follower_id(self._flow, node.step, index),
            job=node.job,
            plugin=node.plugin,
            kind=Kind.FLOW,
            nominal_time=before["nominal_time"],
            window_start=before["window_start"],
            queued_at=self._now,
            due_at=self._now,
            max_attempts=node.max_attempts,
            queue=node.queue,
            # The runs of a backfill share its places, and wait behind those of the present.
            priority=before["priority"] if batch else node.priority,
            overlap_key=before["overlap_key"] if batch else self._filled(node.overlap_key, spec),
            max_running=before["max_running"] if batch else node.max_running,
            spec=spec,
            state=state,
            reason=reason,
            revision=before["revision"],
            batch=batch,
            flow=self._flow,
            flow_step=node.step,
            flow_index=index,
            unique=None if batch or state is not State.QUEUED else self._unique(node, spec),
        )

    def _unique(self, node: Node, spec: Mapping[str, Any]) -> Unique | None:
        if node.unique is None:
            return None
        key, seconds = self._filled(node.unique["key"], spec), node.unique["seconds"]
        until = None if seconds is None else self._now + timedelta(seconds=seconds)
        return Unique(key, node.unique["on_conflict"], until)

    def _filled(self, keys: Any, spec: Mapping[str, Any]) -> Any:
        return upstream.filled_keys(self._connection, self._flow, keys, spec)

    def _before(self, node: Node) -> sa.RowMapping:
        """The first run before this step, in the order in which it names them: whoever asks finds the same one."""
        names = (
            "flow_step",
            "nominal_time",
            "window_start",
            "batch",
            "priority",
            "overlap_key",
            "max_running",
            "revision",
        )
        mine = (runs.c.flow == self._flow) & runs.c.flow_step.in_(node.upstream)
        query = sa.select(*(runs.c[name] for name in names)).where(mine).order_by(runs.c.id)
        order = {step: number for number, step in enumerate(node.upstream)}
        found = self._connection.execute(query).mappings().all()
        return min(found, key=lambda row: order[row["flow_step"]])

    def _insert(self, new: Sequence[NewRun]) -> None:
        places.reserve(self._connection, places.keys_of(new))
        statement = insert_or_ignore(runs, self._connection.dialect.name)
        for start in range(0, len(new), _AT_ONCE):
            self._connection.execute(statement, [run_values(run) for run in new[start : start + _AT_ONCE]])

    def _bring_back(self, run_id: str, new: NewRun) -> None:
        """What came before it has succeeded after all: the run that was skipped for it is queued as itself."""
        places.reserve(self._connection, places.keys_of([new]))
        values = {name: value for name, value in run_values(new).items() if name != "id"}
        skipped = runs.update().where(runs.c.id == run_id, runs.c.state == State.SKIPPED, runs.c.attempt == 0)
        self._connection.execute(skipped.values(**values, published_at=None))
        _log.info("Run %s of job %s is queued after all: what came before it succeeded", run_id, new.job)


def _may_come_back(mine: Standing) -> bool:
    """Whether a step did not run for what came before it, and nothing else."""
    reason = mine.tally.reason or ""
    return mine.state is State.SKIPPED and mine.never_began and reason.startswith(UPSTREAM)

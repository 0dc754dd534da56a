"""Flows: what follows from the end of a run, written in the transaction that ends it.

Owns: the lock of a flow, and its successors: queued, skipped for what came before them, or brought back.
Never: opens a transaction; it works within the caller's. Reads a file: the first run of a flow holds what follows it.

Whoever ends runs does it inside `ending`: there all of a flow take turns, so that of two that end at one instant the
second sees the first. A successor's id is derived from the flow and its step, so that it is recorded once.
"""

from __future__ import annotations

import logging
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from automation.database import insert_or_ignore
from automation.errors import JobFailed
from automation.ledger import pauses, places, upstream
from automation.ledger.graph import UPSTREAM, Graph, Node, Standing, Tally, judge, standing
from automation.ledger.ids import follower_id
from automation.ledger.rows import NewRun, run_values
from automation.ledger.states import FINAL, Kind, State
from automation.ledger.tables import runs

_log = logging.getLogger(__name__)
#: Rows that flows take turns at; a row for each flow would have to be tidied away.
_STRIPES = 64
_AT_ONCE = 500
#: As the column has it.
_LONGEST_KEY = 200
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
    """Around what may end some of these runs: before it their flows are locked, after it their successors are written."""
    found = of(connection, run_ids) if run_ids else {}
    lock(connection, found.values())
    yield
    settle(connection, list(found), now)


def settle(connection: sa.Connection, run_ids: Sequence[str], now: datetime) -> None:
    """Write what follows of those of these runs that have ended. Their flows are locked; to repeat it changes nothing."""
    columns = (runs.c.id, runs.c.flow, runs.c.flow_step, runs.c.spec)
    for start in range(0, len(run_ids), _AT_ONCE):
        ended = runs.c.id.in_(list(run_ids[start : start + _AT_ONCE])) & runs.c.state.in_(FINAL)
        query = sa.select(*columns).where(ended, runs.c.flow.is_not(None)).order_by(runs.c.id)
        for row in connection.execute(query).all():
            graph = graph_of(connection, row.id, row.spec)
            if graph is not None:
                _Flow(connection, row.flow, graph, held_by(row.id, row.spec), now).go_on(row.flow_step)


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


def _reason(connection: sa.Connection, run_id: str) -> str | None:
    found: str | None = connection.execute(sa.select(runs.c.reason).where(runs.c.id == run_id)).scalar_one()
    return found


class _Flow:
    """One flow, from the run on that has just ended."""

    def __init__(self, connection: sa.Connection, flow: str, graph: Graph, holder: str, now: datetime) -> None:
        self._connection, self._flow, self._graph, self._now = connection, flow, graph, now
        self._holder = holder

    def go_on(self, step: str) -> None:
        """Settle the steps behind this one; behind one that does not run at once the next, and so on."""
        ended = [step]
        while ended:
            for node in self._graph.behind(ended.pop(0)):
                if self._settle(node):
                    ended.append(node.step)

    def _settle(self, node: Node) -> bool:
        """Record the step if it can be told what becomes of it; whether it has ended with that."""
        known = standings(self._connection, self._flow, {*node.upstream, *node.first, node.step})
        mine = known.get(node.step)
        if mine is not None and not _may_come_back(mine):
            return False
        verdict = judge(node, known)
        if verdict is None or (mine is not None and not verdict.runs):
            return False
        reason = verdict.reason or self._paused(node)
        new = self._queued(node) if reason is None else [self._run(node, State.SKIPPED, reason)]
        if mine is not None:
            self._bring_back(mine.tally.run_id, new[0])
        self._insert(new if mine is None else new[1:])
        if new[0].state is State.SUCCEEDED:
            self._connection.execute(runs.update().where(runs.c.id == new[0].id).values(result=[]))
        return new[0].state in FINAL

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
        spec |= {name: _of_element(spec[name], spec) for name in _KEYED if name in spec}
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
            overlap_key=before["overlap_key"] if batch else _of_element(node.overlap_key, spec),
            max_running=before["max_running"] if batch else node.max_running,
            spec=spec,
            state=state,
            reason=reason,
            revision=before["revision"],
            batch=batch,
            flow=self._flow,
            flow_step=node.step,
            flow_index=index,
        )

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


def _of_element(value: Any, spec: Mapping[str, Any]) -> Any:
    """A key, or values with keys, that name parameters: where these are taken from the element, with what it has there."""
    if "item" not in spec:
        return value
    try:
        return upstream.fill(
            value, lambda one: upstream.as_text(upstream.take(one, None, (spec["item"],)))[:_LONGEST_KEY]
        )
    except JobFailed:
        # The run fails for the same when it begins.
        return value


def _may_come_back(mine: Standing) -> bool:
    """Whether a step did not run for what came before it, and nothing else."""
    reason = mine.tally.reason or ""
    return mine.state is State.SKIPPED and mine.never_began and reason.startswith(UPSTREAM)

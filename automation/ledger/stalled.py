"""Flows with a step that waits for one of which no run is recorded: whether that one still comes, and what if not.

Owns: the look at such flows, and why a step of one has no run, in words.
Never: decides a fire. Whether one is still to be decided is what its schedule's rule and cursor say.

A step has no run while its fire is put off, or its scheduler is away; it never has one when its schedule was removed or
changed meanwhile, counts from later than that, or has spent its `max_fires`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from automation.clock import Clock
from automation.database import reading
from automation.ledger import flows
from automation.ledger.graph import Node
from automation.ledger.states import OPEN, Kind
from automation.ledger.tables import jobs, runs, schedules, stalled
from automation.triggers.base import TriggerInvalid
from automation.triggers.parse import parse_trigger

_TICK = timedelta(microseconds=1)
_LOOK_AGAIN = timedelta(seconds=5)
_FIRED = (Kind.SCHEDULED, Kind.CATCHUP)


class Stalled:
    """The flows that somebody has to look at."""

    def __init__(self, engine: sa.Engine, clock: Clock) -> None:
        self._engine, self._clock = engine, clock

    def settle(self, limit: int = 100) -> int:
        """Settle those steps whose upstream never comes, and look again later at the others; returns how many flows there were."""
        now = self._clock.now()
        query = sa.select(stalled.c.flow).where(stalled.c.look_at <= now).order_by(stalled.c.look_at).limit(limit)
        with reading(self._engine) as connection:
            found = list(connection.scalars(query))
        for flow in found:
            with self._engine.begin() as connection:
                flows.lock(connection, [flow])
                waits = _settle(connection, flow, now)
                mine = stalled.c.flow == flow
                after = stalled.update().values(look_at=now + _LOOK_AGAIN) if waits else stalled.delete()
                connection.execute(after.where(mine))
        return len(found)

    def next_look(self) -> datetime | None:
        """From when on the first of them is to be looked at; None is none."""
        with reading(self._engine) as connection:
            moment: datetime | None = connection.execute(sa.select(sa.func.min(stalled.c.look_at))).scalar_one()
        return moment


def _settle(connection: sa.Connection, flow: str, now: datetime) -> bool:
    """Whether a step of this flow still waits for one that may come."""
    columns = (runs.c.id, runs.c.spec, runs.c.flow_step, runs.c.kind, runs.c.nominal_time)
    first = sa.select(*columns).where(runs.c.flow == flow, runs.c.kind != Kind.FLOW).order_by(runs.c.id)
    waits = False
    for row in connection.execute(first).all():
        graph = flows.graph_of(connection, row.id, row.spec)
        if graph is None:
            continue
        one = flows.Flow(connection, flow, graph, row.id, now)
        fired = row.nominal_time if row.kind in _FIRED else None
        for node in graph.nodes.values():
            known = flows.standings(connection, flow, {*node.upstream, node.step})
            lacks = flows.missing(node, known, graph)
            if node.step in known or not lacks or known.keys().isdisjoint(node.upstream):
                continue
            away = dict(_never_come(connection, flow, node, lacks, fired))
            waits = waits or len(away) < len(lacks)
            if away and one.settle(replace(node, absent={**node.absent, **away})):
                one.go_on(node.step)
    return waits


def _never_come(
    connection: sa.Connection, flow: str, node: Node, lacks: Sequence[str], fired: datetime | None
) -> Iterator[tuple[str, str]]:
    """Those of the steps that a node lacks which will have no run, each with why.

    Parameters
    ----------
    fired: the instant at which the flow's first runs fire; None where they were asked for.
    """
    roots = [*node.first, *lacks]
    pending = {step for step in roots if fired is not None and _pending(connection, step, fired)}
    at_work = connection.execute(
        sa.select(runs.c.id).where(runs.c.flow == flow, runs.c.state.in_(OPEN)).limit(1)
    ).first()
    for step in lacks:
        if step in pending:
            continue
        if step in node.first:
            yield step, f"job '{step}' has no run at that instant: {_why(connection, step, fired)}"
        elif at_work is None and not any(flows_on in pending for flows_on in node.first):
            # Another first run was to bring it about, and was recorded with other files than this one.
            yield step, f"job '{step}' has no run in this flow: the files changed between its first runs"


def _pending(connection: sa.Connection, job: str, moment: datetime) -> bool:
    """Whether a fire of the job at this instant is still to be decided."""
    return any(
        row.active and row.cursor < moment and _fires_at(row.spec, moment) for row in _schedules(connection, job)
    )


def _schedules(connection: sa.Connection, job: str) -> Sequence[Any]:
    return connection.execute(sa.select(schedules).where(schedules.c.job == job)).all()


def _fires_at(spec: dict[str, Any], moment: datetime) -> bool:
    try:
        trigger = parse_trigger(spec)
    except TriggerInvalid:
        # Of another version of this program; its scheduler does not decide it either.
        return False
    return not trigger.from_end and trigger.next_after(moment - _TICK) == moment


def _why(connection: sa.Connection, job: str, fired: datetime | None) -> str:
    declared = connection.execute(sa.select(jobs.c.definition).where(jobs.c.job == job, jobs.c.active)).scalar()
    mine = [row for row in _schedules(connection, job) if row.active]
    if declared is None:
        return "it is declared no more"
    if not mine:
        return "it has no active schedule any more"
    said = declared.get("schedules", {})
    for row in mine:
        most = said.get(row.schedule, {}).get("max_fires")
        if most is not None and fired is not None and _fires_at(row.spec, fired):
            return f"its max_fires = {most} are spent"
    return "its schedule, or what follows it, was changed before it fired"

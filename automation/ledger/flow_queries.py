"""What the faces read of flows: how their steps stand, and what is before and behind a run.

Owns: those questions.
Never: writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from automation.database import reading
from automation.ledger.flows import graph_of, standings
from automation.ledger.graph import Graph, Standing
from automation.ledger.rows import RunRow
from automation.ledger.tables import runs
from automation.ledger.upstream import Facts, facts


@dataclass(frozen=True)
class Beside:
    """The runs of one step before or behind a run.

    Parameters
    ----------
    standing: how they stand; None while none is recorded.
    """

    step: str
    job: str
    standing: Standing | None

    @property
    def words(self) -> str:
        """The step, how it stands, and the run that tells."""
        tally = self.standing.tally if self.standing else None
        return f"{self.step} {tally.state} (run {tally.run_id})" if tally else f"{self.step} waiting"

    def as_json(self) -> dict[str, object]:
        """The stable form; the state is `waiting` while no run is recorded."""
        tally = self.standing.tally if self.standing else None
        state = str(tally.state) if tally else "waiting"
        return {"step": self.step, "job": self.job, "state": state, "run": tally.run_id if tally else None}


class FlowQueries:
    """Read-only views of flows."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def graph(self, run: RunRow) -> Graph | None:
        """What follows the first run of this run's flow; None for a run that is in none, or whose first run is gone."""
        if run.flow is None:
            return None
        with reading(self._engine) as connection:
            return graph_of(connection, run.id, run.spec)

    def standings(self, flow: str, steps: Sequence[str]) -> dict[str, Standing]:
        """How these steps of a flow stand; one without a run is absent."""
        with reading(self._engine) as connection:
            return standings(connection, flow, steps)

    def facts(self, flow: str, step: str) -> Facts | None:
        """What is known of a step: result, state, reason and run."""
        with reading(self._engine) as connection:
            return facts(connection, flow, step)

    def beside(self, run: RunRow) -> tuple[list[Beside], list[Beside]]:
        """The steps just before this run, and those just behind it."""
        graph = self.graph(run)
        if graph is None or run.flow is None or run.flow_step is None:
            return [], []
        mine = graph.nodes.get(run.flow_step)
        before = [step for step in mine.upstream if step not in mine.absent] if mine else []
        behind = [node.step for node in graph.behind(run.flow_step)]
        known = self.standings(run.flow, [*before, *behind])

        def shown(steps: Sequence[str]) -> list[Beside]:
            jobs = {step: graph.nodes[step].job if step in graph.nodes else step for step in steps}
            return [
                Beside(step, known[step].tally.job if step in known else jobs[step], known.get(step)) for step in steps
            ]

        return shown(before), shown(behind)

    def first_runs(self, flow: str) -> list[RunRow]:
        """The runs that a flow begins with: they follow no other."""
        query = sa.select(runs).where(runs.c.flow == flow, runs.c.kind != "flow").order_by(runs.c.queued_at, runs.c.id)
        with reading(self._engine) as connection:
            return [RunRow.of(row) for row in connection.execute(query).mappings()]

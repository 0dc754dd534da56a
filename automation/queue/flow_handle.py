"""A flow that a program has started, to be followed.

Owns: how the whole of it stands, and what came out of it.
Never: starts one.
"""

from __future__ import annotations

from typing import Any

from automation.ledger.graph import Standing
from automation.ledger.states import State
from automation.services import Services

_POLL_SECONDS = 0.1
_BAD = (State.DEAD, State.CANCELLED, State.EXPIRED, State.MISSED, State.SKIPPED)


class FlowHandle:
    """A flow that was asked for.

    Parameters
    ----------
    id: the flow's id: `automation runs --flow ID`.
    new: False when an idempotency key found an earlier one.
    """

    def __init__(self, services: Services, flow: str, *, new: bool) -> None:
        self._services = services
        self.id, self.new = flow, new
        self._first = {str(run.flow_step): run for run in services.ledger.flows.first_runs(flow)}
        graph = next((found for run in self._first.values() if (found := services.ledger.flows.graph(run))), None)
        nodes = graph.nodes if graph is not None else {}
        waited_for = {name for node in nodes.values() for name in node.upstream}
        #: The names of its steps, each behind those before it.
        self.steps = (*self._first, *nodes)
        self._last = [name for name in self.steps if name not in waited_for]

    @property
    def status(self) -> str:
        """`running` until every step has ended; then `succeeded`, or the worst of how they ended."""
        known = self._standings()
        if len(known) < len(self.steps) or not all(one.ended for one in known.values()):
            return "running"
        states = {one.state for one in known.values()}
        return str(next((state for state in _BAD if state in states), State.SUCCEEDED))

    @property
    def states(self) -> dict[str, str]:
        """The state of each step by its name; `waiting` for one that has no run yet."""
        known = self._standings()
        return {name: str(known[name].state) if name in known else "waiting" for name in self.steps}

    @property
    def result(self) -> Any:
        """What the last step returned; of several that are last, by their names. None before the end."""
        found = {name: self._result(name) for name in self._last}
        return found[self._last[0]] if len(self._last) == 1 else found

    def wait(self, timeout: float | None = None) -> str:
        """The status at the end. Raises TimeoutError after `timeout` seconds."""
        clock = self._services.clock
        deadline = None if timeout is None else clock.monotonic() + timeout
        while (status := self.status) == "running":
            if deadline is not None and clock.monotonic() >= deadline:
                raise TimeoutError(f"Flow {self.id} is running after {timeout} seconds")
            clock.sleep(_POLL_SECONDS)
        return status

    def _standings(self) -> dict[str, Standing]:
        return self._services.ledger.flows.standings(self.id, self.steps)

    def _result(self, step: str) -> Any:
        if step not in self._standings():
            return None
        found = self._services.ledger.flows.facts(self.id, step)
        return found["result"] if found else None

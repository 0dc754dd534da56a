"""The part of a flow that follows one run, as its first run holds it: what comes after what, and when it may.

Owns: the shape of it in the ledger, and whether a step runs, never will, or has to wait.
Never: reads a row; writes one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from automation.ledger.states import OPEN, State

#: What the reason of a run begins with that is skipped for what came before it.
UPSTREAM = "upstream: "
_AS = ", as "
#: What became of a run, behind its name.
ENDED = {
    State.SUCCEEDED: "succeeded",
    State.DEAD: "is dead",
    State.CANCELLED: "was cancelled",
    State.EXPIRED: "expired",
    State.SKIPPED: "was skipped",
    State.MISSED: "was missed",
}
#: Of several runs of one step the first of these tells how it ended.
_WORST = (State.DEAD, State.CANCELLED, State.EXPIRED, State.MISSED, State.SKIPPED)


@dataclass(frozen=True)
class Node:
    """A step that follows others: the resolved job, and after what it runs.

    Parameters
    ----------
    spec: as a run keeps it.
    max_running: as a run has it.
    overlap, max_queued: what becomes of its run where that finds the job at work; "" only waits for a place, or is skipped as
        it is claimed.
    unique: what no second run of the job is recorded with, `key`, `on_conflict`, and `seconds` that it holds for at least.
    after, after_failure, after_any: steps that must have succeeded, of which one must have died, that must have ended.
    for_each: the list of which each element gets a run of its own.
    first: the steps before it that the flow begins with.
    absent: steps before it that have no run in this flow, each with why, in words.
    refused: why it does not run whatever comes before it.
    """

    step: str
    job: str
    plugin: str
    queue: str
    priority: int
    max_attempts: int
    spec: Mapping[str, Any] = field(repr=False)
    overlap_key: str | None = None
    max_running: int | None = None
    overlap: str = ""
    max_queued: int = 0
    unique: Mapping[str, Any] | None = None
    after: tuple[str, ...] = ()
    after_failure: tuple[str, ...] = ()
    after_any: tuple[str, ...] = ()
    for_each: str | None = None
    first: tuple[str, ...] = ()
    absent: Mapping[str, str] = field(default_factory=dict)
    refused: str | None = None

    @property
    def upstream(self) -> tuple[str, ...]:
        """Every step that it waits for, each once."""
        return tuple(dict.fromkeys([*self.after, *self.after_failure, *self.after_any]))

    def to_json(self) -> dict[str, Any]:
        """The form in the ledger."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """Read it back."""
        values: dict[str, Any] = {key: tuple(one) if isinstance(one, list) else one for key, one in stored.items()}
        return cls(**values)


@dataclass(frozen=True)
class Graph:
    """The steps that follow a run, each after those that it waits for."""

    nodes: Mapping[str, Node] = field(default_factory=dict)

    def behind(self, step: str) -> Iterator[Node]:
        """The steps that wait for this one."""
        return (node for node in self.nodes.values() if step in node.upstream)

    def to_json(self) -> list[dict[str, Any]]:
        """The form in the ledger."""
        return [node.to_json() for node in self.nodes.values()]

    @classmethod
    def from_json(cls, stored: list[dict[str, Any]]) -> Self:
        """Read it back."""
        return cls({one["step"]: Node.from_json(one) for one in stored})


@dataclass(frozen=True)
class Tally:
    """Those of a step's runs that are in one state.

    Parameters
    ----------
    run_id: one of them.
    begun: whether one of them had an attempt.
    elements: whether they are for elements of a list.
    """

    job: str
    state: State
    run_id: str
    begun: bool
    elements: bool = False
    reason: str | None = None


@dataclass(frozen=True)
class Standing:
    """How a step stands: by the one of its runs that tells."""

    tally: Tally
    ended: bool

    @property
    def state(self) -> State:
        """Where it is, or how it ended."""
        return self.tally.state

    @property
    def never_began(self) -> bool:
        """Whether it was decided that it does not run."""
        return self.ended and not self.tally.begun and self.state in (State.SKIPPED, State.MISSED)

    @property
    def words(self) -> str:
        """How it ended, with its run's and its job's names, and where that began."""
        said = f"run {self.tally.run_id} of job '{self.tally.job}' {ENDED[self.state]}"
        return f"{said}{_AS}{origin}" if (origin := _origin(self.tally.reason)) else said


def standing(tallies: list[Tally]) -> Standing:
    """How a step stands whose runs are in these states; there is at least one.

    One that is open keeps it open. Runs for the elements of a list must all have succeeded; of several schedules that fire
    a job at one instant one success is enough.
    """
    waits = next((one for one in tallies if one.state in OPEN), None)
    if waits is not None:
        return Standing(waits, ended=False)
    by_state = {one.state: one for one in tallies}
    good = by_state.get(State.SUCCEEDED)
    if good is not None and (len(by_state) == 1 or not any(one.elements for one in tallies)):
        return Standing(good, ended=True)
    return Standing(next(by_state[state] for state in _WORST if state in by_state), ended=True)


@dataclass(frozen=True)
class Verdict:
    """What becomes of a step: it runs, or it never does and why."""

    reason: str | None = None

    @property
    def runs(self) -> bool:
        """Whether it runs."""
        return self.reason is None


def judge(node: Node, known: Mapping[str, Standing]) -> Verdict | None:
    """Whether a step runs, as far as the steps before it have come; None while that is open.

    Parameters
    ----------
    known: how steps stand; one that has no run yet is absent.
    """
    verdicts = list(_verdicts(node, known))
    never = next((one for one in verdicts if one is not None and not one.runs), None)
    if never is not None:
        return never
    if None in verdicts:
        return None
    return Verdict(node.refused) if node.refused else Verdict()


def _verdicts(node: Node, known: Mapping[str, Standing]) -> Iterator[Verdict | None]:
    """For each of its conditions whether it holds."""
    for step in node.after:
        if step in node.absent:
            yield Verdict(UPSTREAM + node.absent[step])
        else:
            found = known.get(step)
            if found is None or not found.ended:
                yield None
            else:
                yield Verdict() if found.state is State.SUCCEEDED else Verdict(UPSTREAM + found.words)
    if node.after_failure:
        yield _one_failed(node, known)
    if node.after_any:
        yield _all_ended(node, known)


def _one_failed(node: Node, known: Mapping[str, Standing]) -> Verdict | None:
    awaited = [step for step in node.after_failure if step not in node.absent]
    found = [known[step] for step in awaited if step in known]
    if any(one.ended and one.state is State.DEAD for one in found):
        return Verdict()
    if len(found) < len(awaited) or not all(one.ended for one in found):
        return None
    return Verdict(f"{UPSTREAM}none failed: {_told(found, node)}")


def _all_ended(node: Node, known: Mapping[str, Standing]) -> Verdict | None:
    awaited = [step for step in node.after_any if step not in node.absent]
    if not all(step in known and known[step].ended for step in awaited):
        return None
    # A flow of which no first run ran (it was paused, or missed in favour of a newer one) is no flow.
    first = [step for step in node.first if step not in node.absent]
    began = [step for step in first if step not in known or not known[step].never_began]
    if began and awaited:
        return Verdict()
    return Verdict(f"{UPSTREAM}none ran: {_told([known[step] for step in awaited], node)}")


def _told(found: list[Standing], node: Node) -> str:
    return found[0].words if found else next(iter(node.absent.values()), "none is there")


def _origin(reason: str | None) -> str | None:
    """What a reason that is one of ours says of where it began."""
    if not reason or not reason.startswith(UPSTREAM):
        return None
    said = reason.removeprefix(UPSTREAM)
    return said.rpartition(_AS)[2]

"""Whatever flow, and in whatever order its runs end: what follows is what a second reading of the rules says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from automation.clock import FrozenClock
from automation.dispatch.reasons import runs_in
from automation.ledger import stopping
from automation.ledger.graph import Graph, Node
from automation.ledger.ledger import Ledger
from automation.ledger.occurrences import Decided
from automation.ledger.rows import NewRun, RunRow
from automation.ledger.runs import Claimant, Verdict
from automation.ledger.schema import open_engine
from automation.ledger.states import FINAL, OPEN, Kind, Outcome, State
from automation.ledger.tables import metadata, runs

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
FLOW = "2026-03-01T12:00:00Z"
HOUR = timedelta(hours=1)
KEYS = ("after", "after_failure", "after_any")
ENDS = {
    "succeeds": (Outcome.SUCCEEDED, State.SUCCEEDED),
    "dies": (Outcome.FAILED, State.DEAD),
    "skips itself": (Outcome.SUCCEEDED, State.SKIPPED),
    "is tried again": (Outcome.FAILED, State.RETRYING),
    "is lost": (Outcome.LOST, State.QUEUED),
}
#: Of each step: the steps before it, by key; a first step has none.
Shape = dict[str, dict[str, tuple[str, ...]]]


@st.composite
def shapes(draw: st.DrawFn) -> Shape:
    """Up to three first steps and up to six that follow any before them."""
    names = [f"r{number}" for number in range(draw(st.integers(1, 3)))]
    found: Shape = {name: {} for name in names}
    for number in range(draw(st.integers(1, 6))):
        before = draw(st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=True))
        keys = [draw(st.sampled_from(KEYS)) for _ in before]
        name = f"s{number}"
        found[name] = {key: tuple(b for b, of in zip(before, keys, strict=True) if of == key) for key in KEYS}
        names.append(name)
    return found


def first_of(shape: Shape, name: str) -> set[str]:
    """The first steps that a step comes from."""
    before = {one for names in shape[name].values() for one in names}
    return set().union(*(first_of(shape, one) for one in before)) if before else {name}


def below(shape: Shape, name: str) -> list[str]:
    """The steps that come from this one."""
    return [one for one in shape if one != name and name in ancestors(shape, one)]


def ancestors(shape: Shape, name: str) -> set[str]:
    """Every step before this one."""
    before = {one for names in shape[name].values() for one in names}
    return before.union(*(ancestors(shape, one) for one in before))


def meant(shape: Shape, name: str, runs: dict[str, RunRow]) -> str:
    """`runs`, `never` or `waits`: the rules, read a second time."""
    said = shape[name]
    ended = {one: run.state for one, run in runs.items() if run.state in FINAL}
    answers = [
        "runs" if ended.get(one) == "succeeded" else "never" if one in ended else "waits" for one in said["after"]
    ]
    if said["after_failure"]:
        states = [ended.get(one) for one in said["after_failure"]]
        answers.append("runs" if "dead" in states else "waits" if None in states else "never")
    if said["after_any"]:
        began = any(
            one not in ended or runs[one].attempt or ended[one] not in ("skipped", "missed")
            for one in first_of(shape, name)
        )
        answers.append("waits" if any(one not in ended for one in said["after_any"]) else "runs" if began else "never")
    return "never" if "never" in answers else "waits" if "waits" in answers else "runs"


class Flows(RuleBasedStateMachine):
    """One flow; its first runs are recorded one by one, some of them decided not to run."""

    def __init__(self) -> None:
        super().__init__()
        engine = open_engine("sqlite:///:memory:")
        metadata.create_all(engine)
        self.clock = FrozenClock(NOON)
        self.ledger = Ledger(engine, self.clock)
        self.ledger.occurrences.activate("1", {}, "s")
        self.shape: Shape = {}
        self.allowed: set[str] = set()
        self.known: dict[str, RunRow] = {}

    @initialize(shape=shapes())
    def begin(self, shape: Shape) -> None:
        self.shape = shape

    def _node(self, name: str) -> Node:
        return Node(
            name,
            f"job-{name}",
            "shell",
            "default",
            5,
            9,
            {},
            **self.shape[name],
            first=tuple(first_of(self.shape, name)),
        )

    @precondition(
        lambda self: any(not any(said.values()) and name not in self.known for name, said in self.shape.items())
    )
    @rule(data=st.data(), state=st.sampled_from([State.QUEUED, State.QUEUED, State.SKIPPED, State.MISSED]))
    def record(self, data: st.DataObject, state: State) -> None:
        """The scheduler decides one of the first steps."""
        known = self.known
        name = data.draw(
            st.sampled_from([one for one in self.shape if not any(self.shape[one].values()) and one not in known])
        )
        now = self.clock.now()
        steps = Graph({one: self._node(one) for one in below(self.shape, name)}).to_json()
        run = NewRun(
            name, f"job-{name}", "shell", Kind.SCHEDULED, NOON, NOON - HOUR, now, now, 9, "default", 5,
            {"flow": {"steps": steps}}, schedule="main", state=state, flow=FLOW, flow_step=name,
            reason=None if state is State.QUEUED else "paused: by ada",
        )  # fmt: skip
        self.ledger.occurrences.record([Decided(f"job-{name}", "main", [run], now)], 1)
        self._look()

    @precondition(lambda self: any(run.state in OPEN for run in self.known.values()))
    @rule(data=st.data(), how=st.sampled_from([*ENDS]))
    def work(self, data: st.DataObject, how: str) -> None:
        """An attempt of an open run."""
        run = self.known[
            data.draw(st.sampled_from(sorted(one.flow_step or "" for one in self.known.values() if one.state in OPEN)))
        ]
        claimed = self.ledger.runs.claim(run.id, Claimant("w", 1), HOUR, lambda _run: HOUR)
        assert claimed is not None
        outcome, state = ENDS[how]
        assert self.ledger.runs.finish(run.id, claimed.attempt, Verdict(outcome, state, due_at=self.clock.now()))
        self._look()

    @precondition(lambda self: any(run.state in OPEN for run in self.known.values()))
    @rule(data=st.data(), how=st.sampled_from(["cancel", "expire", "supersede"]))
    def stop(self, data: st.DataObject, how: str) -> None:
        """A run that waits ends without an attempt."""
        run = self.known[
            data.draw(st.sampled_from(sorted(one.flow_step or "" for one in self.known.values() if one.state in OPEN)))
        ]
        if how == "cancel":
            self.ledger.runs.request_cancel(run.id)
        with self.ledger.engine.begin() as connection:
            if how == "expire":
                connection.execute(runs.update().where(runs.c.id == run.id).values(expires_at=NOON - HOUR))
            elif how == "supersede":
                stopping.supersede(connection, [run.id], self.clock.now())
        self.ledger.runs.expire()
        self._look()

    @precondition(lambda self: any(run.state == "dead" for run in self.known.values()))
    @rule(data=st.data())
    def bring_back(self, data: st.DataObject) -> None:
        """A dead run is brought back."""
        dead = [one.id for one in self.known.values() if one.state == "dead"]
        run_id = data.draw(st.sampled_from(sorted(dead)))
        self.ledger.dead.replay([run_id], "ana")
        if data.draw(st.booleans()):
            claimed = self.ledger.runs.claim(run_id, Claimant("w", 1), HOUR, lambda _run: HOUR)
            assert claimed is not None
            self.ledger.runs.finish(run_id, claimed.attempt, Verdict(*ENDS["succeeds"]))
        self._look()

    @rule()
    def wait(self) -> None:
        self.clock.advance(seconds=1)

    def _look(self) -> None:
        """What may run from now on: it was true once."""
        self.known = known = {str(run.flow_step): run for run in self.ledger.queries.runs(flow=FLOW, limit=100)}
        self.allowed |= {name for name in self._following() if meant(self.shape, name, known) == "runs"}

    def _following(self) -> list[str]:
        return [name for name, said in self.shape.items() if any(said.values())]

    @invariant()
    def as_meant(self) -> None:
        """What runs may, what is skipped for others never could, and nothing else has no run."""
        known = self.known
        for name in self._following():
            now, run = meant(self.shape, name, known), known.get(name)
            if run is None:
                assert now == "waits" or not set(ancestors(self.shape, name)) & known.keys(), name
            elif (run.reason or "").startswith("upstream: "):
                assert (run.state, run.attempt) == ("skipped", 0)
                assert now != "runs", name
            else:
                assert name in self.allowed, name

    @invariant()
    def reasons_name_a_run(self) -> None:
        """Whoever is skipped for others can be asked why: its reason has the id of a run that is there."""
        known = self.known
        ids = {run.id for run in known.values()}
        for run in known.values():
            if (
                run.kind == "flow"
                and run.state == "skipped"
                and not run.attempt
                and (run.reason or "").startswith("up")
            ):
                named: Any = runs_in(run.reason)
                assert named or "run r" in str(run.reason)
                assert set(named) <= ids

    def teardown(self) -> None:
        self.ledger.close()


TestFlowsHold = Flows.TestCase
TestFlowsHold.settings = settings(max_examples=30, stateful_step_count=20, deadline=None)

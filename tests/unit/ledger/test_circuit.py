"""A breaker against a tiny model of one: whatever ends in whatever order, on a real ledger."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from automation.clock import FrozenClock
from automation.ledger.circuit import Breaker
from automation.ledger.gate_tables import metadata
from automation.ledger.ledger import Ledger
from automation.ledger.rows import NewRun, RunRow
from automation.ledger.runs import Claimant, Verdict
from automation.ledger.schema import open_engine
from automation.ledger.states import Kind, Outcome, State

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
OPEN_FOR = timedelta(seconds=10)
BREAKER = Breaker("breaker books", 3, OPEN_FOR, ("transport",))
ENDS = {
    "good": Verdict(Outcome.SUCCEEDED, State.SUCCEEDED),
    "bad": Verdict(Outcome.FAILED, State.DEAD, failure_class="transport", message="away"),
    "other": Verdict(Outcome.FAILED, State.DEAD, failure_class="config", message="wrong"),
    "none": Verdict(Outcome.CANCELLED, State.CANCELLED),
}


class Circuits(RuleBasedStateMachine):
    """The model: how many failed in a row, until when it is open, and who tries."""

    def __init__(self) -> None:
        super().__init__()
        engine = open_engine("sqlite:///:memory:")
        metadata.create_all(engine)
        self.numbers, self.clock = count(), FrozenClock(NOON)
        self.ledger = Ledger(engine, self.clock)
        self.row = 0
        self.until: datetime | None = None
        self.probe: str | None = None

    @rule()
    def begin(self) -> None:
        """A newcomer begins exactly where the model says so, and nobody stands before it."""
        now = self.clock.now()
        values = {"max_attempts": 9, "queue": "default", "priority": 5, "spec": {"breaker": BREAKER.to_json()}}
        run = NewRun(f"{next(self.numbers):04}", "books", "scrape", Kind.MANUAL, now, now, now, now, **values)
        self.ledger.runs.add(run)
        others = any(one.waits_on for one in self.ledger.queries.open())
        self._claim(run.id, allowed=self.until is None or (self._may_try() and not others))

    @rule()
    def answer(self) -> None:
        """Whoever is rung begins: one where one may try, all where it is closed."""
        waiting = self.ledger.leases.unpublished()
        assert len(waiting) <= 1 or self.until is None
        for one in waiting:
            self._claim(one.id, allowed=True)

    @rule(how=st.sampled_from([*ENDS]), data=st.data())
    def end(self, how: str, data: Any) -> None:
        at_work = sorted(self.ledger.queries.runs(state=State.RUNNING), key=lambda run: run.id)
        if at_work:
            run = data.draw(st.sampled_from(at_work))
            self.ledger.runs.finish(run.id, run.attempt, ENDS[how], BREAKER)
            self._model(run, how)

    @rule(seconds=st.sampled_from([1, 9, 10]))
    def wait(self, seconds: int) -> None:
        self.clock.advance(seconds=seconds)

    @rule()
    def close(self) -> None:
        self.ledger.breakers.close(BREAKER.key, "ada")
        self.row, self.until, self.probe = 0, None, None

    @invariant()
    def never_two_try(self) -> None:
        """While it is open no more than one run begins; and those that wait begin when it is closed."""
        found = [one.as_json() for one in self.ledger.breakers.all()]
        state = found[0]["state"] if found else "closed"
        assert state == ("closed" if self.until is None else "half_open" if self.probe else "open")

    @invariant()
    def never_stuck(self) -> None:
        """Somebody who waits is rung, or will be, or waits for one who tries."""
        if any(run.waits_on for run in self.ledger.queries.open()) and self.probe is None:
            assert self.ledger.leases.unpublished() or self.ledger.leases.next_due()

    def _may_try(self) -> bool:
        return self.probe is None and self.until is not None and self.until <= self.clock.now()

    def _claim(self, run_id: str, *, allowed: bool) -> None:
        claimant = Claimant("w1", 42)
        run = self.ledger.runs.claim(run_id, claimant, timedelta(seconds=20), lambda _: timedelta(minutes=5))
        assert (run is not None) == allowed
        if run is not None and self.until is not None:
            self.probe = run.id

    def _model(self, run: RunRow, how: str) -> None:
        if self.until is None:
            self.row = {"good": 0, "bad": self.row + 1}.get(how, self.row)
            if self.row >= BREAKER.failures:
                self.until = self.clock.now() + OPEN_FOR
        elif run.id == self.probe:
            self.probe = None
            self.until = {"good": None, "bad": self.clock.now() + OPEN_FOR}.get(how, self.clock.now())
            self.row = 0 if how == "good" else self.row

    def teardown(self) -> None:
        self.ledger.close()


TestCircuits = Circuits.TestCase
TestCircuits.settings = settings(max_examples=20, stateful_step_count=25, deadline=None)

"""Whatever happens to runs, in whatever order: never too many at work, and never all of them waiting for each other."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count, groupby
from typing import Any

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

from automation.clock import FrozenClock
from automation.ledger.dead import Wanted
from automation.ledger.ledger import Ledger
from automation.ledger.rows import NewRun
from automation.ledger.runs import Claimant, Verdict
from automation.ledger.schema import open_engine
from automation.ledger.states import Kind, Outcome, State
from automation.ledger.tables import metadata

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
EVEN, MIXED = "even", "mixed"
ENDS = {
    "succeeds": (Outcome.SUCCEEDED, State.SUCCEEDED),
    "fails": (Outcome.FAILED, State.RETRYING),
    "is lost": (Outcome.LOST, State.QUEUED),
    "dies": (Outcome.FAILED, State.DEAD),
}


class Places(RuleBasedStateMachine):
    """Two overlap keys: all runs of `even` allow two at once, those of `mixed` one, two or as many as there are."""

    asked, taken = Bundle("asked"), Bundle("taken")

    def __init__(self) -> None:
        super().__init__()
        engine = open_engine("sqlite:///:memory:")
        metadata.create_all(engine)
        self.numbers = count()
        self.clock = FrozenClock(NOON)
        self.ledger = Ledger(engine, self.clock)

    @initialize(target=asked)
    def begin(self) -> Any:
        """Enough at once to make them wait for each other."""
        return multiple(*(self.ask(key, most, False) for key in (EVEN, MIXED) for most in (1, 2, None, 1)))

    @rule(target=asked, key=st.sampled_from([EVEN, MIXED]), most=st.sampled_from([1, 2, None]), skips=st.booleans())
    def ask(self, key: str, most: int | None, skips: bool) -> str:
        now = self.clock.now()
        values = {"max_attempts": 9, "queue": "default", "priority": 5, "spec": {"skips": skips}}
        places = {"overlap_key": key, "max_running": 2 if key == EVEN else most}
        run = NewRun(f"{next(self.numbers):04}", "books", "scrape", Kind.MANUAL, now, now, now, now, **values, **places)
        self.ledger.runs.add(run)
        return run.id

    @rule(target=taken, some=st.lists(asked, min_size=1, max_size=4))
    def claim(self, some: list[str]) -> Any:
        for run_id in some:
            self._claim(run_id)
        return multiple(*some)

    @rule(run_id=taken, how=st.sampled_from([*ENDS]), seconds=st.integers(0, 3))
    def end(self, run_id: str, how: str, seconds: int) -> None:
        run, (outcome, state) = self.ledger.queries.run(run_id), ENDS[how]
        again = self.clock.now() + timedelta(seconds=seconds)
        self.ledger.runs.finish(run_id, run.attempt, Verdict(outcome, state, due_at=again))

    @rule(run_id=consumes(asked))
    def cancel(self, run_id: str) -> None:
        self.ledger.runs.request_cancel(run_id)

    @rule(run_id=taken, seconds=st.integers(0, 3))
    def bring_back(self, run_id: str, seconds: int) -> None:
        """All that are dead, this one perhaps among them, one after the other."""
        others = self.ledger.dead.ids(Wanted())
        self.ledger.dead.replay([run_id, *others], "ana", timedelta(seconds=seconds))

    @rule(seconds=st.integers(1, 3))
    def wait(self, seconds: int) -> None:
        self.clock.advance(seconds=seconds)

    @rule()
    def ring(self) -> None:
        self.ledger.runs.mark_published(self.ledger.leases.unpublished())

    @rule()
    def answer(self) -> None:
        """Whoever is rung finds a place: of `even` all of them, of `mixed` the first."""
        first: set[str] = set()
        for one in self.ledger.leases.unpublished():
            key = self.ledger.queries.run(one.id).overlap_key
            claimed = self._claim(one.id)
            assert claimed or (key == MIXED and MIXED in first)
            first.add(str(key))

    @invariant()
    def never_too_many(self) -> None:
        """No more of `even` have begun and not ended than there are places, at work or between two attempts."""
        begun = [one for one in self.ledger.occurrences.open_runs([EVEN]).get(EVEN, ()) if one.attempt]
        assert len(begun) <= 2

    @invariant()
    def never_stuck(self) -> None:
        """Where due runs wait and none is at work, there is one that is to be rung, or rung again if its message is gone."""
        leases = self.ledger.leases
        rung = {one.id for one in [*leases.unpublished(), *leases.silent(-timedelta(hours=1))]}
        runs = sorted(self.ledger.queries.open(), key=lambda one: str(one.overlap_key))
        for key, group in groupby(runs, key=lambda one: one.overlap_key):
            found = list(group)
            if all(one.state != State.RUNNING and self._due(one.id) for one in found):
                assert rung & {one.id for one in found}, key

    def _claim(self, run_id: str) -> bool:
        limit = self.ledger.queries.run(run_id).max_running
        run = self.ledger.runs.claim(run_id, Claimant("w", 1), timedelta(hours=1), lambda _run: timedelta(hours=1))
        if run is not None and limit is not None:
            at_work = [
                one for one in self.ledger.queries.runs(state=State.RUNNING) if one.overlap_key == run.overlap_key
            ]
            assert len(at_work) <= limit
        return run is not None

    def _due(self, run_id: str) -> bool:
        return self.ledger.queries.run(run_id).due_at <= self.clock.now()

    def teardown(self) -> None:
        self.ledger.close()


TestPlacesHold = Places.TestCase
TestPlacesHold.settings = settings(max_examples=12, stateful_step_count=25, deadline=None)

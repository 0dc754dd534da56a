"""Whatever happens to runs, in whatever order: no limit is passed, nobody passes another, and a turn that is told comes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import hypothesis.strategies as st
import sqlalchemy as sa
from hypothesis import example, given, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from automation.clock import FrozenClock
from automation.ledger.gate_tables import kept, metadata
from automation.ledger.ledger import Ledger
from automation.ledger.limit import Limit, Rate
from automation.ledger.rows import NewRun, RunRow
from automation.ledger.runs import Claimant, Verdict
from automation.ledger.schema import open_engine
from automation.ledger.states import Kind, Outcome, State

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
FAST = Limit("limit fast", "limit fast", rate=Rate.parse("3/s"))
SLOW = Limit("limit slow", "limit slow", max_running=2, rate=Rate.parse("4/m"))
FEW = Limit("limit few", "limit few", max_running=1)
ALL = (FAST, SLOW, FEW)


class Limits(RuleBasedStateMachine):
    """Runs of one limit or two; what the rates must be is counted here, from what began when."""

    def __init__(self) -> None:
        super().__init__()
        engine = open_engine("sqlite:///:memory:")
        metadata.create_all(engine)
        self.numbers = count()
        self.clock = FrozenClock(NOON)
        self.ledger = Ledger(engine, self.clock)
        self.began: dict[str, list[datetime]] = {limit.key: [] for limit in ALL}

    @rule(
        limits=st.sampled_from([(FAST,), (SLOW,), (FEW,), (FAST, FEW), (SLOW, FEW), ALL]),
        priority=st.sampled_from([1, 5, 9]),
        many=st.integers(1, 4),
    )
    def ask(self, limits: tuple[Limit, ...], priority: int, many: int) -> None:
        now = self.clock.now()
        values = {"max_attempts": 9, "queue": "default", "priority": priority}
        spec = {"limits": [one.to_json() for one in limits]}
        for _ in range(many):
            run_id = f"{next(self.numbers):04}"
            run = NewRun(run_id, "books", "scrape", Kind.MANUAL, now, now, now, now, spec=spec, **values)
            self.ledger.runs.add(run)

    @rule(data=st.data())
    def come_early(self, data: Any) -> None:
        """A message of any run that has not ended."""
        waiting = [run.id for run in self.ledger.queries.open()]
        if waiting:
            self._claim(data.draw(st.sampled_from(waiting)))

    @rule()
    def answer(self) -> None:
        """Everybody who is rung claims, those in a line first: who waits for one limit alone begins."""
        waiting = self.ledger.leases.unpublished()
        self.ledger.runs.mark_published(waiting)
        rung = [self.ledger.queries.run(one.id) for one in waiting]
        for run in sorted(rung, key=lambda run: run.waits_on is None):
            alone = run.waits_on is not None and len(run.spec["limits"]) == 1
            # One that needs two may just have had its turn kept.
            assert self._claim(run.id) or not alone or self._keeps()

    @rule(how=st.sampled_from(["succeeds", "fails", "is lost"]), data=st.data())
    def end(self, how: str, data: Any) -> None:
        at_work = self.ledger.queries.runs(state=State.RUNNING)
        if not at_work:
            return
        run = data.draw(st.sampled_from(sorted(at_work, key=lambda one: one.id)))
        ends = {
            "succeeds": Verdict(Outcome.SUCCEEDED, State.SUCCEEDED),
            "fails": Verdict(Outcome.FAILED, State.RETRYING, due_at=self.clock.now() + timedelta(seconds=2)),
            "is lost": Verdict(Outcome.LOST, State.QUEUED, due_at=self.clock.now()),
        }
        assert self.ledger.runs.finish(run.id, run.attempt, ends[how])

    @rule(milliseconds=st.sampled_from([1, 300, 1000, 5000, 60_000]))
    def wait(self, milliseconds: int) -> None:
        self.clock.advance(milliseconds=milliseconds)

    @precondition(lambda self: self._first())
    @rule()
    def wait_for_the_turn(self) -> None:
        """The first in a line before a rate begins at the moment that it is told, unless another gate is closed then."""
        run = self._first()[0]
        if self._claim(run.id):
            return
        reason = str(self.ledger.queries.run(run.id).reason)
        if "its turn is at " in reason and not self._keeps():
            turn = datetime.fromisoformat(reason.rpartition(" ")[2])
            self.clock.advance(seconds=(turn - self.clock.now()).total_seconds())
            assert self._claim(run.id) or "places are taken" in str(self.ledger.queries.run(run.id).reason)

    @invariant()
    def no_window_holds_too_many(self) -> None:
        """Of the beginnings in any span no more than the rate says."""
        for limit in (FAST, SLOW):
            moments = self.began[limit.key]
            assert limit.rate is not None
            for first, last in zip(moments, moments[limit.rate.count :], strict=False):
                assert last - first >= limit.rate.span

    @invariant()
    def never_too_many_at_work(self) -> None:
        at_work = [one["key"] for run in self.ledger.queries.runs(state=State.RUNNING) for one in run.spec["limits"]]
        assert all(at_work.count(one.key) <= (one.max_running or 1000) for one in ALL)

    @invariant()
    def never_stuck(self) -> None:
        """Where nobody is at work, each line has somebody whose turn it is, or who will be rung when the gate opens."""
        if self.ledger.queries.runs(state=State.RUNNING):
            return
        standing = {run.waits_on for run in self.ledger.queries.open() if run.waits_on is not None}
        rung = [*self.ledger.leases.unpublished(), *self.ledger.leases.silent(-timedelta(hours=9))]
        lines = {self.ledger.queries.run(one.id).waits_on for one in rung}
        # Before a gate whose turn is kept nobody is rung; whoever it is kept for is, before another one.
        enough = bool(lines) if self._keeps() else standing <= lines
        assert not standing or enough or self.ledger.leases.next_due() is not None

    def _keeps(self) -> bool:
        with self.ledger.engine.connect() as connection:
            return connection.execute(sa.select(kept).where(kept.c.its_turn)).first() is not None

    def _first(self) -> list[RunRow]:
        """Who is the first in the line before each rate."""
        standing = [run for run in self.ledger.queries.open() if run.waits_on in (FAST.key, SLOW.key)]
        ranked = sorted(standing, key=lambda run: (-run.priority, run.due_at, run.id))
        return list({run.waits_on: run for run in reversed(ranked)}.values())

    def _claim(self, run_id: str) -> bool:
        run = self.ledger.runs.claim(run_id, Claimant("w1", 42), timedelta(seconds=20), lambda _: timedelta(minutes=5))
        if run is not None:
            for one in run.spec["limits"]:
                self.began[one["key"]].append(self.clock.now())
        return run is not None

    def teardown(self) -> None:
        self.ledger.close()


TestLimits = Limits.TestCase
TestLimits.settings = settings(max_examples=12, stateful_step_count=25, deadline=None)


OTHER = Limit("limit other", "limit other", max_running=1)
_LENGTHS = st.lists(st.integers(8, 40), min_size=8, max_size=8)


@settings(max_examples=5, deadline=None)
@example(few=[8] * 8, other=[8] * 8, second=OTHER)
@given(few=_LENGTHS, other=_LENGTHS, second=st.sampled_from([OTHER, SLOW]))
def test_nobody_starves(few: list[int], other: list[int], second: Limit) -> None:
    """However long the runs are that come without end and need one limit alone: one that needs both begins.

    It may be passed for a minute, then waits for the end of one run before each limit, and for the span of a rate.
    """
    engine = open_engine("sqlite:///:memory:")
    metadata.create_all(engine)
    ledger, numbers = Ledger(engine, clock := FrozenClock(NOON)), count()
    lengths = {FEW.key: iter(few * 20), second.key: iter(other * 20)}
    ends: dict[str, datetime] = {}

    def ask(*limits: Limit) -> str:
        now, run_id = clock.now(), f"{next(numbers):04}"
        spec = {"limits": [one.to_json() for one in limits]}
        values = {"max_attempts": 9, "queue": "default", "priority": 5, "spec": spec}
        ledger.runs.add(NewRun(run_id, "books", "scrape", Kind.MANUAL, now, now, now, now, **values))
        return run_id

    patient = ""
    for number in range(100):
        for run in ledger.queries.runs(state=State.RUNNING):
            if ends[run.id] <= clock.now():
                ledger.runs.finish(run.id, 1, Verdict(Outcome.SUCCEEDED, State.SUCCEEDED))
        waiting = [run.spec["limits"][0]["key"] for run in ledger.queries.open() if run.state != State.RUNNING]
        # The others begin by turns, so that there may never be room before both at once.
        for limit in (FEW, second)[: 1 + bool(number)]:
            if waiting.count(limit.key) < 2:
                ask(limit)
        patient = patient or (ask(FEW, second) if number == 2 else "")
        while rung := ledger.leases.unpublished():
            ledger.runs.mark_published(rung)
            for one in rung:
                run = ledger.runs.claim(one.id, Claimant("w", 1), timedelta(hours=9), lambda _: timedelta(hours=9))
                if run is not None:
                    length = next(lengths[run.spec["limits"][0]["key"]])
                    ends[run.id] = clock.now() + timedelta(seconds=length)
        if patient in ends:
            break
        clock.advance(seconds=4)
    ledger.close()
    assert patient in ends

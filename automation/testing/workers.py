"""The workers of a simulation: they claim through the ledger as real ones do, and end each run when its time is over.

Owns: how long a run takes, whether it fails, what becomes of it when the workers go away.
Never: runs a plugin.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from automation.errors import FailureClass, JobFailed
from automation.ledger.circuit import breaker_of
from automation.ledger.ledger import Ledger
from automation.ledger.rows import RunRow
from automation.ledger.runs import Claimant, Verdict
from automation.ledger.states import State
from automation.project.order import RunSpec
from automation.runner.verdict import TimedOut, after, cancelled, success
from automation.testing.bell import Bell
from automation.testing.clock import VirtualClock

Takes = Mapping[str, timedelta | Callable[[RunRow], timedelta]]
Fails = Mapping[str, bool | int | Callable[[RunRow], bool]]
Gives = Mapping[str, Any]

_CLAIMANT = Claimant("simulated", 1)
_DEFAULT = timedelta(seconds=1)
#: Nobody renews in a simulation: a lease ends when the workers go away.
_LEASE = timedelta(days=36_500)


@dataclass(frozen=True)
class _AtWork:
    run: RunRow
    spec: RunSpec
    ends_at: datetime
    error: BaseException | None


class Workers:
    """As many as are needed, or none while they are away.

    Parameters
    ----------
    takes: how long an attempt takes, by job; a second where nothing is said.
    fails: by job: True for always, a number for so many first attempts of each run, or whether this attempt does.
    gives: the result of a run, by job, or a function of the run; nothing where nothing is said.
    lease: how long after the workers went away their runs are known to be lost.
    """

    def __init__(
        self,
        ledger: Ledger,
        bell: Bell,
        clock: VirtualClock,
        takes: Takes,
        fails: Fails,
        lease: timedelta,
        gives: Gives | None = None,
    ) -> None:
        self._gives = gives or {}
        self._ledger, self._bell, self._clock = ledger, bell, clock
        self._takes, self._fails, self._lease = takes, fails, lease
        self._at_work: dict[str, _AtWork] = {}
        self._lost_until: datetime | None = None
        self._away = 0

    def leave(self) -> None:
        """All die at once; what they were doing is lost, and known to be when their leases have run out."""
        self._away += 1
        if self._at_work:
            self._at_work.clear()
            self._ledger.runs.renew(_CLAIMANT.worker, self._lease)
            self._lost_until = self._clock.true + self._lease

    def come_back(self) -> None:
        """Take what waits, when as many have come back as have left."""
        self._away -= 1

    def clock_was_set(self) -> None:
        """Real workers would renew their leases within seconds."""
        if self._at_work:
            self._ledger.runs.renew(_CLAIMANT.worker, _LEASE)

    def work(self) -> bool:
        """End what is over by now or was asked to stop, take what was rung for; whether a run has ended."""
        ended = self._end_runs(self._asked_to_stop())
        while self._bell.messages and not self._away:
            self._take(self._bell.messages.pop(0))
            ended = self._end_runs(set()) or ended
        return ended

    def _end_runs(self, stopped: set[str]) -> bool:
        over = sorted(self._at_work.values(), key=lambda one: one.ends_at)
        ended = [one for one in over if one.ends_at <= self._clock.true or one.run.id in stopped]
        for one in ended:
            del self._at_work[one.run.id]
            verdict = cancelled("told to stop, and did") if one.run.id in stopped else self._verdict(one)
            self._ledger.runs.finish(one.run.id, one.run.attempt, verdict, breaker_of(one.run.spec))
        return bool(ended)

    def next_event(self) -> datetime | None:
        """When, in true time, the next run ends, or is known to be lost."""
        moments = [one.ends_at for one in self._at_work.values()]
        if self._lost_until is not None and self._lost_until >= self._clock.true:
            # The clock may have been set, and then nobody judges a lease for as long as one lasts.
            moments.append(self._lost_until + timedelta(seconds=1))
        return min(moments, default=None)

    def _take(self, run_id: str) -> None:
        run = self._ledger.runs.claim(run_id, _CLAIMANT, _LEASE, lambda _run: _LEASE)
        if run is None:
            return
        spec = RunSpec.from_json(run.spec)
        takes = self._takes.get(run.job, _DEFAULT)
        span = takes(run) if callable(takes) else takes
        error: BaseException | None = ConnectionError("the simulation lets it fail") if self._does_fail(run) else None
        error = JobFailed(spec.flaw, FailureClass.CONFIG) if spec.flaw else error
        if span > spec.timeout:
            span, error = spec.timeout, TimedOut()
        self._at_work[run.id] = _AtWork(run, spec, self._clock.true + span, error)

    def _does_fail(self, run: RunRow) -> bool:
        fails = self._fails.get(run.job, False)
        if callable(fails):
            return fails(run)
        return fails if isinstance(fails, bool) else run.attempt <= fails

    def _verdict(self, one: _AtWork) -> Verdict:
        if one.error is None:
            gives = self._gives.get(one.run.job)
            return success(gives(one.run) if callable(gives) else gives)
        return after(one.error, one.run, one.spec.retry, self._clock.now(), one.spec.timeout)

    def _asked_to_stop(self) -> set[str]:
        if not self._at_work:
            return set()
        running = self._ledger.queries.runs(state=State.RUNNING, limit=len(self._at_work) + 1000)
        return {run.id for run in running if run.cancel_requested_at is not None}

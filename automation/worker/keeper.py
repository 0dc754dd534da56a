"""The worker's main process between messages: heartbeat, hard limits, lost children, leaving in order.

Owns: what Celery's timer calls, in the main process's one thread (a thread of ours could be forked while it holds a lock).
Never: runs a plugin; lets a child inherit a connection: what is open is closed before each fork.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from mmap import mmap
from typing import Any

from celery.worker import state as celery_state
from kombu.common import ignore_errors
from sqlalchemy.exc import SQLAlchemyError

from automation.clock import StepWatch
from automation.dispatch.rescue import hand_back, lose, rescue
from automation.errors import AutomationError, FailureClass, JobFailed
from automation.ledger.circuit import breaker_of
from automation.ledger.rows import RunRow
from automation.ledger.runs import Verdict
from automation.project.order import RunSpec
from automation.queue.door import Door
from automation.queue.message import run_of_message
from automation.runner.deliver import settle_unheard
from automation.runner.verdict import TimedOut, after, cancelled
from automation.services import Services
from automation.sight import Sight
from automation.text import count, format_duration, size
from automation.worker.children import Children
from automation.worker.memory import memory_of
from automation.worker.vigil import Vigil

_log = logging.getLogger(__name__)
_RESCUE_SECONDS = 1.0
_DELIVER_SECONDS = 10.0
_RING_AFTER = timedelta(seconds=1)
#: Beats in a row in which nobody works on a run before it is given up; a bit more than three seconds.
_LOOKS = 7
#: So many times the span between two renewals must have passed before a signal renews.
_LATE = 1.5


class Keeper:
    """Looks after the runs that this worker holds.

    Parameters
    ----------
    worker: Celery's WorkController.
    sight: this process, as it reports itself.
    leaving: one byte shared with the children; not zero tells them that the worker is stopping.

    `renew_every` is the span between two renewals of the leases, in seconds.
    """

    def __init__(self, services: Services, door: Door, worker: Any, sight: Sight, leaving: mmap) -> None:
        self._services, self._door, self._worker, self._sight = services, door, worker, sight
        self.children = Children(worker)
        self._vigil = Vigil(services, door, sight)
        self.renew_every = services.settings.lease.total_seconds() / 4
        self._renewed_at = self._rescued_at = self._delivered_at = float("-inf")
        self._watch = StepWatch(services.clock, services.settings.lease)
        self._leave_by: float | None = None
        self._leaving = leaving
        self._left = False
        self._unworked: dict[tuple[str, int], int] = {}
        self._with_ledger = self._is_renewing = False
        self._missed: set[str] = set()

    @contextmanager
    def _ledger_at_hand(self, otherwise: str = "The worker could not reach the ledger") -> Iterator[None]:
        """Around all that asks the ledger: a silent one is a warning, and is tried again with the next beat."""
        before, self._with_ledger = self._with_ledger, True
        try:
            yield
        except (SQLAlchemyError, AutomationError) as error:
            _log.warning("%s: %s", otherwise, error)
        finally:
            self._with_ledger = before

    def report(self) -> None:
        """The first sign of life."""
        with self._ledger_at_hand():
            self._sight.report(self._services.ledger.processes)

    def beat(self) -> None:
        """Twice a second: renew, end what is overdue, rescue what others lost."""
        with self._ledger_at_hand():
            self._hold()
            self._free_lost(listening=True)
            self._look_around()

    def beat_alone(self, *, children: bool) -> None:
        """While the broker is away: keep what this worker holds, and leave if told to; nobody can be rung.

        Parameters
        ----------
        children: whether those that died can be replaced, which takes an event loop that has run.
        """
        self._unworked.clear()
        with self._ledger_at_hand():
            self._hold()
            if children:
                self._free_lost(listening=False)
        self.leaving()

    def beat_late(self) -> None:
        """From a signal, while the beat does not come because somebody waits for a broker that says nothing: renew.

        Not while the ledger is being asked, be it by an earlier signal: the one thread that we have may hold what would be
        waited for, and one signal after the other would wait in the midst of the one before.
        """
        late = self._services.clock.monotonic() - self._renewed_at >= self.renew_every * _LATE
        if not late or self._is_renewing or (self._with_ledger and not self._door.is_asking):
            return
        self._is_renewing = True
        try:
            with self._ledger_at_hand():
                self._renew()
        finally:
            self._is_renewing = False

    def _renew(self) -> None:
        self._renewed_at = self._services.clock.monotonic()
        self._sight.report(self._services.ledger.processes)
        self._services.ledger.runs.renew(self._sight.name, self._services.settings.lease)

    def _hold(self) -> None:
        """Renew the leases of this worker's runs, and end those that are past their hard limit."""
        if self._services.clock.monotonic() - self._renewed_at >= self.renew_every:
            self._renew()
        for run in self._services.ledger.leases.overdue(self._sight.name):
            self._end(run)

    def _look_around(self) -> None:
        """Rescue and ring for what others left, and have due mails sent."""
        ledger, now = self._services.ledger, self._services.clock.monotonic()
        if now - self._rescued_at >= _RESCUE_SECONDS:
            self._rescued_at = now
            if ledger.leases.any_open():
                self._rescue()
        if self._leave_by is None:
            self._vigil.keep()
        if now - self._delivered_at >= _DELIVER_SECONDS:
            self._delivered_at = now
            settle_unheard(self._services)
            if ledger.sending.due(limit=1) or ledger.digests.due(limit=1):
                self._door.deliver(self._sight.info["queues"][0])

    def _rescue(self) -> None:
        ledger, sight = self._services.ledger, self._sight
        now, steady = self._services.clock.now(), self._watch.steady()
        freed = rescue(ledger, sight.host, sight.is_alive, now, judge_leases=steady)
        # The scheduler rings in time; what it left for so long, it is not there to ring for.
        self._door.ring(ledger, ledger.leases.unpublished(overdue=timedelta() if freed else _RING_AFTER))
        self._door.ring_silent(ledger)

    def _end(self, run: RunRow) -> None:
        """Past its hard limit."""
        spec = RunSpec.from_json(run.spec)
        verdict = after(TimedOut(), run, spec.retry, self._services.clock.now(), spec.timeout)
        since = "its timeout"
        if run.cancel_requested_at is not None:
            verdict, since = cancelled("cancelled, and killed when it did not stop"), "it was asked to stop"
        killed = f"killed: still running {format_duration(spec.kill_after)} after {since}"
        self._kill(run, replace(verdict, message=killed))

    def _end_too_large(self, run: RunRow) -> None:
        """End a run whose process holds more memory than its `max_memory`."""
        most = run.spec.get("max_memory", 0)
        held = memory_of(run.pid) if most and run.pid in self.children.pids else 0
        if held <= most:
            return
        spec = RunSpec.from_json(run.spec)
        error = JobFailed(f"killed: it held {size(held)} of memory, and max_memory = {size(most)}", FailureClass.MEMORY)
        self._kill(run, after(error, run, spec.retry, self._services.clock.now(), spec.timeout))

    def _kill(self, run: RunRow, verdict: Verdict) -> None:
        """The verdict first, which fences the child, then the child."""
        if self._services.ledger.runs.finish(run.id, run.attempt, verdict, breaker_of(run.spec)):
            _log.warning("Run %s of job %s was %s", run.id, run.job, verdict.message)
            # The pid of a child that has gone may be somebody else's by now.
            if run.pid in self.children.pids:
                self.children.end(run.pid)

    def _free_lost(self, *, listening: bool) -> None:
        """Runs that no child of ours works on go back, or are dead, at once; we would renew their lease for ever.

        The living are asked after, and not the dead: a child may be forked, claim and die between two beats.

        Parameters
        ----------
        listening: whether what the children say has been read since the last beat.
        """
        self.children.replace_the_dead()
        children = set(self.children.pids)
        ledger, now = self._services.ledger, self._services.clock.now()
        held = ledger.leases.held_by([self._sight.name])
        for run in held:
            self._end_too_large(run)
        abandoned = self._abandoned(held) if listening else []
        freed = [lose(ledger, run, f"its process {run.pid} died", now) for run in held if run.pid not in children]
        freed += [lose(ledger, run, f"its process {run.pid} could not write its verdict", now) for run in abandoned]
        if self._taken_along(children) or any(freed):
            self._door.ring(ledger, ledger.leases.unpublished())

    def _taken_along(self, children: Collection[int]) -> list[str]:
        """Runs whose message died with a child before it claimed them: they are to be rung for again at once.

        One that was claimed is not touched by it. Celery takes ten seconds to give the message of a dead child up.
        """
        dead = {one.id for one in celery_state.active_requests if one.worker_pid and one.worker_pid not in children}
        new, self._missed = dead - self._missed, dead
        found = [run_of_message(message) for message in new]
        self._services.ledger.runs.unpublish(found)
        return found

    def _abandoned(self, held: Sequence[RunRow]) -> list[RunRow]:
        """Runs that their child has turned away from: its verdict, or its claim, met a ledger that did not answer.

        A child says that it begins a moment before it claims, and that it is done after its verdict; what it says may
        lie unread for a while, so that a run is given up only after several looks.
        """
        busy = {run_of_message(request.id) for request in celery_state.active_requests}
        idle = {(run.id, run.attempt): run for run in held if run.id not in busy}
        self._unworked = {key: self._unworked.get(key, 0) + 1 for key in idle}
        return [idle[key] for key, looks in self._unworked.items() if looks >= _LOOKS]

    def leave(self, *, at_once: bool = False) -> None:
        """Take no new work; let runs end within the grace time, or not at all. A second call ends the wait."""
        clock, patient = self._services.clock, self._leave_by is None and not at_once
        grace = self._services.settings.grace.total_seconds() if patient else 0.0
        self._leave_by = clock.monotonic() + grace
        self._stop_consuming()
        self._leaving[0] = 1

    def leaving(self) -> None:
        """Called often: end the process once nothing runs, or when the grace time is over."""
        if self._leave_by is None or self._left:
            return
        busy = celery_state.active_requests
        if busy and self._services.clock.monotonic() < self._leave_by:
            return
        self._left = True
        # First, so that none claims a run behind our back; an idle one would take a second to say goodbye.
        logging.getLogger("multiprocessing").setLevel(logging.CRITICAL)
        self.children.end_all()
        with self._ledger_at_hand("Runs of this worker wait for their lease"):
            self._give_back()
        # False is how Celery spells "not yet"; the exit code 0 is a reason to stop.
        celery_state.should_stop = os.EX_OK  # type: ignore[assignment]

    def _give_back(self) -> None:
        ledger, now = self._services.ledger, self._services.clock.now()
        back = hand_back(ledger, ledger.leases.held_by([self._sight.name]), now)
        ledger.runs.unpublish([run_of_message(request.id) for request in celery_state.reserved_requests])
        self._door.ring(ledger, ledger.leases.unpublished())
        ledger.processes.stopped(self._sight.name)
        if back:
            _log.info("%s handed back to the queue", count(len(back), "run"))

    def _stop_consuming(self) -> None:
        consumer = self._worker.consumer
        if consumer is not None and consumer.task_consumer is not None:
            # Without a broker there is nothing to take from it.
            ignore_errors(consumer, consumer.task_consumer.cancel)

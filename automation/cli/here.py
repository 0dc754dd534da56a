"""`run --here`: attempt after attempt of a run, and of what follows it, in this process.

Owns: the limits of such a run, which has no process above it; how long this waits for a turn; what is said of a run that
is put off for longer.
Never: records a run; is imported for `--help`.
"""

from __future__ import annotations

import logging
import os
import threading
from datetime import datetime, timedelta

from sqlalchemy.exc import SQLAlchemyError

from automation.cli.output import notice
from automation.errors import Refused
from automation.ledger.circuit import breaker_of
from automation.ledger.rows import RunRow
from automation.ledger.runs import Claimant
from automation.ledger.states import OPEN, Outcome
from automation.project.order import RunSpec
from automation.runner.attempt import attempt
from automation.runner.deliver import deliver_quietly
from automation.runner.entries import longest
from automation.runner.verdict import TimedOut, after
from automation.services import Services
from automation.sight import Sight
from automation.text import format_duration, local_time

_log = logging.getLogger(__name__)
_POLL_SECONDS = 0.05
_MOST = 100_000
#: A turn that comes later than that is left to a worker, unless `--wait` was said.
_LONGEST_WAIT = timedelta(minutes=1)


def do_here(services: Services, run: RunRow, *, patient: bool) -> RunRow:
    """Attempt after attempt until the run has ended, under its limits and its retry policy; then what follows it.

    Parameters
    ----------
    patient: wait for a next attempt however late it is; else one that is put off for long is left as it is, and with it
        what follows.
    """
    sight = Sight("here", {"job": run.job})
    sight.report(services.ledger.processes)
    guard = Guard(services, sight)
    guard.start()
    try:
        found = last = _to_its_end(services, run, sight, patient=patient)
        while last.state not in OPEN and run.flow is not None and (following := open_of(services, run.flow)):
            last = _to_its_end(services, following[0], sight, patient=patient)
    finally:
        guard.stop()
        services.ledger.processes.stopped(sight.name)
    return last if last.state in OPEN else found


def tell_put_off(services: Services, run: RunRow) -> int:
    """Say when a run that did not end here goes on, and by whom; returns the exit code: 1 after a failure, else 3."""
    turn = _turn(services, run)
    when = "" if turn is None else f" until {local_time(turn)}"
    notice(
        f"Run {run.id} of {run.job} waits{when}: a worker goes on with it (automation up). `--wait` waits for it here; "
        f"`automation cancel {run.id}` takes it back"
    )
    last = services.ledger.queries.attempts(run.id)[-1:]
    failed = any(one.outcome in (Outcome.FAILED, Outcome.TIMED_OUT, Outcome.LOST) for one in last)
    return 1 if failed else Refused.exit_code


def _to_its_end(services: Services, run: RunRow, sight: Sight, *, patient: bool) -> RunRow:
    found = _attempts(services, run, sight, patient=patient)
    # An attempt sends the first of its mails; here nobody comes for the others.
    while deliver_quietly(services, run.id):
        pass
    return found


def open_of(services: Services, flow: str) -> list[RunRow]:
    """The runs of a flow that have not ended, those that fall due first."""
    some = services.ledger.queries.runs(flow=flow, limit=_MOST)
    return sorted((one for one in some if one.state in OPEN), key=lambda one: (one.due_at, one.flow_index or 0))


def _attempts(services: Services, run: RunRow, sight: Sight, *, patient: bool) -> RunRow:
    claimant, told = Claimant(sight.name, os.getpid()), None
    while True:
        attempt(services, run.id, claimant)
        found = services.ledger.queries.run(run.id)
        if found.state not in OPEN:
            return found
        turn, now = _turn(services, found), services.clock.now()
        if turn is not None and turn - now > _LONGEST_WAIT and not patient:
            return found
        pause = 1.0 if found.waits_on or turn is None else (turn - now).total_seconds()
        if (pause > 1 or found.waits_on) and found.reason != told:
            notice(f"{found.reason}. Ctrl-C leaves the rest to a worker")
            told = found.reason
        # A worker may have been quicker; then this follows what it does.
        services.clock.sleep(max(pause, _POLL_SECONDS))


def _turn(services: Services, run: RunRow) -> datetime | None:
    """When the run may go on, as far as anybody knows."""
    if run.waits_on is None:
        return run.due_at
    standing = services.ledger.leases.standing(run)
    return None if standing is None or standing.wait is None else standing.wait.until


class Guard:
    """Renews the lease of a run that is done here, and ends the process at the run's hard limit."""

    def __init__(self, services: Services, sight: Sight) -> None:
        self._services, self._sight = services, sight
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True, name="guard")

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """The run has ended."""
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(min(self._services.settings.lease.total_seconds() / 4, 1.0)):
            try:
                self._look()
            except SQLAlchemyError as error:
                # Whoever stops watching loses the lease, and another process does the run a second time.
                _log.warning("The ledger does not answer, the lease is renewed later: %s", error)

    def _look(self) -> None:
        ledger = self._services.ledger
        ledger.runs.renew(self._sight.name, self._services.settings.lease)
        for run in ledger.leases.overdue(self._sight.name):
            spec = RunSpec.from_json(run.spec)
            verdict = after(TimedOut(), run, spec.retry, self._services.clock.now(), spec.timeout)
            if not ledger.runs.finish(run.id, run.attempt, verdict, breaker_of(run.spec)):
                continue
            ledger.processes.stopped(self._sight.name)
            notice(f"Run {run.id} was still running {format_duration(longest(run))} after its start; it was ended")
            os._exit(1)

"""What becomes of a fire that finds its job at work.

Owns: the modes skip, queue_one, queue_all, cancel_running and allow, within `max_running` and `max_queued`.
Never: stops or withdraws a run; it names those that are to be.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from automation.ledger.rows import OpenRun
from automation.ledger.states import Kind, State
from automation.project.model import Job
from automation.text import count


class Places:
    """The places of an overlap key, while fire after fire of one job is decided.

    A run holds a place once it has begun; a run that waits takes one that is free. `queue_one` and `cancel_running`
    let as many runs of the job wait as there are free places, and one when there is none: the newest. `queue_all` lets
    `max_queued` more wait.

    Parameters
    ----------
    open_runs: the runs that hold a place or wait for one, the oldest first.
    keep_caught_up: runs that are caught up are all wanted, so that none is withdrawn for a newer one.
    """

    def __init__(self, job: Job, open_runs: Sequence[OpenRun], *, keep_caught_up: bool = False) -> None:
        self._job, self._overlap, self._keep = job, job.overlap, keep_caught_up
        self._held = [run for run in open_runs if not run.waits]
        self._waiting = [run for run in open_runs if run.waits]
        self.cancel: list[str] = []
        self.supersede: dict[str, str] = {}

    def enter(self, run_id: str, now: datetime, *, kind: Kind = Kind.SCHEDULED) -> str | None:
        """Let a run in; why it is skipped when it may not.

        One that is caught up and wanted waits whatever the mode, and nothing is stopped or withdrawn for it.
        """
        patient = self._keep and kind is Kind.CATCHUP
        held, overtaken = self._held, [] if patient else self._yielding()
        self._held = [run for run in held if run not in overtaken]
        refused = None if patient else self._refusal()
        if refused is not None:
            self._held = held
        else:
            self.supersede.update(dict.fromkeys([run.id for run in overtaken], run_id))
            self._waiting.append(OpenRun(run_id, self._job.name, State.QUEUED, 0, now, kind))
            if not patient:
                self._make_room(run_id)
        return refused

    def _yielding(self) -> list[OpenRun]:
        """Runs of earlier fires that wait for their next attempt, where they give it up for a new fire."""
        if not self._job.retry.retry_until_next:
            return []
        waits = [run for run in self._held if run.state is State.RETRYING and run.job == self._job.name]
        yielding = (Kind.SCHEDULED,) if self._keep else (Kind.SCHEDULED, Kind.CATCHUP)
        return [run for run in waits if run.kind in yielding]

    @property
    def _free(self) -> int:
        """Places that no run holds."""
        return max(self._overlap.max_running - len(self._held), 0)

    def _refusal(self) -> str | None:
        if self._overlap.mode == "skip" and len(self._waiting) >= self._free:
            first = (self._held + self._waiting)[0]
            whose = "this job" if first.job == self._job.name else f"job {first.job}"
            more = "" if self._overlap.max_running == 1 else f", and max_running is {self._overlap.max_running}"
            return f"overlap: run {first.id} of {whose} was still open{more}"
        if self._overlap.mode == "queue_all" and len(self._waiting) >= self._free + self._overlap.max_queued:
            return f"queue full: {count(len(self._waiting) - self._free, 'run')} waited, and max_queued is {self._overlap.max_queued}"
        return None

    def _make_room(self, run_id: str) -> None:
        if self._overlap.mode not in ("queue_one", "cancel_running"):
            return
        if self._overlap.mode == "cancel_running" and not self._free:
            self._stop(len(self._held) - self._overlap.max_running + 1)
        mine = [run for run in self._waiting[:-1] if run.job == self._job.name]
        older = [run for run in mine if not (self._keep and run.kind is Kind.CATCHUP)]
        for run in older[: max(len(older) + 1 - max(self._free, 1), 0)]:
            self._waiting.remove(run)
            self.supersede[run.id] = run_id

    def _stop(self, number: int) -> None:
        """Ask the oldest runs to stop; each is asked once."""
        for run in self._held[:number]:
            if run.id not in self.cancel:
                self.cancel.append(run.id)

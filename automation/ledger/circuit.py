"""The circuit of a breaker: closed, open, half open; a pure function from what ended to what follows.

Owns: when it opens, who tries again and when, what closes it; the shape that a run's spec keeps of a breaker.
Never: knows a row, or reads the clock.

    closed ── so many failures in a row ──► open ── open_for later, one run ──► half open
      ▲                                      ▲                                     │
      └──────────── it succeeds ─────────────┼──────── it fails: open again ───────┤
                                             └── it ends without an answer: the next one tries at once
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from automation.errors import FailureClass
from automation.retry import Failure


class Circuit(StrEnum):
    """What a breaker lets through: everything, nothing, or one run that tries."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Answer(StrEnum):
    """What the end of an attempt says of the other side; nothing, when it was interrupted, cancelled or put off."""

    GOOD = "good"
    BAD = "bad"
    NONE = "none"


@dataclass(frozen=True)
class Breaker:
    """What a run's spec keeps of its job's breaker.

    Parameters
    ----------
    key: what it counts by.
    failures: so many in a row open it.
    open_for: how long it stays so before one run tries.
    on: failure classes and codes that count; none named is every one.
    """

    key: str
    failures: int
    open_for: timedelta
    on: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The form in a run's spec."""
        seconds = self.open_for.total_seconds()
        return {"key": self.key, "failures": self.failures, "open_for": seconds, "on": list(self.on)}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Breaker:
        """Read it back."""
        return cls(stored["key"], stored["failures"], timedelta(seconds=stored["open_for"]), tuple(stored["on"]))

    def counts(self, failure_class: str, code: str | None) -> bool:
        """Whether a failure counts."""
        failure = Failure(FailureClass(failure_class), "", code or "")
        return not self.on or any(failure.matches(pattern) for pattern in self.on)


@dataclass(frozen=True)
class Position:
    """How a breaker stands.

    Parameters
    ----------
    streak: failures in a row while it is closed; at its opening, how many opened it.
    since: when it opened.
    tries_at: from when on one run may try.
    probe, probe_attempt: the run that tries, and with which attempt.
    reason: the failure that opened it.
    """

    circuit: Circuit = Circuit.CLOSED
    streak: int = 0
    since: datetime | None = None
    tries_at: datetime | None = None
    probe: str | None = None
    probe_attempt: int | None = None
    reason: str | None = None

    def lets_in(self, now: datetime, *, probe_at_work: bool) -> bool | None:
        """None: everybody may begin. True: one may, and tries. False: nobody.

        Parameters
        ----------
        probe_at_work: whether the attempt that tries is still at work; one that is gone without a word has not tried.
        """
        if self.circuit is Circuit.CLOSED:
            return None
        if self.circuit is Circuit.HALF_OPEN:
            return not probe_at_work
        return self.tries_at is None or self.tries_at <= now

    def try_with(self, run_id: str, attempt: int) -> Position:
        """One run begins and tries."""
        return replace(self, circuit=Circuit.HALF_OPEN, probe=run_id, probe_attempt=attempt)

    def after(self, answer: Answer, run_id: str, attempt: int, breaker: Breaker, now: datetime, why: str) -> Position:
        """What follows the end of an attempt.

        While it is open, what had begun before says nothing; while one run tries, the others say nothing.
        """
        if self.circuit is Circuit.CLOSED:
            return self._counted(answer, breaker, now, why)
        if self.circuit is Circuit.OPEN or (self.probe, self.probe_attempt) != (run_id, attempt):
            return self
        if answer is Answer.GOOD:
            return Position()
        wait = breaker.open_for if answer is Answer.BAD else timedelta()
        reason = why if answer is Answer.BAD else self.reason
        return Position(Circuit.OPEN, self.streak, self.since, now + wait, reason=reason)

    def _counted(self, answer: Answer, breaker: Breaker, now: datetime, why: str) -> Position:
        if answer is Answer.GOOD:
            return Position()
        if answer is Answer.NONE:
            return self
        streak = self.streak + 1
        if streak < breaker.failures:
            return replace(self, streak=streak, reason=why)
        return Position(Circuit.OPEN, streak, now, now + breaker.open_for, reason=why)


def breaker_of(spec: Mapping[str, Any]) -> Breaker | None:
    """The breaker of a run, by its spec."""
    stored = spec.get("breaker")
    return None if stored is None else Breaker.from_json(stored)

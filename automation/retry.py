"""Retry policies: what follows a failed attempt, as a pure function of the failure and the moment.

Owns: the policy's values, back-off and jitter, and which failures no further attempt can help.
Never: waits, reads the clock, or writes a row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

from automation.errors import FailureClass
from automation.text import count, format_duration, parse_duration

BACKOFFS = ("exponential", "linear", "constant")
#: Each with the part of the wait that chance leaves untouched.
_LEAST = {"full": 0.0, "equal": 0.5, "none": 1.0}
JITTERS = tuple(_LEAST)
ON_EXHAUSTED = ("dead_letter", "discard")
#: What the reason of a dead run begins with that is no dead letter.
DISCARDED = "discarded: "
#: In place of a duration: there is no limit.
UNLIMITED = "none"
#: No wait that a plugin or another side names reaches beyond the years that a date can have.
_LONGEST = timedelta(days=36525)
#: Failures that the same attempt made again cannot mend, unless `retry_on` names them.
HOPELESS = (
    FailureClass.CONFIG,
    FailureClass.AUTH,
    FailureClass.PARSE_DRIFT,
    FailureClass.SMTP_PERMANENT,
    "http:404",
    "http:410",
)


@dataclass(frozen=True)
class Failure:
    """What went wrong in an attempt.

    Parameters
    ----------
    code: a refinement such as `http:404`, or the dotted name of the exception.
    retry_after: the least wait that the other side asked for.
    at_least: the least wait that the plugin asked for.
    """

    failure_class: FailureClass
    message: str
    code: str = ""
    retry_after: timedelta | None = None
    at_least: timedelta | None = None
    final: bool = False

    def matches(self, pattern: str) -> bool:
        """Whether a pattern of `retry_on` or `give_up_on` names this failure: class, code, or `http:5xx`."""
        if pattern in (self.failure_class, self.code):
            return True
        return pattern.endswith("xx") and self.code.startswith(pattern[:-2]) and len(self.code) == len(pattern)


@dataclass(frozen=True)
class Decision:
    """What follows: another attempt at `retry_at`, or none, and why.

    Parameters
    ----------
    failure_class: what the failure is after all, where that is not what it was taken for.
    """

    retry_at: datetime | None
    reason: str
    failure_class: FailureClass | None = None


@dataclass(frozen=True)
class RetryPolicy:
    """How often and when a failed run is tried again.

    Parameters
    ----------
    max_attempts: the first attempt included.
    backoff: `exponential`, `linear`, `constant`, or the waits themselves, the last of which repeats.
    jitter: `full` (between nothing and the wait), `equal` (between half and the whole), `none`.
    max_lost: attempts that may be lost with their worker before the run is dead.
    respect_retry_after: wait at least as long as the other side asks.
    retry_after_max: who asks for more than this is not asked again.
    total_deadline: no attempt is planned for later than this after the run was queued.
    max_snoozes: so often a run may put itself off without spending an attempt.
    retry_until_next: a run that waits for its next attempt makes way for the next fire.
    on_exhausted: what becomes of a run without a further attempt: `dead_letter`, or `discard`.
    """

    max_attempts: int = 3
    backoff: str | tuple[timedelta, ...] = "exponential"
    first: timedelta = timedelta(seconds=30)
    factor: float = 2.0
    max_delay: timedelta = timedelta(hours=1)
    jitter: str = "full"
    retry_on: tuple[str, ...] = ()
    give_up_on: tuple[str, ...] = ()
    max_lost: int = 3
    respect_retry_after: bool = True
    retry_after_max: timedelta = timedelta(hours=6)
    total_deadline: timedelta | None = None
    max_snoozes: int = 20
    retry_until_next: bool = False
    on_exhausted: str = "dead_letter"

    def wait(self, spent: int, random: Random) -> timedelta:
        """The time to wait after `spent` attempts (from 1)."""
        return self._longest_wait(spent) * random.uniform(_LEAST[self.jitter], 1.0)

    @property
    def too_late(self) -> timedelta | None:
        """The shortest wait before a second attempt, where `total_deadline` does not even leave room for that."""
        shortest = self._longest_wait(1) * _LEAST[self.jitter]
        hopeless = self.max_attempts > 1 and self.total_deadline is not None and shortest >= self.total_deadline
        return shortest if hopeless else None

    def _longest_wait(self, spent: int) -> timedelta:
        if isinstance(self.backoff, tuple):
            base = self.backoff[min(spent, len(self.backoff)) - 1]
        elif self.backoff == "constant":
            base = self.first
        else:
            base = self._grown(spent)
        return min(base, self.max_delay)

    def _grown(self, spent: int) -> timedelta:
        """The linear or exponential wait; one beyond all numbers is `max_delay` as well."""
        try:
            return self.first * (spent if self.backoff == "linear" else float(self.factor) ** (spent - 1))
        except OverflowError:
            return self.max_delay

    def after_failure(
        self, failure: Failure, *, spent: int, now: datetime, random: Random, since: datetime | None = None
    ) -> Decision:
        """What follows a failure, when `spent` attempts were made, this one included.

        Parameters
        ----------
        since: when the run was queued, which `total_deadline` counts from.
        """
        hopeless = self._hopeless(failure)
        if hopeless:
            return self._end(hopeless)
        if spent >= self.max_attempts:
            return self._end(f"{count(spent, 'attempt')} spent; last: {failure.message}")
        asked = failure.retry_after or timedelta()
        if self.respect_retry_after and asked > self.retry_after_max:
            limit = f"retry_after_max is {format_duration(self.retry_after_max)}"
            told = f"throttled: the other side asks to wait {format_duration(asked)}, and {limit}: {failure.message}"
            return self._end(told, FailureClass.THROTTLED)
        least = max(asked if self.respect_retry_after else timedelta(), failure.at_least or timedelta())
        wait = max(self.wait(spent, random), min(least, _LONGEST))
        reason = f"attempt {spent} of {self.max_attempts} failed; again in {format_duration(wait)}"
        return self._in_time(now + wait, since, reason, failure.message)

    def after_snooze(
        self, after: timedelta, why: str, *, snoozed: int, now: datetime, since: datetime | None = None
    ) -> Decision:
        """What follows when the plugin puts its run off, which it did `snoozed` times before."""
        told = f": {why}" if why else ""
        if snoozed >= self.max_snoozes:
            return self._end(f"snoozed {count(snoozed, 'time')}, and max_snoozes is {self.max_snoozes}{told}")
        wait = min(after, _LONGEST)
        reason = f"snoozed for {format_duration(wait)}{told}"
        return self._in_time(now + wait, since, reason, f"put off for {format_duration(wait)}{told}")

    def after_loss(self, why: str, *, lost: int, now: datetime, since: datetime | None = None) -> Decision:
        """What follows when an attempt was lost with its worker, the `lost`-th of the run."""
        if lost >= self.max_lost:
            return self._end(f"{count(lost, 'attempt')} lost with their worker; last: {why}")
        return self._in_time(now, since, f"lost: {why}", why)

    def _hopeless(self, failure: Failure) -> str | None:
        """Why no further attempt helps, however many are left."""
        if failure.final:
            return f"given up: {failure.message}"
        for pattern in self.give_up_on:
            if failure.matches(pattern):
                return f"given up on {pattern}: {failure.message}"
        wanted = any(failure.matches(pattern) for pattern in self.retry_on)
        if not wanted and any(failure.matches(pattern) for pattern in HOPELESS):
            return f"no retry helps ({failure.code or failure.failure_class}): {failure.message}"
        return None

    def _in_time(self, moment: datetime, since: datetime | None, reason: str, last: str) -> Decision:
        """An attempt at this moment, unless that is after the run's total deadline."""
        if self.total_deadline is None or since is None or moment < since + self.total_deadline:
            return Decision(moment, reason)
        limit = format_duration(self.total_deadline)
        return self._end(f"no attempt can begin within its total_deadline of {limit}; last: {last}")

    def _end(self, reason: str, failure_class: FailureClass | None = None) -> Decision:
        return Decision(None, (DISCARDED if self.on_exhausted == "discard" else "") + reason, failure_class)

    def to_json(self) -> dict[str, Any]:
        """The policy as TOML says it; `from_mapping` reads it back."""
        backoff = self.backoff if isinstance(self.backoff, str) else [_span(wait) for wait in self.backoff]
        return {
            "max_attempts": self.max_attempts,
            "backoff": backoff,
            "first": _span(self.first),
            "factor": self.factor,
            "max_delay": _span(self.max_delay),
            "jitter": self.jitter,
            "retry_on": list(self.retry_on),
            "give_up_on": list(self.give_up_on),
            "max_lost": self.max_lost,
            "respect_retry_after": self.respect_retry_after,
            "retry_after_max": _span(self.retry_after_max),
            "total_deadline": UNLIMITED if self.total_deadline is None else _span(self.total_deadline),
            "max_snoozes": self.max_snoozes,
            "retry_until_next": self.retry_until_next,
            "on_exhausted": self.on_exhausted,
        }

    @classmethod
    def from_mapping(cls, table: Mapping[str, Any]) -> RetryPolicy:
        """A policy from checked TOML values; durations are strings."""
        values = dict(table)
        for name in ("first", "max_delay", "retry_after_max", "total_deadline"):
            if name in values:
                values[name] = None if values[name] == UNLIMITED else parse_duration(values[name])
        if isinstance(values.get("backoff"), list):
            values["backoff"] = tuple(parse_duration(wait) for wait in values["backoff"])
        for name in ("retry_on", "give_up_on"):
            if name in values:
                values[name] = tuple(values[name])
        return cls(**values)


def _span(span: timedelta) -> str:
    return f"{span.total_seconds():.6f}".rstrip("0").rstrip(".") + "s"

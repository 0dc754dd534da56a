"""The line of figures of a torment.

Owns: counting violations, and how long what was struck took to recover.
Never: judges.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from tests.faults import oracle
from tests.faults.evidence import Evidence
from tests.faults.oracle import Violation
from tests.faults.strikes import Strike

_PID = re.compile(r"^worker@.*-(\d+)-[0-9a-f]{6}$")
#: What hits every process that works.
_FOR_ALL = {"ledger", "broker freeze", "broker kill"}
_AFTERMATH = timedelta(seconds=10)
KINDS = (
    "lost",
    "double",
    "unrecorded",
    "outside",
    "unfounded",
    "missing",
    "stale",
    "unexplained",
    "together",
    "left over",
)


def line(evidence: Evidence, strikes: Sequence[Strike], takeovers: Sequence[float], found: Sequence[Violation]) -> str:
    """All figures, on one line."""
    kinds = Counter(strike.kind for strike in strikes)
    states = Counter(run.state for run in evidence.runs)
    broken = Counter(violation.kind for violation in found)
    parts = [
        f"occurrences {len(evidence.occurrences)} ({_counts(states)})",
        f"strikes {len(strikes)} ({_counts(kinds)})",
        *(f"{kind} {broken.pop(kind, 0)}" for kind in KINDS),
        *(f"{kind} {number}" for kind, number in broken.items()),
        f"in doubt {len(oracle.in_doubt(evidence))}",
        f"fenced {fenced(evidence)}",
        f"unprovoked {unprovoked(evidence, strikes)}",
        f"take-over s {_spread(takeovers)}",
        *(f"recovery after {kind} s {_spread(spans)}" for kind, spans in sorted(recoveries(evidence, strikes).items())),
        f"start after due s {_spread(delays(evidence))}",
    ]
    return " · ".join(parts)


def fenced(evidence: Evidence) -> int:
    """Attempts that came to their end after they had been given up, and whose verdict nobody took."""
    gone = {(one.run_id, one.attempt) for one in evidence.attempts if one.outcome in ("lost", "interrupted")}
    return sum(line.what == "ended" and (line.run, line.attempt) in gone for line in evidence.lines)


def unprovoked(evidence: Evidence, strikes: Sequence[Strike]) -> int:
    """Attempts that were given up though nothing had struck their process, nor what it needs; not wrong, and a pity."""

    def struck(one: oracle.Attempt, strike: Strike) -> bool:
        ended, back = one.finished_at or strike.at, (strike.back or strike.at) + _AFTERMATH
        concerns = strike.kind in _FOR_ALL or bool(_pids(one) & set(strike.pids))
        return concerns and strike.at <= ended and back >= one.started_at

    gone = [one for one in evidence.attempts if one.outcome == "lost"]
    return sum(not any(struck(one, strike) for strike in strikes) for one in gone)


def delays(evidence: Evidence) -> list[float]:
    """From each run's nominal time to its first start."""
    return [(run.started_at - run.nominal_time).total_seconds() for run in evidence.runs if run.started_at]


def recoveries(evidence: Evidence, strikes: Sequence[Strike]) -> dict[str, list[float]]:
    """Kind of strike → seconds.

    Where attempts were lost with a process: from the strike to the next attempt of each of their runs. Where all wait
    for what was struck: from its return to the first start of a run that was decided after it.
    """
    following = {(one.run_id, one.attempt): one.started_at for one in evidence.attempts}
    spans: defaultdict[str, list[float]] = defaultdict(list)
    for strike in strikes:
        if strike.kind.startswith(("worker", "child")):
            for one in evidence.attempts:
                again = following.get((one.run_id, one.attempt + 1))
                if again and one.outcome in ("lost", "interrupted") and _hit(strike, one):
                    spans[strike.kind].append((again - strike.at).total_seconds())
        elif strike.back is not None and (moment := _first_start_after(evidence, strike.back)):
            spans[strike.kind].append((moment - strike.back).total_seconds())
    return dict(spans)


def _hit(strike: Strike, attempt: oracle.Attempt) -> bool:
    ended = attempt.finished_at or strike.at
    return bool(_pids(attempt) & set(strike.pids)) and attempt.started_at <= strike.at <= ended


def _pids(attempt: oracle.Attempt) -> set[int]:
    """The child that worked on it, and the child's worker."""
    named = _PID.match(attempt.worker)
    return {attempt.pid, int(named.group(1))} if named else {attempt.pid}


def _first_start_after(evidence: Evidence, moment: datetime) -> datetime | None:
    starts = [run.started_at for run in evidence.runs if run.started_at and run.queued_at > moment]
    return min(starts, default=None)


def _counts(counted: Counter[str]) -> str:
    return ", ".join(f"{name} {number}" for name, number in sorted(counted.items()))


def _spread(values: Sequence[float]) -> str:
    """Median / 99th percentile / largest."""
    if not values:
        return "–"
    ordered = sorted(values)
    chosen = (ordered[(len(ordered) - 1) // 2], ordered[min(len(ordered) * 99 // 100, len(ordered) - 1)], ordered[-1])
    return "/".join(f"{value:.1f}" for value in chosen) + f" (of {len(ordered)})"

"""The oracle: what must hold of a ledger and an effect log, whatever died meanwhile.

Owns: the expected nominal times by a second implementation, and one function for each promise.
Never: imports `automation`.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tests.faults.evidence import Attempt, Evidence, Line, Plan, Run

FINAL = {"succeeded", "dead", "cancelled", "expired", "skipped", "missed"}
#: Outcomes after which another attempt is right.
REASONS = {"failed", "lost", "interrupted", "timed_out"}
#: A fire that is decided sooner than this after its time may not be called missed.
GRACE = timedelta(seconds=60)
#: A verdict bears the moment at which its worker asked to write; so long it may have waited for its turn until it counted.
TURN = timedelta(seconds=10)
_NAMED = re.compile(r"run ([a-z2-7]{20})\b")


@dataclass(frozen=True)
class Violation:
    """A promise that was broken; `kind` is the word that the line of figures counts it under."""

    kind: str
    what: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.what}"


def judge(evidence: Evidence) -> list[Violation]:
    """Every promise that the evidence shows broken."""
    return [
        *((Violation("unrecorded", what)) for what in unrecorded(evidence)),
        *((Violation("outside", what)) for what in outside(evidence)),
        *((Violation("lost", what)) for what in lost(evidence)),
        *((Violation("unfounded", what)) for what in unfounded(evidence)),
        *((Violation("double", what)) for what in double(evidence)),
        *((Violation("missing", what)) for what in missing(evidence)),
        *((Violation("stale", what)) for what in stale(evidence)),
        *((Violation("unexplained", what)) for what in unexplained(evidence)),
        *((Violation("together", what)) for what in together(evidence)),
        *((Violation("left over", what)) for what in evidence.left_over),
    ]


def expected(plan: Plan, since: datetime, until: datetime) -> list[datetime]:
    """The nominal times of a schedule: each second of the span is looked at."""
    if not plan.seconds:
        return []
    first, last = int(since.timestamp()), int(until.timestamp())
    moments = (datetime.fromtimestamp(second, UTC) for second in range(first, last + 1) if second % plan.seconds == 0)
    return [moment for moment in moments if since < moment <= until]


def unrecorded(evidence: Evidence) -> Iterator[str]:
    """Nominal times of the span without a decision, or without a run."""
    decided = {(one.job, one.schedule, one.nominal_time): one.run_id for one in evidence.occurrences}
    ids = {run.id for run in evidence.runs}
    for plan in evidence.plans:
        for moment in expected(plan, evidence.since, evidence.until):
            run_id = decided.get((plan.job, plan.schedule, moment))
            if run_id is None:
                yield f"{plan.job}/{plan.schedule} at {moment:%H:%M:%S} was never decided"
            elif run_id not in ids:
                yield f"{plan.job}/{plan.schedule} at {moment:%H:%M:%S} was decided, and its run {run_id} is not there"
    yield from (f"run {run_id} was asked for, and is not there" for run_id in evidence.asked if run_id not in ids)


def outside(evidence: Evidence) -> Iterator[str]:
    """Decisions and runs at times that no rule names, second ones at the same time, and runs that nobody asked for."""
    seconds = {(plan.job, plan.schedule): plan.seconds for plan in evidence.plans}
    for name, rows in (("decision", evidence.occurrences), ("run", evidence.runs)):
        often = Counter((row.job, row.schedule, row.nominal_time) for row in rows if row.schedule is not None)
        for (job, schedule, moment), times in often.items():
            where = f"{name} for {job}/{schedule} at {moment.isoformat()}"
            if times > 1:
                yield f"{times} times a {where}"
            step = seconds.get((job, schedule))
            if step is None or moment <= evidence.since or moment.timestamp() % step:
                yield f"a {where}, which its rule does not name"
    by_hand = {run.id for run in evidence.runs if run.schedule is None}
    yield from (f"run {run_id}, which nobody asked for" for run_id in sorted(by_hand - set(evidence.asked)))


def lost(evidence: Evidence) -> Iterator[str]:
    """Runs that have not ended when everything had its time, and ones that succeeded without having done anything."""
    done = {(line.run, line.attempt) for line in evidence.lines if line.what == "ended"}
    for run in evidence.runs:
        if run.state not in FINAL:
            said = "has a message out" if run.published_at else "has no message"
            yield f"{_of(run)} is still {run.state} after {run.attempt} attempts and {said}"
        if run.state == "succeeded" and (run.id, run.attempt) not in done:
            yield f"{_of(run)} succeeded in attempt {run.attempt}, which never came to its end"


def unfounded(evidence: Evidence) -> Iterator[str]:
    """Runs that were missed, skipped, or given up, though nothing asked for that."""
    decided = {one.run_id: one.decided_at for one in evidence.occurrences}
    by_id = {run.id: run for run in evidence.runs}
    bearable = {plan.job: plan.max_lost for plan in evidence.plans}
    queues = {plan.job: plan.max_queued for plan in evidence.plans}
    for run in evidence.runs:
        if run.state == "missed" and decided.get(run.id, run.queued_at) - run.nominal_time <= GRACE:
            yield f"{_of(run)} was missed, though it was decided within {GRACE}"
        full = queues.get(run.job) and _open_beside(run, evidence.runs) >= queues[run.job]
        if run.state == "skipped" and not full and not _was_in_the_way(run, by_id):
            yield f"{_of(run)} was skipped, and nothing was in its way: {run.reason}"
        if run.state == "dead" and run.spent < run.max_attempts and run.losses < bearable.get(run.job, Plan.max_lost):
            yield f"{_of(run)} was given up after {run.spent} of {run.max_attempts} attempts and {run.losses} losses"
        if run.state in ("cancelled", "expired"):
            yield f"{_of(run)} was {run.state}, which nobody asked for: {run.reason}"


def double(evidence: Evidence) -> Iterator[str]:
    """Effects, mails and counts that happened more often than once for their occurrence."""
    often = Counter(line.run for line in evidence.lines if line.what == "effect")
    yield from (f"run {run} had its effect {times} times" for run, times in often.items() if times > 1)
    mails = Counter(evidence.mails)
    yield from (f"run {run} has {times} mails" for run, times in mails.items() if times > 1)
    for plan, succeeded in _counting(evidence):
        if evidence.counted.get(plan.job, 0) > len(succeeded):
            yield f"{plan.job} counted {evidence.counted[plan.job]} for {len(succeeded)} runs that succeeded"
        succeeded_ids = {run.id for run in succeeded}
        wrong = [run for run in evidence.runs if run.job == plan.job and run.id not in succeeded_ids and mails[run.id]]
        yield from (f"{_of(run)} is {run.state}, and has a mail" for run in wrong)


def missing(evidence: Evidence) -> Iterator[str]:
    """Effects that are not there although their run succeeded.

    `ctx.once` remembers before the effect happens. An attempt that dies in between leaves it undone, which is what the
    promise says; it is right only where an attempt before the last did not succeed.
    """
    effects = {line.run for line in evidence.lines if line.what == "effect"}
    for run in evidence.runs:
        if run.state == "succeeded" and run.id not in effects and run.attempt == 1:
            yield f"{_of(run)} succeeded at the first attempt without its effect"
    mails = set(evidence.mails)
    for plan, succeeded in _counting(evidence):
        yield from (f"{_of(run)} succeeded, and its mail is not there" for run in succeeded if run.id not in mails)
        if evidence.counted.get(plan.job, 0) < len(succeeded):
            yield f"{plan.job} counted {evidence.counted.get(plan.job, 0)} for {len(succeeded)} runs that succeeded"


def in_doubt(evidence: Evidence) -> list[str]:
    """Runs that succeeded while an earlier attempt took their effect with it when it died."""
    effects = {line.run for line in evidence.lines if line.what == "effect"}
    return [run.id for run in evidence.runs if run.state == "succeeded" and run.id not in effects and run.attempt > 1]


def stale(evidence: Evidence) -> Iterator[str]:
    """Verdicts of attempts that were not the newest."""
    attempts = _attempts(evidence)
    for run in evidence.runs:
        won = [one.attempt for one in attempts[run.id] if one.outcome == "succeeded"]
        right = [run.attempt] if run.state == "succeeded" else []
        if won != right:
            yield f"{_of(run)} is {run.state} in attempt {run.attempt}, and attempts {won} succeeded"


def unexplained(evidence: Evidence) -> Iterator[str]:
    """Attempts without a reason, and work that no attempt accounts for."""
    attempts = _attempts(evidence)
    known = {(one.run_id, one.attempt, one.pid) for one in evidence.attempts}
    shared = _shared(evidence)
    for run in evidence.runs:
        mine = attempts[run.id]
        if [one.attempt for one in mine] != list(range(1, run.attempt + 1)):
            yield f"{_of(run)} is at attempt {run.attempt} and has the attempts {[one.attempt for one in mine]}"
        if bare := [one.attempt for one in mine[:-1] if one.outcome not in REASONS]:
            yield f"{_of(run)} was tried again, and nothing says why after attempts {bare}"
        said = sum(one.outcome == "lost" for one in mine)
        if not said - (run.id in shared) <= run.losses <= said:
            yield f"{_of(run)} counts {run.losses} losses, and {said} of its attempts were lost"
    for line in evidence.lines:
        if (line.run, line.attempt, line.pid) not in known:
            yield f"process {line.pid} worked on attempt {line.attempt} of run {line.run}, which the ledger does not know"


def _shared(evidence: Evidence) -> set[str]:
    """The runs that were lost with a worker that had others at work: whose first loss of that kind need not count."""
    lost_with: defaultdict[str, set[str]] = defaultdict(set)
    for one in evidence.attempts:
        if one.outcome == "lost":
            lost_with[one.worker].add(one.run_id)
    return {run for together in lost_with.values() if len(together) > 1 for run in together}


def together(evidence: Evidence) -> Iterator[str]:
    """Runs of a job with one place that were at work at the same time.

    What a lost attempt still did counts for nobody: its place was given away, and so was its right to a verdict.
    """
    alone = {plan.job for plan in evidence.plans if plan.alone}
    lost_ones = {(one.run_id, one.attempt) for one in evidence.attempts if one.outcome == "lost"}
    lines: defaultdict[str, list[Line]] = defaultdict(list)
    for line in evidence.lines:
        lines[line.run].append(line)
    spans: defaultdict[str, list[tuple[datetime, datetime, Run]]] = defaultdict(list)
    for run in evidence.runs:
        held = [line.at for line in lines[run.id] if (line.run, line.attempt) not in lost_ones]
        if run.job in alone and held:
            spans[run.job].append((min(line.at for line in lines[run.id]), max(held), run))
    for job in spans.values():
        latest: tuple[datetime, datetime, Run] | None = None
        for span in sorted(job, key=lambda span: span[0]):
            if latest is not None and span[0] < latest[1]:
                yield f"{_of(span[2])} began before {_of(latest[2])} had ended"
            latest = span if latest is None or span[1] > latest[1] else latest


def _was_in_the_way(run: Run, by_id: dict[str, Run]) -> bool:
    """Whether the run that the reason names was open when this one was decided."""
    named = _NAMED.search(run.reason or "")
    other = by_id.get(named.group(1)) if named else None
    if other is None or run.finished_at is None:
        return False
    return other.queued_at <= run.finished_at and (
        other.finished_at is None or other.finished_at + TURN >= run.queued_at
    )


def _open_beside(run: Run, runs: Sequence[Run]) -> int:
    """How many other runs of the job were open when this one was decided."""
    return sum(
        other.job == run.job
        and other.id != run.id
        and other.state not in ("skipped", "missed")
        and other.queued_at <= run.queued_at
        and (other.finished_at is None or other.finished_at + TURN >= run.queued_at)
        for other in runs
    )


def _counting(evidence: Evidence) -> Iterator[tuple[Plan, list[Run]]]:
    for plan in evidence.plans:
        if plan.counts:
            yield plan, [run for run in evidence.runs if run.job == plan.job and run.state == "succeeded"]


def _attempts(evidence: Evidence) -> defaultdict[str, list[Attempt]]:
    found: defaultdict[str, list[Attempt]] = defaultdict(list)
    for one in sorted(evidence.attempts, key=lambda one: one.attempt):
        found[one.run_id].append(one)
    return found


def _of(run: Run) -> str:
    return f"run {run.id} ({run.job}/{run.schedule} at {run.nominal_time:%H:%M:%S})"

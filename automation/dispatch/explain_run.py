"""What became of a run: queued, claimed, its attempts, what it waits for, how it ended.

Owns: those sentences, in the order in which things happened.
Never: reads the ledger or the clock.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from automation.dispatch.facts import FireFacts, JobFacts, Step
from automation.dispatch.reasons import word_of
from automation.ledger.gates import Standing
from automation.ledger.rows import AttemptRow, ProcessRow, RunRow, since_queued, skipped_itself
from automation.ledger.states import OPEN, State
from automation.text import cause, count, format_duration, one_line

_LONGEST = 500
_NONE = timedelta()
_OUTCOMES = {
    "succeeded": "succeeded",
    "failed": "failed",
    "timed_out": "was longer than its timeout and was stopped",
    "lost": "was lost with its worker",
    "interrupted": "was interrupted, which spends no attempt",
    "snoozed": "put the run off, which spends no attempt",
    "cancelled": "was cancelled",
}


def run_steps(job: JobFacts, fire: FireFacts) -> Iterator[Step]:
    """The chain from the queue to the end, or to what the run waits for."""
    run = fire.run
    if run is None:
        return
    if run.attempt or run.state in OPEN or (fire.recorded is None and run.state != State.SKIPPED):
        queued = f"Run {run.id} was put into the queue '{run.queue}' with priority {run.priority}."
        came_back = len(since_queued(run, fire.attempts)) < len(fire.attempts)
        yield Step("queued", queued, None if came_back else run.queued_at, run=run.id)
    yield from _attempts(run, fire.attempts)
    if run.cancel_requested_at is not None:
        yield Step("cancel", f"Run {run.id} was asked to stop.", run.cancel_requested_at, run=run.id)
    if run.state in OPEN:
        yield from _waiting(job, fire, run)
    elif run.finished_at is not None and _tells_more(fire, run):
        yield Step("end", _end(run), run.finished_at, run=run.id)


def again_steps(fire: FireFacts) -> Iterator[Step]:
    """What backfills made of the same nominal time."""
    for one in fire.again:
        ended = f"ended as {one.state}" if one.finished_at is not None else f"is {one.state}"
        text = f"The backfill {one.batch} runs it again: run {one.id} {ended}."
        yield Step("backfill", text, one.queued_at, run=one.id)


def _attempts(run: RunRow, attempts: Sequence[AttemptRow]) -> Iterator[Step]:
    """Attempt after attempt; between those of two lives, how the second one began."""
    newest = since_queued(run, attempts)
    for one in attempts[: len(attempts) - len(newest)]:
        yield from _attempt(run, one)
    if len(newest) < len(attempts):
        text = f"Run {run.id} had died, and was brought back from the dead letters; see: automation logs {run.id}."
        yield Step("brought back", text, run.queued_at, run=run.id)
    for one in newest:
        yield from _attempt(run, one)


def _attempt(run: RunRow, one: AttemptRow) -> Iterator[Step]:
    waited = one.started_at - run.queued_at
    after = f", {format_duration(waited)} after it was queued" if one.attempt == 1 and waited >= _NONE else ""
    claimed = f"Attempt {one.attempt} of at most {run.max_attempts} was claimed by {one.worker} (pid {one.pid}){after}."
    yield Step("attempt", claimed, one.started_at, run=run.id)
    if one.finished_at is None:
        return
    took = format_duration(one.finished_at - one.started_at)
    message = one_line(one.message, _LONGEST)
    why = ": ".join(part for part in (cause(one.failure_class, one.code), message) if part)
    ended = "skipped the run" if skipped_itself(run, one) else _OUTCOMES.get(str(one.outcome), str(one.outcome))
    text = f"Attempt {one.attempt} {ended} after {took}"
    yield Step("outcome", f"{text}: {why}." if why else f"{text}.", one.finished_at, run=run.id)


def _waiting(job: JobFacts, fire: FireFacts, run: RunRow) -> Iterator[Step]:
    """What an open run is at, or waits for."""
    if run.state == State.RUNNING:
        yield from _at_work(job, fire, run)
        return
    if run.reason:
        yield Step("state", f"It is {run.state}: {one_line(run.reason, _LONGEST)}.", run=run.id)
    if run.due_at > job.now:
        yield Step("due", f"It begins again no sooner than {fire.shown(run.due_at)}.", run.due_at, run=run.id)
        return
    if run.expires_at is not None and not run.attempt:
        yield Step("deadline", f"It expires if it has not begun by {fire.shown(run.expires_at)}.", run.expires_at)
    held = _held(fire, run)
    if fire.standing is not None:
        yield _in_line(fire, fire.standing, run)
    elif held:
        yield Step("place", held, run=run.id)
    elif run.published_at is None:
        yield Step(
            "message", "Its message has not gone out; the leading scheduler, or any worker, sends it.", run=run.id
        )
    else:
        yield Step("message", "Its message has gone out to the workers.", run.published_at, run=run.id)
    yield worker_step(job, run.queue)


def _in_line(fire: FireFacts, standing: Standing, run: RunRow) -> Step:
    """Where the run stands before a limit, and when its turn is, as things are now."""
    others = f"{count(standing.ahead, 'run')} before it" if standing.ahead else "nobody before it"
    place = f"It stands in the line before '{standing.key}' with {others}"
    until = standing.wait.until if standing.wait is not None else None
    if until is not None:
        turn = f"its turn is at {fire.shown(until)}"
    else:
        turn = "it is its turn" if standing.wait is None else "its turn comes when others have ended"
    return Step("limit", f"{place}; {turn}.", until, run=run.id)


def _held(fire: FireFacts, run: RunRow) -> str | None:
    """Which runs hold the places that this one waits for."""
    holders = [one for one in fire.rivals if one.id != run.id and not one.waits]
    if run.max_running is None or len(holders) < run.max_running:
        return None
    names = ", ".join(f"run {one.id} of job '{one.job}'" for one in holders[:3])
    places = count(run.max_running, "place")
    return f"It finds no place: {names} hold{'s' if len(holders) == 1 else ''} what '{run.overlap_key}' has ({places})."


def _at_work(job: JobFacts, fire: FireFacts, run: RunRow) -> Iterator[Step]:
    so_far = f", {run.done} of {run.total or '?'} done" if run.done is not None else ""
    yield Step("state", f"Attempt {run.attempt} is at work on {run.worker} (pid {run.pid}){so_far}.", run=run.id)
    if run.lease_until is not None and run.lease_until < job.now:
        gone = (
            f"Its worker has not renewed its lease, which ran out at {fire.shown(run.lease_until)}; it is freed soon."
        )
        yield Step("lease", gone, run.lease_until, run=run.id)
    if run.deadline is not None:
        yield Step("deadline", f"It is ended by force at {fire.shown(run.deadline)}.", run.deadline, run=run.id)


def _tells_more(fire: FireFacts, run: RunRow) -> bool:
    """Whether the end is more than the decision has already said."""
    return bool(run.attempt) or fire.recorded is None or run.state != fire.recorded.decision


def _end(run: RunRow) -> str:
    because = f": {one_line(run.reason, _LONGEST)}" if run.reason else ""
    ends = {
        State.SUCCEEDED: "The run succeeded",
        State.DEAD: f"The run is dead after {count(run.attempt, 'attempt')}",
        State.CANCELLED: "The run was cancelled",
        State.EXPIRED: "The run expired",
        State.SKIPPED: "The run was skipped" if word_of(run.reason) else "The plugin skipped it",
        State.MISSED: "The run was missed",
    }
    hint = f". Look at it with: automation show {run.id}" if run.state == State.DEAD else ""
    return f"{ends.get(run.state, f'The run is {run.state}')}{because}{hint}."


def worker_step(job: JobFacts, queue: str) -> Step:
    """Who is there to do a run of this queue."""
    alive = job.alive("worker")
    mine = [one for one in alive if queue in one.info.get("queues", (queue,))]
    if mine:
        places = sum(_number(one) for one in mine)
        text = f"{count(len(mine), 'worker')} of queue '{queue}' reported within the last seconds, {count(places, 'run')} at once."
        return Step("workers", text)
    if alive:
        return Step("workers", f"No worker takes runs from queue '{queue}': {_queues(alive)}.")
    return Step(
        "workers", "No worker has reported within the last seconds; start one: automation up, or automation worker."
    )


def _number(worker: ProcessRow) -> int:
    found = worker.info.get("concurrency", 1)
    return found if isinstance(found, int) else 1


def _queues(alive: Sequence[ProcessRow]) -> str:
    found = sorted({str(queue) for one in alive for queue in one.info.get("queues", ())})
    return f"those alive take {', '.join(found)}"

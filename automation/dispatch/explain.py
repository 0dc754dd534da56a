"""Why a fire ran, did not run, waits, will run or will not: a pure function from facts to sentences.

Owns: the order of the chain (what was meant, the rule, the decision, the run), and the answer before it.
Never: reads the ledger, a file or the clock.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from automation.dispatch.explain_coming import coming_steps, pause_text, undecided_steps
from automation.dispatch.explain_flow import before_steps, behind_steps, waiting_steps
from automation.dispatch.explain_run import again_steps, run_steps
from automation.dispatch.facts import FireFacts, JobFacts, Step
from automation.dispatch.pausing import concerning
from automation.dispatch.reasons import RULES, word_of
from automation.ledger.graph import ENDED
from automation.ledger.rows import RunRow
from automation.ledger.states import OPEN, Kind, State
from automation.project.fires import fire_from
from automation.text import format_duration, printable

_MARKS = {
    "gap:shifted": "The clocks skip its time on that day; it is moved to the first moment after the gap (dst_gap).",
    "overlap:first": "Its time comes twice on that day; this is the first pass (dst_overlap).",
    "overlap:second": "Its time comes twice on that day; this is the second pass (dst_overlap).",
}


def explain(job: JobFacts, fire: FireFacts) -> list[Step]:
    """The answer, and the chain that leads to it, in the order in which things happen."""
    chain = [*_meant(fire), *_rule(fire, job.unread), *before_steps(fire)]
    if fire.recorded is not None or fire.run is not None:
        chain += [*_decision(fire), *_reason(job, fire), *run_steps(job, fire)]
    elif fire.planned_time <= job.now:
        chain += undecided_steps(job, fire)
    else:
        chain += coming_steps(job, fire)
    chain += [*again_steps(fire), *behind_steps(fire), *waiting_steps(job)]
    return [_answer(job, fire, chain), *chain]


def _answer(job: JobFacts, fire: FireFacts, chain: list[Step]) -> Step:
    what = (
        f"{job.name}/{fire.schedule_id}" if fire.schedule_id else f"{job.name}, run {fire.run.id if fire.run else '?'}"
    )
    return Step("answer", f"{what}, {fire.shown(fire.nominal_time)}: {_verdict(job, fire, chain)}", fire.nominal_time)


def _verdict(job: JobFacts, fire: FireFacts, chain: list[Step]) -> str:
    run = fire.run
    if run is not None and run.state in OPEN:
        words: dict[str, str] = {State.QUEUED: "it waits to begin", State.RUNNING: "it is at work"}
        return words.get(run.state, "it waits for its next attempt")
    if run is not None and run.attempt:
        return f"it ran and {ENDED.get(run.state, f'is {run.state}')}"
    state = run.state if run is not None else fire.recorded.decision if fire.recorded else None
    if state is not None:
        return f"it did not run ({state})"
    first = next((step for step in chain if step.stops), None)
    if fire.planned_time <= job.now:
        if any(step.fact == "forgotten" for step in chain):
            return "what became of it is no longer kept"
        return "it did not run" if first else "it has not been decided"
    return "it will not run, as things are" if first else f"it is to run at {fire.shown(fire.planned_time)}"


def _meant(fire: FireFacts) -> Iterator[Step]:
    """What is explained, where the moment that was asked about is no fire."""
    if fire.asked is None or fire.asked in (fire.nominal_time, fire.planned_time):
        return
    beside = [f"its last fire before that is at {fire.shown(fire.before)}"] if fire.before else []
    beside += [f"the next one is at {fire.shown(fire.after)}"] if fire.after else []
    known = f"; {', '.join(beside)}" if beside else ""
    asked = f"Schedule '{fire.schedule_id}' does not fire at {fire.shown(fire.asked)}{known}."
    yield Step("asked", f"{asked} This is about {fire.shown(fire.nominal_time)}.", fire.asked)


def _rule(fire: FireFacts, unread: Sequence[str]) -> Iterator[Step]:
    schedule = fire.schedule
    if schedule is None:
        if fire.schedule_id == "start":
            yield Step("rule", "It is a run of run_on_start: one for each new configuration.", fire.nominal_time)
        elif fire.schedule_id is not None:
            text = f"{', '.join(unread)} cannot be read, and may have" if unread else "The files no longer have"
            yield Step("rule", f"{text} the schedule '{fire.schedule_id}' of this job.")
        return
    rule, nominal = schedule.trigger.describe(), fire.nominal_time
    if not schedule.trigger.from_end and fire_from(schedule, nominal) != nominal:
        yield Step("rule", f"The rule in the files now ({rule}) has no such fire; it was decided under an earlier one.")
        return
    yield Step("rule", f"Its rule: {rule}.", nominal)
    for mark in schedule.trigger.marks(nominal):
        yield Step("clocks", _MARKS.get(mark, mark), nominal)
    planned = schedule.planned(nominal)
    if planned.deferred:
        yield Step("calendar", f"A blackout defers it to {fire.shown(planned.time)}.", planned.time)
    elif planned.time > nominal:
        moved = format_duration(planned.time - nominal)
        yield Step("jitter", f"Its jitter moves it by {moved}, to {fire.shown(planned.time)}.", planned.time)


def _decision(fire: FireFacts) -> Iterator[Step]:
    """What the scheduler decided, when, and how late that was."""
    recorded, run = fire.recorded, fire.run
    if recorded is None:
        if run is not None:
            yield Step("asked for", _asked_for(run), run.queued_at, run=run.id)
        return
    late = recorded.decided_at - fire.planned_time
    when = f"{format_duration(late)} after it was due, the" if late.total_seconds() >= 1 else "The"
    kind = " as a catch-up run" if run is not None and run.kind == Kind.CATCHUP else ""
    what = f"to run it{kind}" if recorded.decision is State.QUEUED else f"not to run it ({recorded.decision})"
    because = f": {printable(recorded.reason)}" if recorded.reason else ""
    yield Step("decision", f"{when} scheduler decided {what}{because}.", recorded.decided_at, run=recorded.run_id)


def _asked_for(run: RunRow) -> str:
    by = {
        Kind.MANUAL: "It was asked for by hand",
        Kind.API: "A program asked for it",
        Kind.BACKFILL: f"It belongs to the backfill {run.batch}",
        Kind.FLOW: "Another job asked for it",
        Kind.PING: "A program elsewhere reported it",
    }
    return f"{by.get(run.kind, 'It was asked for')}, and no schedule decided it."


def _reason(job: JobFacts, fire: FireFacts) -> Iterator[Step]:
    """The rule behind the word of a reason, and what that reason speaks of."""
    word = word_of(fire.reason) or word_of(fire.recorded.reason if fire.recorded else None)
    if word is None:
        return
    yield Step(word, RULES[word])
    moment = fire.recorded.decided_at if fire.recorded else fire.nominal_time
    for other in fire.others:
        yield Step("other run", _other(other, fire), moment, run=other.id)
    if word == "paused" and job.job is not None:
        for pause in concerning(job.job, fire.schedule_id or "", job.pauses):
            if pause.covers(fire.planned_time) or pause.covers(moment):
                yield Step("pause", pause_text(pause, fire), pause.since)
    if word == "missed":
        yield from _outage(job, fire)


def _other(other: RunRow, fire: FireFacts) -> str:
    """A run that stood in the way: how it was then, and how it is now."""
    moment = fire.recorded.decided_at if fire.recorded else fire.nominal_time
    if other.finished_at is not None and other.finished_at < moment:
        then = f"had ended at {fire.shown(other.finished_at)}"
    elif other.started_at is not None and other.started_at <= moment:
        then = f"had begun at {fire.shown(other.started_at)} and was open"
    else:
        then = f"had waited since {fire.shown(other.queued_at)}"
    now = f"ended as {other.state} at {fire.shown(other.finished_at)}" if other.finished_at else f"is {other.state} now"
    return f"Run {other.id} of job '{other.job}' {then} when this was decided; it {now}."


def _outage(job: JobFacts, fire: FireFacts) -> Iterator[Step]:
    """Between which moments nobody decided, and what the policy of the files is."""
    if fire.recorded is None:
        return
    due, decided = fire.planned_time, fire.recorded.decided_at
    began = [one for one in job.alive("scheduler") if due < one.started_at <= decided]
    who = f" Scheduler {began[0].id} began at {fire.shown(began[0].started_at)}." if began else ""
    span = f"From {fire.shown(due)} to {fire.shown(decided)} no scheduler decided it.{who}"
    yield Step("outage", span, due)
    if fire.schedule is not None:
        timing = fire.schedule.timing
        policy = (
            f'catchup = "{timing.catchup}", catchup_window = {format_duration(timing.catchup_window)}, '
            f"catchup_max = {timing.catchup_max}, misfire_grace = {format_duration(timing.misfire_grace)}"
        )
        yield Step("policy", f"The schedule has {policy}.")

"""What stands before a fire that is to come, or that fell due and is not decided: files, ledger, pauses, processes.

Owns: those sentences, from the files to the workers.
Never: reads the ledger or the clock.
"""

from __future__ import annotations

from collections.abc import Iterator

from automation.dispatch.explain_run import worker_step
from automation.dispatch.facts import FireFacts, JobFacts, Step
from automation.dispatch.pausing import concerning
from automation.ledger.rows import OpenRun, PauseRow
from automation.ledger.states import State
from automation.project.model import Job
from automation.project.targets import target_of
from automation.text import count, printable

_NAMED = 5
_IF_OPEN = {
    "skip": "if it is still open then, the fire is skipped",
    "queue_one": "if it is still open then, the run waits for it, and the newest that waits is the one that runs",
    "queue_all": "if it is still open then, the run waits its turn",
    "cancel_running": "if it is still at work then, it is asked to stop",
    "allow": "they may run at once",
}


def coming_steps(job: JobFacts, fire: FireFacts) -> Iterator[Step]:
    """Everything that decides whether a fire to come will run, as things are now."""
    yield from _files(job)
    if job.job is None:
        return
    yield from _configuration(job, fire)
    yield from _calendar(fire)
    yield from _pauses(job, fire)
    yield from _count(job, fire)
    if job.ledger and job.job.active:
        yield from _overlap(job, job.job)
        yield from _breaker(job, fire)
        yield from _scheduler(job)
        yield worker_step(job, job.job.queue)


def undecided_steps(job: JobFacts, fire: FireFacts) -> Iterator[Step]:
    """Why nothing is recorded of a fire that has been due."""
    state = job.states.get(fire.schedule_id or "")
    if state is not None and state.cursor < fire.nominal_time:
        yield Step("undecided", f"It is not decided yet: the scheduler has decided up to {fire.shown(state.cursor)}.")
        yield from coming_steps(job, fire)
    elif (until := job.forgotten.get(fire.schedule_id or "")) is not None and fire.nominal_time <= until:
        text = f"What became of this schedule's fires up to {fire.shown(until)} is kept no longer than [retention] says"
        yield Step(
            "forgotten", f"{text}: it was decided and its run is gone from the ledger, or it was never one.", until
        )
    elif state is not None and _is_spent(job, fire):
        yield from _count(job, fire)
        yield Step("unknown", "After that nothing is recorded any more.")
    elif state is not None:
        text = "Nothing is recorded of it: the schedule was not active then. One that is new, changed or back counts from its deploy on"
        yield Step("unknown", f"{text}; this one has been decided up to {fire.shown(state.cursor)}.", stops=True)
    else:
        yield Step("unknown", "Nothing is recorded of it.")
        yield from coming_steps(job, fire)


def _breaker(job: JobFacts, fire: FireFacts) -> Iterator[Step]:
    """A breaker that is open now makes the run wait, and does not keep it from running."""
    if job.breaker is None:
        return
    one = job.breaker.position
    until = f"one run tries at {fire.shown(one.tries_at)}" if one.tries_at else "one run tries"
    why = f": {printable(one.reason, 200)}" if one.reason else ""
    yield Step("breaker", f"The {job.breaker.key} is {one.circuit.replace('_', ' ')}{why}; {until}, the others wait.")


def pause_text(pause: PauseRow, fire: FireFacts) -> str:
    """A pause: of what, by whom, why, until when."""
    what = "Everything" if pause.level == "all" else f"The {pause.level} '{pause.target}'"
    if pause.ended_at is not None:
        end = f"{printable(pause.ended_by or 'somebody', 60)} ended that at {fire.shown(pause.ended_at)}"
    elif pause.until is not None:
        end = f"until {fire.shown(pause.until)}"
    else:
        end = f"until somebody ends it (automation resume {target_of(pause).words})"
    reason = printable(pause.reason, 200)
    return f"{what} was paused at {fire.shown(pause.since)} by {printable(pause.author, 60)}: {reason}; {end}."


def _files(job: JobFacts) -> Iterator[Step]:
    if job.job is None and job.unread:
        text = f"{', '.join(job.unread)} cannot be read, and may declare the job; see: automation check"
        yield Step("files", f"{text}. Until then a scheduler that runs keeps the earlier files.")
    elif job.job is None:
        yield Step("files", f"The files declare no job '{job.name}'.", stops=True)
    elif job.job.problem is not None:
        yield Step("files", f"The job has a problem: {job.job.problem}", stops=True)
    elif not job.job.enabled:
        yield Step("files", "The job is disabled (enabled = false).", stops=True)
    else:
        yield Step("files", "The files declare the job, without a problem, and enabled.")


def _configuration(job: JobFacts, fire: FireFacts) -> Iterator[Step]:
    """What the scheduler goes by, where that is not what the files say."""
    if not job.ledger:
        yield Step("ledger", "There is no ledger yet: no scheduler has run here. Start one: automation up", stops=True)
        return
    if fire.schedule_id not in job.states:
        text = "No configuration has been active yet; a scheduler takes the files when it starts: automation up"
        if job.activated_at:
            text = (
                f"The active configuration (revision {job.revision}, active since {fire.shown(job.activated_at)}) "
                "has no such schedule; a scheduler that runs takes up changed files by itself."
            )
        yield Step("configuration", text, stops=True)
        return
    since = f" since {fire.shown(job.activated_at)}" if job.activated_at else ""
    yield Step(
        "configuration", f"The schedule is active in the ledger, revision {job.revision}{since}.", job.activated_at
    )
    if job.differs:
        more = f" and {len(job.differs) - _NAMED} more" if len(job.differs) > _NAMED else ""
        keys = ", ".join(job.differs[:_NAMED])
        text = f"The files differ from the active configuration in {keys}{more}; see: automation plan"
        yield Step("difference", text)


def _calendar(fire: FireFacts) -> Iterator[Step]:
    planned = fire.schedule.planned(fire.nominal_time) if fire.schedule else None
    if planned is not None and planned.blackout is not None:
        yield Step("blackout", f"A calendar keeps it from running: {planned.blackout}.", planned.time, stops=True)


def _pauses(job: JobFacts, fire: FireFacts) -> Iterator[Step]:
    if job.job is None:
        return
    for pause in concerning(job.job, fire.schedule_id or "", job.pauses):
        if pause.covers(fire.planned_time):
            yield Step("pause", pause_text(pause, fire), pause.since, stops=True)
        elif pause.covers(job.now):
            yield Step("pause", f"{pause_text(pause, fire)} That is over by then.", pause.since)


def _is_spent(job: JobFacts, fire: FireFacts) -> bool:
    """Whether the schedule has had all its runs."""
    most = fire.schedule.max_fires if fire.schedule else None
    return most is not None and job.fires.get(fire.schedule_id or "", 0) >= most


def _count(job: JobFacts, fire: FireFacts) -> Iterator[Step]:
    if fire.schedule is None or fire.schedule.max_fires is None:
        return
    had, most = job.fires.get(fire.schedule.id, 0), fire.schedule.max_fires
    yield Step("max_fires", f"It has had {had} of its {most} runs (max_fires).", stops=_is_spent(job, fire))


def _overlap(job: JobFacts, declared: Job) -> Iterator[Step]:
    """The open runs that a run would meet now."""
    mode = declared.overlap.mode
    if not job.open_runs:
        yield Step("overlap", "No run of the job is open now.")
        return
    for one in job.open_runs[:_NAMED]:
        text = f"Run {one.id} of job '{one.job}' {_how(one)}; with overlap = \"{mode}\", {_IF_OPEN[mode]}."
        yield Step("overlap", text, one.queued_at, run=one.id)


def _how(one: OpenRun) -> str:
    if one.waits:
        return "waits to begin"
    return "is at work" if one.state == State.RUNNING else "waits for its next attempt"


def _scheduler(job: JobFacts) -> Iterator[Step]:
    alive = job.alive("scheduler")
    if not alive:
        text = "No scheduler has reported within the last seconds; nothing is decided until one runs: automation up"
        yield Step("scheduler", text)
        return
    leaders = [one for one in alive if one.info.get("leader")]
    if not leaders:
        yield Step(
            "scheduler",
            f"{count(len(alive), 'scheduler')} reported within the last seconds, and none leads at the moment.",
        )
        return
    leader = leaders[0]
    behind = leader.info.get("revision", job.revision) != job.revision
    text = f", with revision {leader.info.get('revision')} and not the active one" if behind else ""
    yield Step("scheduler", f"Scheduler {leader.id} leads{text}.", leader.heartbeat_at)
    problems = leader.info.get("config_problems")
    if problems:
        yield Step(
            "scheduler",
            f"It keeps the earlier files: {count(int(problems), 'problem')} in the new ones; see: automation check",
        )

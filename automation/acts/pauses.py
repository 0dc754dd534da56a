"""Pausing and resuming: of a job, one of its schedules, a tag, everything.

Owns: what a pause covers, and its words.
Never: decides what becomes of a fire; the scheduler does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from automation.dispatch.pausing import concerning
from automation.errors import UnknownName
from automation.ledger.ledger import Ledger
from automation.ledger.rows import PauseRow, RunRow
from automation.project.model import Job, Project
from automation.project.targets import Target, covered, target_of
from automation.text import local_time, printable


def row(one: PauseRow) -> dict[str, Any]:
    """A pause in force as it is told."""
    return {name: getattr(one, name) for name in ("level", "target", "reason", "author", "since", "until")}


def described(one: PauseRow) -> str:
    """A pause in words: what, until when, by whom, why."""
    end = f" until {local_time(one.until, 'minutes')}" if one.until else ""
    return f"{target_of(one)}{end}, by {printable(one.author, 60)}: {printable(one.reason, 200)}"


def meant(project: Project, ledger: Ledger, target: Target) -> list[Job]:
    """The jobs that a pause is for; none where only the active configuration knows the name.

    A job whose file is broken goes on firing, and is then the one to be paused.
    """
    try:
        return covered(project, target)
    except UnknownName:
        name = target.name.partition("/")[0]
        if target.level == "tag" or name in project.jobs or not ledger.occurrences.declared(name):
            raise
        return []


def still(left: Sequence[PauseRow], jobs: Sequence[Job], target: Target) -> list[PauseRow]:
    """The pauses that keep any of the target from firing, those of a part of it included."""
    schedule = target.name.partition("/")[2]
    wanted = {
        one.id: one
        for job in jobs
        for schedule_id in ([schedule] if schedule else [known.id for known in job.schedules] or [""])
        for one in concerning(job, schedule_id, left)
    }
    return list(wanted.values())


def open_runs(ledger: Ledger, target: Target, jobs: Sequence[Job]) -> list[RunRow]:
    """The runs of a target that go on although it is paused."""
    schedule = target.name.partition("/")[2]
    names = {job.name for job in jobs} or {target.name.partition("/")[0]}
    return [run for run in ledger.queries.open() if run.job in names and schedule in ("", run.schedule or "")]

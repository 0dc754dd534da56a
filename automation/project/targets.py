"""What a pause is laid on: everything, a tag, a job, or one schedule of a job.

Owns: reading such a target, and the jobs that it covers.
Never: pauses anything.
"""

from __future__ import annotations

from dataclasses import dataclass

from automation.errors import InvalidInput, UnknownName
from automation.ledger.rows import PauseRow
from automation.project.model import Job, Project
from automation.text import nearest

_WAYS = "JOB, JOB/SCHEDULE, --tag TAG or --all"


@dataclass(frozen=True)
class Target:
    """A level and the name on it, as the ledger has them.

    Parameters
    ----------
    level: `all`, `tag`, `job` or `schedule`.
    name: the tag, the job, or `job/schedule`; "" for all.
    """

    level: str
    name: str = ""

    def __str__(self) -> str:
        return "everything" if self.level == "all" else f"{self.level} '{self.name}'"

    @property
    def words(self) -> str:
        """How it is given to a command."""
        return {"all": "--all", "tag": f"--tag {self.name}"}.get(self.level, self.name)


def read_target(name: str | None, tag: str | None, *, everything: bool) -> Target:
    """The target that was given; exactly one of the three. Raises InvalidInput."""
    given = [one for one in (name, tag, everything) if one]
    if len(given) != 1:
        found = "none" if not given else "more than one"
        raise InvalidInput(f"Say what: exactly one of {_WAYS}; found {found}")
    if everything:
        return Target("all")
    if tag:
        return Target("tag", tag)
    return Target("schedule" if "/" in (name or "") else "job", name or "")


def covered(project: Project, target: Target) -> list[Job]:
    """The jobs that the target stands for. Raises UnknownName with the nearest one when the project has none of it."""
    if target.level == "all":
        return list(project.jobs.values())
    if target.level == "tag":
        tagged = [job for job in project.jobs.values() if target.name in job.tags]
        if not tagged:
            tags = sorted({tag for job in project.jobs.values() for tag in job.tags})
            hint = f"Tags of this project: {', '.join(tags)}." if tags else "No job has a tag."
            raise UnknownName("tag", target.name, nearest(target.name, tags), hint)
        return tagged
    name, _, schedule = target.name.partition("/")
    job = project.job(name)
    if target.level == "schedule" and job.schedule(schedule) is None:
        known = [one.id for one in job.schedules]
        hint = f"Schedules of job '{name}': {', '.join(known)}." if known else f"Job '{name}' has no schedule."
        raise UnknownName("schedule", target.name, _with_job(name, nearest(schedule, known)), hint)
    return [job]


def target_of(pause: PauseRow) -> Target:
    """What the pause is laid on."""
    return Target(pause.level, pause.target)


def _with_job(job: str, schedule: str | None) -> str | None:
    return f"{job}/{schedule}" if schedule else None

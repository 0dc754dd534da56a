"""Names across the files of a project: taken twice, replaced and still there, or used by nobody.

Owns: these problems, each with both places where there are two.
Never: reads a file.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from automation.errors import Problem
from automation.project.jobs import Declared
from automation.project.model import Job
from automation.project.shared import Tags
from automation.project.values import Notes, Table
from automation.text import nearest


def refuse_twice(root: Path, first: Job, second: Job, table: Table, notes: Notes) -> Problem:
    """Note that two jobs have one name, and return the first one's problem: which is meant, nobody can tell.

    Parameters
    ----------
    table: that of the second.
    """
    first_path = first.path.relative_to(root)
    same = "" if first.name == second.name else f" as '{first.name}': names that differ only in case are one"
    notes.at(table, [], f"this name is taken in {first_path}:{first.line}{same}; rename one", on_key=True)
    message = f"jobs.{first.name}: this name is taken again in {table.source.shown}:{second.line}; rename one"
    problem = Problem(first_path, message, line=first.line, key=f"jobs.{first.name}")
    notes.add(problem)
    return problem


def check_replaced(declared: Mapping[str, Declared], notes: Notes) -> dict[str, Problem]:
    """Note each earlier name that a job still has, or that two jobs claim; the problems by the job's name."""
    names = {name.casefold(): name for name in declared}
    claimed: dict[str, str] = {}
    found: dict[str, Problem] = {}
    for name, one in declared.items():
        old = one.job.replaces
        if old is None or old == name:
            continue
        own = notes.beside()
        if old.casefold() in names:
            own.at(
                one.reader.layers[0],
                ["replaces"],
                f"there is still a job '{names[old.casefold()]}'; remove one of them",
            )
        elif old.casefold() in claimed:
            own.at(
                one.reader.layers[0],
                ["replaces"],
                f"the job '{claimed[old.casefold()]}' replaces '{old}' already; remove one",
            )
        claimed.setdefault(old.casefold(), name)
        notes.take(own)
        if own.first_error:
            found[name] = own.first_error
    return found


def check_tags_used(tags: Tags, jobs: Mapping[str, Job], notes: Notes) -> None:
    """Warn of each table of a tag that no job has."""
    used = {tag for job in jobs.values() for tag in job.tags}
    for name, tag in tags.items():
        if name not in used:
            meant = nearest(name, used - set(tags))
            hint = f"did you mean '{meant}'?" if meant else "give it to a job, or remove the table"
            notes.at(tag.table, [], f"no job has this tag; {hint}", on_key=True, severity="warning")

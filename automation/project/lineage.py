"""Which jobs of a project follow which: unknown names, circles, and what belongs together.

Owns: these problems, and the family of each job that follows others or is followed.
Never: reads a key; decides when a job runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from automation.project.after import Lineage
from automation.project.jobs import Declared
from automation.project.keys import AFTER
from automation.project.model import Job
from automation.project.taken import check_taken
from automation.project.values import Notes, Table
from automation.text import nearest, printable


def link(declared: Mapping[str, Declared], jobs: dict[str, Job], notes: Notes) -> None:
    """Give each job of a flow its family, after noting every name that no job has and every circle."""
    if not any(job.after.jobs for job in jobs.values()):
        return
    for name, one in declared.items():
        own = notes.beside()
        _check_known(one, jobs, own)
        _block(jobs, [name], own, notes)
    for circle in circles(jobs):
        own = notes.beside()
        _tell_circle(circle, declared, jobs, own)
        _block(jobs, circle, own, notes)
    for lineage in families(jobs):
        for name in lineage.jobs:
            own = notes.beside()
            _check_delays(lineage, name, declared, own)
            check_taken(declared[name].reader.layers[0], declared[name].job.after, lineage.before(name), own)
            _block(jobs, [name], own, notes)
        for name in lineage.jobs:
            jobs[name] = replace(jobs[name], lineage=lineage)


def families(jobs: Mapping[str, Job]) -> Iterator[Lineage[Job]]:
    """The jobs that hang together, those before others first; a job by itself is in none."""
    beside: dict[str, set[str]] = {}
    for job in jobs.values():
        for name in job.after.jobs:
            if name in jobs:
                beside.setdefault(job.name, set()).add(name)
                beside.setdefault(name, set()).add(job.name)
    seen: set[str] = set()
    for name in beside:
        if name in seen:
            continue
        found, left = {name}, [name]
        while left:
            fresh = beside[left.pop()] - found
            found |= fresh
            left += fresh
        seen |= found
        yield Lineage({one: jobs[one] for one in ordered(jobs, found)})


def ordered(jobs: Mapping[str, Job], names: Iterable[str]) -> list[str]:
    """These jobs, each behind those that it follows; where there is a circle, in the order of the files."""
    wanted, done = [name for name in jobs if name in set(names)], dict[str, None]()

    def visit(name: str, path: frozenset[str]) -> None:
        if name in done or name in path:
            return
        for before in jobs[name].after.jobs:
            if before in wanted:
                visit(before, path | {name})
        done[name] = None

    for name in wanted:
        visit(name, frozenset())
    return list(done)


def circles(jobs: Mapping[str, Job]) -> list[list[str]]:
    """Every circle once, as the names along it; each job is told of in one at most."""
    found: list[list[str]] = []
    state: dict[str, bool] = {}

    def visit(name: str, path: list[str]) -> None:
        state[name] = False
        for before in jobs[name].after.jobs:
            if before not in jobs or before == name:
                continue
            if before not in state:
                visit(before, [*path, before])
            elif not state[before] and before in path:
                first, *others = path[path.index(before) :]
                found.append([first, *reversed(others)])
        state[name] = True

    for name in jobs:
        if name not in state:
            visit(name, [name])
    return found


def _check_known(one: Declared, jobs: Mapping[str, Job], notes: Notes) -> None:
    table = one.reader.layers[0]
    for key, number, name in _named(one.job, table):
        if name not in jobs:
            meant = nearest(name, [other for other in jobs if other != one.job.name])
            hint = f"did you mean '{meant}'?" if meant else "`automation list` shows those that there are"
            notes.at(table, [key, number], f"there is no job '{printable(name, 60)}'; {hint}")


def _named(job: Job, table: Table) -> Iterator[tuple[str, int, str]]:
    for key in AFTER:
        if key in table.values:
            for number, name in enumerate(getattr(job.after, key)):
                yield key, number, name


def _tell_circle(circle: list[str], declared: Mapping[str, Declared], jobs: Mapping[str, Job], notes: Notes) -> None:
    """One problem, where the first of them names the one before it; with the places of all."""
    path = " → ".join([*(_placed(declared[one]) for one in circle), circle[0]])
    name, before = circle[0], circle[-1]
    table = declared[name].reader.layers[0]
    for key, number, named in _named(jobs[name], table):
        if named == before:
            notes.at(table, [key, number], f"these jobs wait for each other: {path}; remove one of the arrows")


def _placed(one: Declared) -> str:
    table = one.reader.layers[0]
    return f"{one.job.name} ({table.source.shown}:{one.job.line})"


def _check_delays(lineage: Lineage[Job], name: str, declared: Mapping[str, Declared], notes: Notes) -> None:
    """Jobs whose fires have no instant in common can never be waited for together."""
    first = [lineage.jobs[one] for one in lineage.first_of(name)]
    delayed = next((one for one in first if any(each.trigger.from_end for each in one.schedules)), None)
    others = [one.name for one in first if delayed is not None and one.name != delayed.name and one.schedules]
    if delayed is not None and others:
        table = declared[name].reader.layers[0]
        message = (
            f"'{delayed.name}' has a fixed_delay, whose fires share no instant with those of '{others[0]}', so that "
            "no run could follow both; give it another rule"
        )
        notes.at(table, [next(key for key in AFTER if key in table.values)], message)


def _block(jobs: dict[str, Job], names: Iterable[str], own: Notes, notes: Notes) -> None:
    notes.take(own)
    if own.first_error is not None:
        for name in names:
            jobs[name] = replace(jobs[name], problem=jobs[name].problem or str(own.first_error))

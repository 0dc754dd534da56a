"""What the files of a project share by name: calendars, and what jobs with a tag have in common.

Owns: `[calendars.NAME]` and `[tags.NAME]` of every file, names that are taken twice, and what is wrong with one.
Never: knows which job uses which.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from automation.errors import Problem
from automation.project.policies import name_problem, tag_problem
from automation.project.timing import Calendars, NamedCalendar
from automation.project.values import Notes, Table
from automation.triggers.calendar import KEYS, CalendarInvalid, parse_calendar


@dataclass(frozen=True)
class Tag:
    """The table of a tag: what its jobs take from it.

    Parameters
    ----------
    problem: what is wrong with it; each job that has the tag has this problem too.
    """

    table: Table
    problem: Problem | None = None


@dataclass(frozen=True)
class File:
    """The table that is a whole file, and the defaults that hold in it, the nearest first."""

    top: Table
    defaults: tuple[Table, ...] = ()


Tags = Mapping[str, Tag]
CheckTag = Callable[[Table, Notes], None]


def read_calendars(files: Iterable[File], notes: Notes, root: Path) -> Calendars:
    """The calendars of all files, those with a problem included.

    Parameters
    ----------
    root: the project's folder, in which files of events lie.
    """
    found: dict[str, NamedCalendar] = {}
    for name, file, table, problem in _named(files, "calendars", name_problem, notes):
        if problem is None:
            own = notes.beside()
            found[name] = _calendar(name, file, table, own, root)
            notes.take(own)
        else:
            found[name] = NamedCalendar(problem=problem)
    return found


def read_tags(files: Iterable[File], notes: Notes, check: CheckTag) -> Tags:
    """The tables of tags of all files, those with a problem included.

    Parameters
    ----------
    check: notes what is wrong with a table that jobs inherit from.
    """
    found: dict[str, Tag] = {}
    for name, _file, table, problem in _named(files, "tags", tag_problem, notes):
        own = notes.beside()
        check(table, own)
        found[name] = Tag(table, problem or own.first_error)
        notes.take(own)
    return found


def _calendar(name: str, file: File, table: Table, notes: Notes, root: Path) -> NamedCalendar:
    zones = [one.values["timezone"] for one in (table, *file.defaults) if "timezone" in one.values]
    try:
        return NamedCalendar(parse_calendar(name, {**table.values, **({"timezone": zones[0]} if zones else {})}, root))
    except CalendarInvalid as error:
        for one in (error, *error.others):
            inside: list[str | int] = [one.key] if one.key in table.values else []
            if inside and one.index is not None:
                inside.append(one.index)
            notes.at(table, inside, str(one), on_key=one.key not in KEYS)
    return NamedCalendar(problem=notes.first_error)


def _named(
    files: Iterable[File], kind: str, name_check: Callable[[str], str | None], notes: Notes
) -> Iterator[tuple[str, File, Table, Problem | None]]:
    """Each table under `[kind.NAME]` once, with the problem of a name that is taken twice."""
    taken: dict[str, list[tuple[str, File, Table]]] = {}
    for file in files:
        for table in _tables(file.top, kind, name_check, notes):
            taken.setdefault(str(table.path[-1]).casefold(), []).append((str(table.path[-1]), file, table))
    for holders in taken.values():
        name, file, table = holders[0]
        own = notes.beside()
        for other, _, again in holders[1:]:
            _tell_twice(own, (name, table), (other, again))
        notes.take(own)
        for other in dict.fromkeys(held for held, _, _ in holders):
            yield other, file, table, own.first_error


def _tell_twice(notes: Notes, first: tuple[str, Table], second: tuple[str, Table]) -> None:
    for (_, here), (name, there) in ((first, second), (second, first)):
        same = "" if first[0] == second[0] else f" as '{name}': names that differ only in case are one"
        line = there.source.positions.locate(there.path)[0]
        notes.at(here, [], f"this name is taken in {there.source.shown}:{line}{same}; rename one", on_key=True)


def _tables(top: Table, kind: str, name_check: Callable[[str], str | None], notes: Notes) -> Iterator[Table]:
    declared = top.child(kind)
    if declared is None:
        if kind in top.values:
            notes.at(top, [kind], f"write tables: [{kind}.NAME]")
        return
    for name in declared.values:
        unsafe, table = name_check(name), declared.child(name)
        if unsafe:
            notes.at(declared, [name], unsafe, on_key=True)
        elif table is None:
            notes.at(declared, [name], f"found a value; write a table: [{kind}.{name}]")
        else:
            yield table

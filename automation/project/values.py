"""Typed values out of TOML tables, and every problem with them.

Owns: how a table is read: kind, range, nearest name, inheritance from defaults, the place of what is wrong.
Never: knows which keys a job has.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from automation.errors import Problem
from automation.project.keys import unknown_key
from automation.project.source import Source
from automation.secrets import Redactor, SecretMissing, references, resolve
from automation.text import format_duration, nearest, parse_duration, printable

_LARGEST = 2**63 - 1
Check = Callable[[str], str | None]


@dataclass(frozen=True)
class Secrets:
    """Where references are resolved from, and who keeps what they name out of messages."""

    environ: Mapping[str, str]
    root: Path
    redactor: Redactor = field(default_factory=Redactor)

    def resolve(self, value: Any) -> Any:
        """The value without references. Raises SecretMissing."""
        return resolve(value, self.environ, self.redactor, self.root)


@dataclass(frozen=True)
class Table:
    """A table of a file, and the path to it."""

    source: Source
    path: tuple[str | int, ...]
    values: Mapping[str, Any]

    def child(self, key: str) -> Table | None:
        """The table inside this one, if there is one under this key."""
        inner = self.values.get(key)
        return Table(self.source, (*self.path, key), inner) if isinstance(inner, dict) else None


class Notes:
    """The problems found so far, each once, without secrets."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._found: dict[Problem, None] = {}
        self._block: Problem | None = None

    def __iter__(self) -> Iterator[Problem]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def add(self, problem: Problem) -> None:
        """Keep a problem as it is."""
        self._found[problem] = None

    def beside(self) -> Notes:
        """Empty notes that mask the same secrets."""
        return Notes(self._redactor)

    def take(self, other: Notes) -> None:
        """Keep all problems of the others."""
        self._found.update(other._found)

    def at(
        self, table: Table, inside: Iterable[str | int], message: str, *, on_key: bool = False, severity: str = "error"
    ) -> None:
        """Note a problem with something in a table, where it stands.

        Parameters
        ----------
        inside: the path from the table to it.
        on_key: it is the key, not the value, that is wrong.
        """
        path = (*table.path, *inside)
        line, column = table.source.positions.locate(path, key=on_key)
        name = dotted(path)
        text = printable(self._redactor.mask(f"{name}: {message}" if name else message), 2000)
        self.add(Problem(table.source.shown, text, line=line, column=column, key=name, severity=severity))

    def block(self, problem: Problem) -> None:
        """Keep in mind that this problem, which is told elsewhere, is in the way here too."""
        self._block = self._block or problem

    @property
    def first_error(self) -> Problem | None:
        """The first problem that is more than a warning; without one, what is in the way from elsewhere."""
        return next((problem for problem in self if problem.severity == "error"), self._block)


class Reader:
    """Reads values from a table or, where it lacks a key, from the defaults behind it; notes what is wrong.

    Every method returns the default after a problem, so that reading goes on and finds the next one.
    """

    def __init__(self, layers: Iterable[Table], notes: Notes, secrets: Secrets) -> None:
        self.layers = tuple(layers)
        self._holders: dict[str, Table] = {}
        for table in reversed(self.layers):
            self._holders.update(dict.fromkeys(table.values, table))
        self.notes = notes
        self.secrets = secrets

    def has(self, key: str) -> bool:
        """Whether some layer has the key."""
        return key in self._holders

    def lacks(self, keys: Iterable[str]) -> bool:
        """Whether no layer has any of the keys."""
        return self._holders.keys().isdisjoint(keys)

    def child(self, key: str, known: Collection[str]) -> Reader:
        """A reader of the tables under this key, whose unknown keys are noted."""
        inner: list[Table] = []
        for table in self.layers:
            found = table.child(key)
            if found:
                inner.append(found)
                self.known_keys(found, known)
            elif key in table.values:
                self.refuse(table, key, "write a table")
        return Reader(inner, self.notes, self.secrets)

    def inside(self, key: str) -> Reader:
        """A reader of the tables under this key, of which nothing is noted."""
        return Reader([inner for table in self.layers if (inner := table.child(key))], self.notes, self.secrets)

    def known_keys(self, table: Table, known: Collection[str], hint: Check = lambda _name: None) -> None:
        """Note every key of the table that is not known."""
        for name in table.values:
            if name not in known:
                self.notes.at(table, [name], unknown_key(name, known, hint=hint(name) or ""), on_key=True)

    def refuse(self, table: Table, key: str, wanted: str) -> None:
        """Note that the value is not what is wanted, and show it."""
        self.notes.at(table, [key], f"found {shown(table.values[key])}; {wanted}")

    def text(self, key: str, default: str, check: Check = lambda _text: None, wanted: str = "a string") -> str:
        """A string, with its references resolved; `check` says what is wrong with it."""
        for table, value in self._nearest(key):
            if not isinstance(value, str):
                self.refuse(table, key, f"write {wanted}")
                return default
            try:
                resolved = str(self.secrets.resolve(value)) if "${" in value else value
            except SecretMissing as error:
                self.notes.at(table, [key], str(error))
                return default
            problem = check(resolved)
            if problem:
                self.notes.at(table, [key], problem)
                return default
            return resolved
        return default

    def flag(self, key: str, default: bool) -> bool:
        """True or false."""
        for table, value in self._nearest(key):
            if isinstance(value, bool):
                return value
            self.refuse(table, key, "write true or false")
        return default

    def whole(self, key: str, default: int, least: int, most: int) -> int:
        """A whole number in a range."""
        for table, value in self._nearest(key):
            if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
                return value
            self.refuse(table, key, f"write a whole number from {least} to {most}")
        return default

    def number(self, key: str, default: float, least: float, most: float) -> float:
        """A number in a range; never NaN or infinite."""
        for table, value in self._nearest(key):
            if isinstance(value, (int, float)) and not isinstance(value, bool) and least <= value <= most:
                return float(value)
            self.refuse(table, key, f"write a number from {least:g} to {most:g}")
        return default

    def span(self, key: str, default: timedelta, least: timedelta, most: timedelta) -> timedelta:
        """A duration in a range."""
        if key not in self._holders:
            return default
        text = self.text(key, "", lambda text: span_problem(text, least, most), 'a duration, such as "90s"')
        return parse_duration(text) if text else default

    def choice(self, key: str, default: str, allowed: Collection[str]) -> str:
        """One of some words."""
        return self.text(key, default, lambda text: choice_problem(text, allowed), f"one of: {', '.join(allowed)}")

    def words(self, key: str, check: Check, most: int = 100) -> tuple[str, ...]:
        """A list of strings, each of them checked; the default is an empty one."""
        for table, value in self._nearest(key):
            if not isinstance(value, list):
                self.refuse(table, key, "write a list of strings")
                return ()
            if len(value) > most:
                self.notes.at(table, [key], f"has {len(value)} entries; write at most {most}")
                return ()
            wrong = [(number, problem) for number, word in enumerate(value) if (problem := _word_problem(word, check))]
            for number, problem in wrong:
                self.notes.at(table, [key, number], problem)
            return () if wrong else tuple(value)
        return ()

    def _nearest(self, key: str) -> tuple[tuple[Table, Any], ...]:
        """The nearest table that has the key, with its value: one item or none."""
        table = self._holders.get(key)
        return ((table, table.values[key]),) if table else ()


def _word_problem(word: Any, check: Check) -> str | None:
    return check(word) if isinstance(word, str) else f"found {shown(word)}; write a string"


def span_problem(text: str, least: timedelta, most: timedelta) -> str | None:
    """What is wrong with a duration, if something is."""
    try:
        span = parse_duration(text)
    except ValueError as error:
        return str(error)
    if least <= span <= most:
        return None
    return f"found '{printable(text, 60)}'; write a duration from {format_duration(least)} to {format_duration(most)}"


def choice_problem(text: str, allowed: Collection[str]) -> str | None:
    """What is wrong with a word that must be one of some, if something is."""
    if text in allowed:
        return None
    meant = nearest(text, allowed)
    hint = f"did you mean '{meant}'? " if meant else ""
    return f"found '{printable(text, 60)}'; {hint}write one of: {', '.join(allowed)}"


def dotted(path: Iterable[str | int]) -> str:
    """A path as TOML writes it, list indices in brackets: `jobs.books.params.start[1]`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
            continue
        plain = step.isascii() and step.replace("-", "").replace("_", "").isalnum()
        name = step if plain else f'"{printable(step, 60)}"'
        text += f".{name}" if text else name
    return text


def bounded(value: float) -> bool:
    """Whether a number is one that JSON and every database can keep: finite, and an integer of 64 bits at most."""
    return -_LARGEST <= value <= _LARGEST if isinstance(value, int) else math.isfinite(value)


def shown(value: Any) -> str:
    """A value as messages show it: its kind and, unless it holds a reference or is long, itself."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return f"the number {value}" if bounded(value) else "a number out of all bounds"
    if isinstance(value, str):
        return "a string" if any(references(value)) else f"'{printable(value, 60)}'"
    kinds = {dict: "a table", list: "a list", datetime: "a date and time", date: "a date", time: "a time"}
    return kinds.get(type(value), "a value")

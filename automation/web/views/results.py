"""What a run returned, for people: figures, texts, tables.

Owns: which part of a result is shown in which form, and how much of it.
Never: knows a plugin.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from automation.text import format_duration, telling
from automation.web.words import pretty

_ROWS = 50
_COLUMNS = 12
_LONG = 300
#: What is counted in seconds, by the end of its name.
_SECONDS = ("_seconds", "_s")


@dataclass(frozen=True)
class Table:
    """Rows of one shape; `more` is how many are not shown."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    more: int = 0


@dataclass(frozen=True)
class Result:
    """A result in its parts; empty for none.

    Parameters
    ----------
    figures: (name, number) of what counts.
    facts: (name, text) of short texts.
    whole: all of it as JSON.
    """

    figures: tuple[tuple[str, str], ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    tables: tuple[Table, ...] = ()
    whole: str = ""


def result_of(result: Any) -> Result:
    """The parts of any JSON value."""
    if not isinstance(result, Mapping):
        return Result(whole=pretty(result))
    figures, facts, tables = [], [], []
    for key, value in telling(result).items():
        name = str(key).replace("_", " ")
        if isinstance(value, bool):
            facts.append((name, "yes" if value else "no"))
        elif isinstance(value, int | float):
            figures.append((name.removesuffix(" seconds"), _number(str(key), value)))
        elif isinstance(value, str) and value:
            facts.append((name, value[:_LONG] + ("…" if len(value) > _LONG else "")))
        elif table := _table(name, value):
            tables.append(table)
    return Result(tuple(figures), tuple(facts), tuple(tables), pretty(result))


def _number(key: str, value: float) -> str:
    if key.endswith(_SECONDS):
        return format_duration(float(value))
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4g}"


def _table(title: str, value: Any) -> Table | None:
    """A list of objects, or an object of plain values, as a table; None for what is no table."""
    if isinstance(value, Mapping):
        rows = tuple((str(key), _cell(one)) for key, one in value.items() if one not in (None, "", [], {}))
        return Table(title, ("", ""), rows[:_ROWS], max(len(rows) - _ROWS, 0)) if rows else None
    if not isinstance(value, Sequence) or isinstance(value, str) or not value:
        return None
    if not all(isinstance(one, Mapping) for one in value):
        return Table(title, ("",), tuple((_cell(one),) for one in value[:_ROWS]), max(len(value) - _ROWS, 0))
    columns = tuple(dict.fromkeys(str(key) for one in value[:_ROWS] for key in one))[:_COLUMNS]
    shown = tuple(tuple(_cell(one.get(column)) for column in columns) for one in value[:_ROWS])
    return Table(title, columns, shown, max(len(value) - _ROWS, 0))


def _cell(value: Any) -> str:
    text = (
        value
        if isinstance(value, str)
        else ""
        if value is None
        else pretty(value)
        if isinstance(value, Mapping | list)
        else f"{value:,}"
        if isinstance(value, int) and not isinstance(value, bool)
        else str(value)
    )
    return text if len(text) <= _LONG else text[:_LONG] + "…"

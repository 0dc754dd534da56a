"""Two versions of a watched page → what changed, and whether that is what somebody waits for.

Owns: the differences of texts, JSON, tables and single values, and the conditions.
Never: reads a page; remembers one.
"""

from __future__ import annotations

import difflib
import html
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from automation.scraping.watch import WatchParams

_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
#: More lines than these are told by their number.
_SHOWN = 200


@dataclass(frozen=True)
class Change:
    """What is different, as lines that begin with `-` or `+`.

    Parameters
    ----------
    share: how much of it changed: of a number its own size, of a text its lines.
    """

    lines: tuple[str, ...]
    added: int
    removed: int
    share: float

    @property
    def text(self) -> str:
        """The lines, the first of very many."""
        more = len(self.lines) - _SHOWN
        return "\n".join([*self.lines[:_SHOWN], *([f"… and {more} lines more"] if more > 0 else [])])

    def page(self, title: str) -> str:
        """The lines as a page for people."""
        colour = {"-": "#ffebe9", "+": "#dafbe1"}
        rows = "\n".join(
            f'<div style="background:{colour.get(line[:1], "none")};white-space:pre-wrap">{html.escape(line)}</div>'
            for line in self.lines
        )
        head = f"<meta charset=utf-8><title>{html.escape(title)}</title><h1>{html.escape(title)}</h1>"
        return f'<!doctype html>\n{head}\n<div style="font-family:monospace">\n{rows}\n</div>\n'


def compare(kind: str, old: str, new: str) -> Change:
    """What is different between two versions of this kind: `value`, `text`, `json`, `table`."""
    if kind == "value":
        before, after = number_of(old), number_of(new)
        share = abs(after - before) / abs(before) if before and after is not None else float(old != new)
        return Change((f"- {old}", f"+ {new}"), 1, 1, share)
    if kind == "json":
        lines = [*_json_lines(json.loads(old), json.loads(new), "")]
    elif kind == "table":
        lines = [*_table_lines(old, new)]
    else:
        lines = [*_text_lines(old, new)]
    added, removed = (sum(line.startswith(sign) for line in lines) for sign in "+-")
    total = max(len(old.splitlines()), len(new.splitlines()), 1)
    return Change(tuple(lines), added, removed, min(1.0, max(added, removed) / total))


def met(params: WatchParams, old: str | None, new: str, share: float) -> list[str]:
    """Which conditions have come true; without any condition, `changed`.

    Parameters
    ----------
    old: None at the first look: then a value may already be below or above, and a text already there.
    """
    when = params.when
    if old == new:
        return []
    value = number_of(new)
    found = []
    if when.below is not None and value is not None and value < when.below:
        found.append(f"below {when.below:g}")
    if when.above is not None and value is not None and value > when.above:
        found.append(f"above {when.above:g}")
    if when.changed_by is not None and old is not None and share >= when.changed_by:
        found.append(f"changed by {share:.1%}")
    found += [f"'{text}' appeared" for text in when.appears if text in new and text not in (old or "")]
    found += [
        f"'{text}' disappeared" for text in when.disappears if old is not None and text in old and text not in new
    ]
    if not when.model_fields_set and old is not None:
        found.append("changed")
    return found


def number_of(text: str) -> float | None:
    """The number that a value's text begins with."""
    found = _NUMBER.match(text)
    return float(found[0]) if found else None


def _text_lines(old: str, new: str) -> Iterator[str]:
    for line in difflib.unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=1):
        if line[:3] not in ("---", "+++") and not line.startswith("@@"):
            yield f"{line[:1]} {line[1:]}"


def _json_lines(old: Any, new: Any, path: str) -> Iterator[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        for name in sorted({*old, *new}):
            yield from _json_lines(old.get(name, _NOTHING), new.get(name, _NOTHING), f"{path}.{name}".lstrip("."))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for number, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from _json_lines(one, other, f"{path}[{number}]")
    elif isinstance(old, list) and isinstance(new, list):
        written = [[json.dumps(one, ensure_ascii=False, sort_keys=True) for one in side] for side in (old, new)]
        yield from (f"{sign} {path}[]: {one}" for sign, one in _unlike(*written))
    elif old != new or isinstance(old, bool) != isinstance(new, bool):
        for sign, value in (("-", old), ("+", new)):
            if value is not _NOTHING:
                yield f"{sign} {path or 'value'}: {json.dumps(value, ensure_ascii=False)}"


_NOTHING = object()


def _unlike(old: list[str], new: list[str]) -> Iterator[tuple[str, str]]:
    yield from (("-", one) for one in old if one not in new)
    yield from (("+", one) for one in new if one not in old)


def _table_lines(old: str, new: str) -> Iterator[str]:
    """Rows that came or went, and of those with the same first cell, the cells that changed."""
    before, after = ({row.split("\t")[0]: row.split("\t") for row in text.splitlines()} for text in (old, new))
    head = next(iter(after.values()), [])
    for name in [*before, *(name for name in after if name not in before)]:
        if before.get(name) == after.get(name):
            continue
        one, other = before.get(name), after.get(name)
        if one is None or other is None or len(one) != len(other):
            yield from (f"{sign} {' | '.join(row)}" for sign, row in (("-", one), ("+", other)) if row is not None)
            continue
        for number, (cell, now) in enumerate(zip(one, other, strict=True)):
            if cell != now:
                title = head[number] if number < len(head) and other is not head else f"column {number + 1}"
                yield from (f"- {name}, {title}: {cell}", f"+ {name}, {title}: {now}")

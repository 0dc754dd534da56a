"""Two versions of a watched page → what changed, and whether that is what somebody waits for.

Owns: the differences of texts, JSON, tables and single values, and the conditions.
Never: reads a page; remembers one.
"""

from __future__ import annotations

import difflib
import html
import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from automation.scraping.watch import WatchParams

_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
#: More lines than these are told by their number.
_SHOWN = 200
#: Lines of one version times lines of the other that are put beside each other in about a second; it takes their product.
_BESIDE = 25_000_000


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
        was, now = number_of(old), number_of(new)
        share = abs(now - was) / abs(was) if was and now is not None else float(old != new)
        return Change((f"- {old}", f"+ {new}"), 1, 1, share)
    if kind == "json":
        # Not strict: versions that were kept long ago may hold the ends of lines within texts.
        before, after = (json.loads(text, strict=False) for text in (old, new))
        lines = [*_json_lines(before, after, "")]
    elif kind == "table":
        lines = [*_table_lines(old, new)]
    else:
        lines = [*_text_lines(old, new)]
    added, removed = (sum(line.startswith(sign) for line in lines) for sign in "+-")
    total = max(len(_lines(old)), len(_lines(new)), 1)
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


def _lines(text: str) -> list[str]:
    # Not splitlines: JSON may hold what is the end of a line elsewhere.
    return text.split("\n") if text else []


def _text_lines(old: str, new: str) -> Iterator[str]:
    before, after = _where_they_differ(_lines(old), _lines(new))
    if len(before) * len(after) > _BESIDE:
        found = [f"{sign} {line}" for sign, line in _unlike(before, after)]
        yield from found or ["  the same lines in another order"]
        return
    # The first two lines of its answer are names of files.
    for line in islice(difflib.unified_diff(before, after, lineterm="", n=1), 2, None):
        if not line.startswith("@@"):
            yield f"{line[:1]} {line[1:]}"


def _where_they_differ(old: Sequence[str], new: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """Both without what they begin and end with alike, but for one line on each side."""
    short = min(len(old), len(new))
    begin = next((at for at in range(short) if old[at] != new[at]), short)
    end = next((at for at in range(short - begin) if old[-1 - at] != new[-1 - at]), short - begin)
    begin, end = max(begin - 1, 0), max(end - 1, 0)
    return old[begin : len(old) - end], new[begin : len(new) - end]


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


def _unlike(old: Sequence[str], new: Sequence[str]) -> Iterator[tuple[str, str]]:
    """What one has more of than the other, wherever it stands."""
    for sign, side, other in (("-", old, new), ("+", new, old)):
        more = Counter(side) - Counter(other)
        for one in side:
            if more[one] > 0:
                more[one] -= 1
                yield sign, one


def _table_lines(old: str, new: str) -> Iterator[str]:
    """Rows that came or went, and of those with the same first cell, the cells that changed."""
    before, after = (_rows(text) for text in (old, new))
    head = next(iter(after.values()), [])
    for key in [*before, *(key for key in after if key not in before)]:
        one, other, name = before.get(key), after.get(key), key[0]
        if one == other:
            continue
        if one is None or other is None or len(one) != len(other):
            yield from (f"{sign} {' | '.join(row)}" for sign, row in (("-", one), ("+", other)) if row is not None)
            continue
        for number, (cell, now) in enumerate(zip(one, other, strict=True)):
            if cell != now:
                title = head[number] if number < len(head) and other is not head else f"column {number + 1}"
                yield from (f"- {name}, {title}: {cell}", f"+ {name}, {title}: {now}")


def _rows(text: str) -> dict[tuple[str, int], list[str]]:
    """The rows by their first cell, and by how many rows before have the same."""
    found: dict[tuple[str, int], list[str]] = {}
    seen: Counter[str] = Counter()
    for row in _lines(text):
        cells = row.split("\t")
        found[cells[0], seen[cells[0]]] = cells
        seen[cells[0]] += 1
    return found

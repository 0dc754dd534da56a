"""Which items are kept: an expression over an item's fields.

Owns: checking such an expression before a run, and what it says of an item.
Never: reads a page; drops an item itself.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any

from automation.rendering.conditions import condition, names_in
from automation.text import nearest, printable


def check_condition(text: str, names: Collection[str]) -> str:
    """The expression as it is. Raises ValueError when it is none, or names what is no field."""
    for name in sorted(names_in(text) - set(names)):
        meant = nearest(name, names)
        way_out = f"did you mean '{meant}'?" if meant else f"fields: {', '.join(names)}"
        raise ValueError(f"'{printable(name, 60)}' is not a field; {way_out}")
    return text


def holds(text: str, values: Mapping[str, Any]) -> bool:
    """Whether it is true of an item. A field that is empty makes a comparison false, and is no error."""
    return bool(_compiled(text)({name: _plain(value) for name, value in values.items()}))


@lru_cache(maxsize=64)
def _compiled(text: str) -> Callable[[Mapping[str, Any]], Any]:
    return condition(text)


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else value

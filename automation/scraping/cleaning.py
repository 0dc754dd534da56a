"""Steps that tidy a text before it is read as a value.

Owns: the names of the steps and what each does.
Never: knows types or fields.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence

from automation.text import nearest, printable

_SPACE = re.compile(r"\s+")
_PLAIN: dict[str, Callable[[str], str]] = {
    "strip": str.strip,
    "collapse": lambda text: _SPACE.sub(" ", text),
    "lower": str.lower,
    "upper": str.upper,
    "title": str.title,
    "nfc": lambda text: unicodedata.normalize("NFC", text),
    "nfkc": lambda text: unicodedata.normalize("NFKC", text),
}
_WITH_TEXT: dict[str, Callable[[str, str], str]] = {
    "remove": lambda text, part: text.replace(part, ""),
    "before": lambda text, part: text.partition(part)[0],
    "after": lambda text, part: text.partition(part)[2] if part in text else text,
    "prefix": lambda text, part: part + text,
    "replace": lambda text, part: text.replace(part.partition("=>")[0], part.partition("=>")[2]),
}


def check_step(step: str) -> str:
    """The step as it is. Raises ValueError, with what there is, for one that is unknown or lacks its text."""
    name, colon, part = step.partition(":")
    if not colon and name in _PLAIN:
        return step
    if name in _WITH_TEXT and part and (name != "replace" or part.partition("=>")[0]):
        return step
    steps = [*_PLAIN, *(f"{each}:TEXT" for each in _WITH_TEXT if each != "replace"), "replace:OLD=>NEW"]
    meant = nearest(name, [*_PLAIN, *_WITH_TEXT]) if name not in _WITH_TEXT else None
    way_out = f"did you mean '{meant}'? Write" if meant and meant != name else "write"
    raise ValueError(f"'{printable(step, 40)}' is not a cleaning step; {way_out} one of: {', '.join(steps)}")


def tidy(text: str, steps: Sequence[str] = (), *, keep_space: bool = False) -> str:
    """The text without control characters, its white space collapsed and stripped, then each step in order.

    Parameters
    ----------
    keep_space: leave white space as it is, for HTML.
    """
    if "\x00" in text:
        text = text.replace("\x00", "")
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode("utf-8")
    if not keep_space:
        text = " ".join(text.split())  # the same white space as that of a regular expression
    if not steps:
        return text
    for step in steps:
        name, _, part = step.partition(":")
        text = _PLAIN[name](text) if name in _PLAIN else _WITH_TEXT[name](text, part)
    return text if keep_space else text.strip()

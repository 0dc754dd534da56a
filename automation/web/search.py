"""What is typed into a search box: words, and qualifiers such as `tag:shop state:failing`.

Owns: reading it, and saying which qualifiers there are.
Never: knows what is searched.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from automation.text import nearest, printable

_PART = re.compile(r'(?:(?P<key>[a-z_]+):)?(?:"(?P<quoted>[^"]*)"?|(?P<plain>[^\s"]+))', re.IGNORECASE)
LONGEST = 500


@dataclass(frozen=True)
class Search:
    """What was asked.

    Parameters
    ----------
    words: what a text must hold, in small letters.
    wanted: (qualifier, value) in the order in which they were typed; of one qualifier any value will do.
    problem: what is wrong with it, as a sentence; "" when it can be used.
    """

    words: tuple[str, ...] = ()
    wanted: tuple[tuple[str, str], ...] = ()
    problem: str = ""

    def values(self, key: str) -> list[str]:
        """What a qualifier may be; empty is anything."""
        return [value for name, value in self.wanted if name == key]

    def fits(self, key: str, *found: str) -> bool:
        """Whether one of these is asked for, or the qualifier was not typed."""
        wanted = self.values(key)
        return not wanted or any(value in found for value in wanted)


def read_search(text: str, known: Collection[str]) -> Search:
    """The words and the qualifiers, of which only known ones are taken; never raises."""
    words: list[str] = []
    wanted: list[tuple[str, str]] = []
    problem = ""
    for part in _PART.finditer(text[:LONGEST]):
        key, value = (part["key"] or "").lower(), part["quoted"] if part["quoted"] is not None else part["plain"]
        if key in known:
            wanted.append((key, value))
        elif key:
            meant = nearest(key, known)
            hint = (
                f"did you mean '{meant}:'?" if meant else f"there is: {', '.join(f'{one}:' for one in sorted(known))}"
            )
            problem = problem or f"There is no '{printable(key, 40)}:' to search by; {hint}"
        elif value:
            words.append(value.lower())
    return Search(tuple(words), tuple(wanted), problem)

"""How much of one page is read: what would hold a run for hours or fill the memory is refused.

Owns: the parameters of it, how a page's markup is weighed before it is parsed, the time and text that reading it may take.
Never: parses; bounds the bytes of an answer (`net` does).
"""

from __future__ import annotations

import re
from datetime import timedelta

from pydantic import Field

from automation.clock import worked
from automation.errors import FailureClass, JobFailed
from automation.scraping.kinds import Duration, Strict
from automation.text import format_duration, printable

#: An attribute and a start tag as HTML5 reads them; possessive, so that no text is looked at twice.
_ATTRIBUTE = re.compile(r"""[^\s/>][^\s/>=]*+(?:\s*+=\s*+(?:"[^"]*+"|'[^']*+'|[^\s>]*+))?+""")
_START = re.compile(rf"<[a-zA-Z][^\s/>]*+(?:[\s/]++|{_ATTRIBUTE.pattern})*+")
_EITHER = re.compile(rf"<(/?)([a-zA-Z][^\s/>]*+)(?:[\s/]++|{_ATTRIBUTE.pattern})*+>?")
#: What a page of so few characters holds costs a moment, whatever it is.
_SHORT = 50_000
#: Lexbor looks through all open elements at each tag; and opens unclosed ones of the second kind again in each block.
_LEXBOR_SHORT, _LEXBOR_DEEPEST, _LEXBOR_SAFE = 3000, 5000, 2_000_000
_FORMATTING = frozenset(
    ("a", "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u")
)
#: These end where the next one begins, or have no end.
_UNCLOSED = frozenset(
    (
        "area", "base", "basefont", "bgsound", "body", "br", "col", "colgroup", "dd", "dt", "embed", "frame", "head", "hr",
        "html", "img", "input", "keygen", "li", "link", "meta", "optgroup", "option", "p", "param", "rb", "rp", "rt", "rtc",
        "source", "tbody", "td", "tfoot", "th", "thead", "tr", "track", "wbr"
    )
)  # fmt: skip
_FOREIGN = frozenset(("svg", "math"))
#: Items and their texts overlap where elements of items stand inside of each other: so many times the page, and no more.
_TEXT_TIMES = 10


class Bounds(Strict):
    """How much of one page is read."""

    max_elements: int = Field(
        300_000, ge=1, description="elements of one page, attributes counted with them; also its items"
    )
    max_attributes: int = Field(5000, ge=1, description="attributes of one element")
    max_reading: Duration = Field(
        timedelta(minutes=1),
        description="processor time that reading one page may take",
        json_schema_extra={"default": "1m"},
    )

    def weigh(self, html: str, where: str, parser: str) -> None:
        """Refuse markup that a parser would be at for hours, or need gigabytes for. Raises JobFailed (DATA_INVALID).

        Parameters
        ----------
        where: the page's address, for the message.
        parser: `lxml` or `lexbor`, which is slow at other things.
        """
        if len(html) > min(_SHORT, self.max_elements):
            starts = _START.findall(html)
            # An attribute takes two characters at least.
            many = [one for one in starts if len(one) > 2 * self.max_attributes]
            for tag in many:
                if (found := len(_ATTRIBUTE.findall(tag)) - 1) > self.max_attributes:
                    raise _beyond(where, f"an element with {found:,} attributes", "max_attributes", self.max_attributes)
            number = len(starts)
            if number <= self.max_elements < len(html) // 2:
                number = sum(map(len, map(_ATTRIBUTE.findall, starts)))
            if number > self.max_elements:
                raise _beyond(where, f"{number:,} elements and attributes", "max_elements", self.max_elements)
        if parser == "lexbor" and html.count("<") > _LEXBOR_SHORT:
            _weigh_nesting(html, where)

    def check_items(self, number: int, where: str) -> None:
        """Refuse more items than that. Raises JobFailed (DATA_INVALID)."""
        if number > self.max_elements:
            raise _beyond(where, f"{number:,} items", "max_elements", self.max_elements)


class Effort:
    """What reading one page has cost since it began.

    Parameters
    ----------
    size: of the page, in characters.

    Attributes
    ----------
    end: the second of `worked` at which reading has to be over.
    """

    def __init__(self, bounds: Bounds, size: int, where: str) -> None:
        self._most, self._where, self._size = bounds.max_reading, where, size
        self.end = worked() + self._most.total_seconds()
        self._left = _TEXT_TIMES * max(size, 1_000_000)

    def check(self) -> None:
        """Raises JobFailed (DATA_INVALID) when it took too long."""
        if worked() > self.end:
            raise JobFailed(
                f"Reading {printable(self._where, 200)} took more than max_reading = {format_duration(self._most)} of the "
                "processor; look at the page and at the selectors and regexes, and raise max_reading if both are right",
                FailureClass.DATA_INVALID,
                code="max_reading",
            )

    def took(self, text: object) -> None:
        """A value was read. Raises JobFailed (DATA_INVALID) when all together are far longer than the page."""
        if type(text) is str:
            self._left -= len(text)
            if self._left < 0:
                raise JobFailed(
                    f"What is read of {printable(self._where, 200)} would hold more than {_TEXT_TIMES} times the text of the "
                    "page, since elements stand inside of each other; choose selectors that match less of the page",
                    FailureClass.DATA_INVALID,
                    code="too_large",
                )


def _weigh_nesting(html: str, where: str) -> None:
    """How deep elements are open in each other, and how often unclosed formatting is opened anew, at most."""
    depth = formatting = again = foreign = 0
    for slash, written in _EITHER.findall(html):
        name = written.lower()
        if foreign or name not in _UNCLOSED:
            step = -1 if slash else 1
            depth = max(0, depth + step)
            if name in _FORMATTING:
                formatting = max(0, formatting + step)
            elif name in _FOREIGN:
                foreign = max(0, foreign + step)
        again += formatting
        if depth > _LEXBOR_DEEPEST or again > _LEXBOR_SAFE:
            how = f"more than {_LEXBOR_DEEPEST:,} deep" if depth > _LEXBOR_DEEPEST else "without their ends"
            raise JobFailed(
                f'{printable(where, 200)} has elements nested {how}, which parser = "lexbor" takes too long for; '
                'parser = "lxml" reads it',
                FailureClass.DATA_INVALID,
                code="nesting",
            )


def _beyond(where: str, what: str, key: str, most: int) -> JobFailed:
    return JobFailed(
        f"{printable(where, 200)} has {what}, more than {key} = {most}; raise {key} if that is right",
        FailureClass.DATA_INVALID,
        code=key,
    )

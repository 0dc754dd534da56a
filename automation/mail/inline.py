"""CSS at the elements of a mail's page: many mail programs drop style sheets.

Owns: inlining, once for each shape of a page and not for each mail.
Never: loads anything; touches the words between the tags.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from functools import cache
from typing import TYPE_CHECKING

from automation.errors import InvalidInput

if TYPE_CHECKING:
    from css_inline import CSSInliner

_END = "</style>"
#: Words between two tags; a space alone is none, since a parser would move a mark between the rows of a table.
_WORDS = re.compile(r">(\s*+[^<>][^<>]*+)<")
_LINKS = re.compile(r' href="([^"<>]*+)"')
_MARK = re.compile("\ue000(\\d+)\ue001")
_LINK = ' href="\ue002"'
_MOST_SHAPES = 64

_shapes: OrderedDict[tuple[str, ...], list[str]] = OrderedDict()


def inline_css(page: str) -> str:
    """The page with the rules of its style sheets at its elements; media queries stay in a sheet.

    The mails of a merge mostly have one shape: the same tags with other words and links. A shape is inlined once and
    kept; after that a mail costs the look for its tags, a fraction of the inlining.

    Raises InvalidInput where a sheet cannot be read.
    """
    if "<style" not in page.lower():
        return page
    head, end, body = page.rpartition(_END)
    if not end or any(mark in page for mark in "\ue000\ue001\ue002"):
        return _inlined(page)
    # A rule may ask for an attribute; then links are part of the shape.
    links = [body] if "[" in head else _LINKS.split(body)
    title = _WORDS.split(head, maxsplit=1) if "<title>" in head else [head]
    pieces = _WORDS.split(_LINK.join(links[::2]))
    # Both begin and end with a piece of the shape, so that two of them meet.
    pieces = [*title[:-1], title[-1] + end + pieces[0], *pieces[1:]]
    kept = _kept(tuple(pieces[::2]))
    if kept is None:
        return _inlined(page)
    pieces[::2] = kept
    parts = "".join(pieces).split(_LINK)
    whole = [parts[0]]
    for link, part in zip(links[1::2], parts[1:], strict=True):
        whole += (f' href="{link}"', part)
    return "".join(whole)


def _kept(shape: tuple[str, ...]) -> list[str] | None:
    """The shape inlined; None where its pieces cannot be told apart afterwards."""
    found = _shapes.get(shape)
    if found is None:
        marked = "".join(f"{piece}>\ue000{number}\ue001<" for number, piece in enumerate(shape[:-1])) + shape[-1]
        parts = _MARK.split(_inlined(marked))
        in_order = [int(number) for number in parts[1::2]] == list(range(len(shape) - 1))
        links_stand = sum(piece.count(_LINK) for piece in shape) == sum(part.count(_LINK) for part in parts)
        _shapes[shape] = found = parts[::2] if in_order and links_stand else []
        while len(_shapes) > _MOST_SHAPES:
            _shapes.popitem(last=False)
    else:
        _shapes.move_to_end(shape)
    return found or None


def _inlined(page: str) -> str:
    try:
        return str(_inliner().inline(page))
    except ValueError as error:
        raise InvalidInput(f"The style sheet of the mail cannot be read: {error}") from error


@cache
def _inliner() -> CSSInliner:
    try:
        from css_inline import CSSInliner
    except ModuleNotFoundError as error:
        raise InvalidInput("Mail needs css-inline; run: pip install css-inline") from error
    return CSSInliner(keep_at_rules=True, load_remote_stylesheets=False)

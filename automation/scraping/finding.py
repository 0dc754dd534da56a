"""From an example value to selectors that find it.

Owns: where a text stands on a page, and the shortest selectors that lead there.
Never: fetches; decides which of them is right.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bs4 import BeautifulSoup, Tag

from automation.scraping.page import Page
from automation.scraping.soup import make_soup
from automation.scraping.structured import linked_data

_MOST, _MOST_ELEMENTS, _ELEMENTS = 8, 5, 40
_PLAIN = re.compile(r"-?[A-Za-z_][\w-]*")
#: So often something has to stand on a page to be a list.
_REPEATED = 3
#: Attributes that hold no value that anybody looks for.
_DULL = frozenset(("class", "style", "id"))


@dataclass(frozen=True)
class Suggestion:
    """A way to the value.

    Parameters
    ----------
    write: what stands in TOML.
    matches: how many places it finds on the page.
    first: the first text found there.
    items: the selector of the repeated element that it stands in, to which `write` is relative; empty for the page.
    """

    write: str
    matches: int
    first: str
    items: str = ""


def suggestions(page: Page, wanted: str) -> list[Suggestion]:
    """Ways to a value, the surest first: data for programs, then elements and attributes."""
    wanted = " ".join(wanted.split())
    soup = make_soup(page.html)
    found = [*_in_data(page, wanted), *_in_meta(soup, wanted), *_in_elements(soup, wanted)]
    return list(dict.fromkeys(found))[:_MOST]


def _in_data(page: Page, wanted: str) -> Iterator[Suggestion]:
    try:
        objects = linked_data(page.reading)
    except ValueError:
        objects = []
    for one in objects:
        kind = one.get("@type")
        for path, value in _paths(one):
            if _same(value, wanted):
                name = f"{kind}.{path}" if isinstance(kind, str) and kind[:1].isupper() else path
                yield Suggestion(f'{{ jsonld = "{name}" }}', 1, str(value))
    if page.html.lstrip()[:1] in ("{", "["):
        try:
            yield from (
                Suggestion(f'{{ json = "{path}" }}', 1, str(value))
                for path, value in _paths(page.data)
                if _same(value, wanted)
            )
        except RecursionError:
            return


def _paths(value: Any, path: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    if depth > 30:
        return
    if isinstance(value, dict):
        for name, one in value.items():
            plain = name if _PLAIN.fullmatch(name) and "-" not in name else json.dumps(name)
            yield from _paths(one, f"{path}.{plain}" if path else plain, depth + 1)
    elif isinstance(value, list):
        for number, one in enumerate(value[:100]):
            yield from _paths(one, f"{path}[{number}]", depth + 1)
    else:
        yield path, value


def _in_meta(soup: BeautifulSoup, wanted: str) -> Iterator[Suggestion]:
    for one in soup.select("meta[content]"):
        name = one.get("property") or one.get("name") or one.get("itemprop")
        if name and _same(one["content"], wanted):
            yield Suggestion(f'{{ meta = "{name}" }}', 1, str(one["content"]))


def _in_elements(soup: BeautifulSoup, wanted: str) -> list[Suggestion]:
    made: list[tuple[int, Suggestion]] = []
    for element, attr, exact in _places(soup, wanted):
        for items, css in _ways(soup, element):
            around = soup.select(items) if items else [soup]
            where = next((one for one in around if element in one.descendants), soup)
            every = len(soup.select(f"{items} {css}" if items else css))
            if where.select_one(css) is not element or not every:
                continue
            text = str(element.get(attr)) if attr else " ".join(element.get_text().split())
            write = f"{css}@{attr}" if attr else css
            cost = (
                len(css) + 15 * css.count("nth-of") + (0 if exact else 40) + (0 if items else 5) + (10 if attr else 0)
            )
            cost += 0 if every == len(around) else 30
            made.append((cost, Suggestion(f'"{write}"', every, text, items)))
    return [one for _, one in sorted(made, key=lambda pair: pair[0])][:_MOST_ELEMENTS]


def _places(soup: BeautifulSoup, wanted: str) -> list[tuple[Tag, str | None, bool]]:
    """Elements whose own text or attribute holds the value: those that hold nothing else come first."""
    exact: list[tuple[Tag, str | None, bool]] = []
    loose: list[tuple[Tag, str | None, bool]] = []
    for element in soup.find_all(True):
        if element.name in ("script", "style", "meta", "html", "body", "head"):
            continue
        own = " ".join("".join(element.find_all(string=True, recursive=False)).split())
        if own == wanted or (wanted in own):
            (exact if own == wanted else loose).append((element, None, own == wanted))
        for name, value in element.attrs.items():
            text = " ".join(value) if isinstance(value, list) else str(value)
            if name not in _DULL and wanted in text:
                (exact if text == wanted else loose).append((element, name, text == wanted))
    return [*exact, *loose][:_ELEMENTS]


def _ways(soup: BeautifulSoup, element: Tag) -> Iterator[tuple[str, str]]:
    """Selectors that may lead to the element: within a repeated one around it, and from the page."""
    around = _repeated(soup, element)
    own = [*_names(element)]
    parent = element.parent
    above = [*_names(parent)][:2] if parent is not None and parent.name not in ("body", "html", "[document]") else []
    chains = [*own, *(f"{up} > {one}" for up in above for one in own)]
    for css in chains:
        if around:
            yield around, css
        if not around or css.startswith("#"):
            yield "", css


def _repeated(soup: BeautifulSoup, element: Tag) -> str:
    """The selector of the outermost element around it that the page has as often as the nearest repeated one."""
    found, times = "", 0
    for one in element.parents:
        if one.name in ("body", "html", "[document]"):
            break
        for css in _names(one):
            number = 0 if css.startswith("#") or "nth-of" in css else len(soup.select(css))
            if number >= _REPEATED and one.get("class") and (not found or number == times):
                found, times = css, number
                break
    return found


def _names(element: Tag) -> Iterator[str]:
    """The element by its id, its marks for programs, its classes, its name."""
    identity = element.get("id")
    if isinstance(identity, str) and _PLAIN.fullmatch(identity) and not re.search(r"\d{3}", identity):
        yield f"#{identity}"
    for name in ("itemprop", "data-testid", "data-test", "data-qa"):
        if isinstance(value := element.get(name), str) and value and '"' not in value:
            yield f"[{name}='{value}']"
    classes: Any = element.get("class") or []
    plain = [
        one for one in classes if isinstance(classes, list) and _PLAIN.fullmatch(one) and not re.search(r"\d{3}", one)
    ]
    yield from (f".{one}" for one in plain)
    yield from (f"{element.name}.{one}" for one in plain[:2])
    yield element.name
    beside = element.parent.find_all(element.name, recursive=False) if element.parent is not None else []
    if len(beside) > 1:
        place = next(number for number, one in enumerate(beside, 1) if one is element)
        yield f"{element.name}:nth-of-type({place})"


def _same(value: Any, wanted: str) -> bool:
    return not isinstance(value, (dict, list)) and value is not None and " ".join(str(value).split()) == wanted

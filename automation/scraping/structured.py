"""Data that a page carries for programs: JSON, JSON-LD, microdata and meta elements.

Owns: reading each of them from a page, and what a path finds in them.
Never: converts a value to a field's type; fetches.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jmespath

from automation.scraping.reading import Element, Reading
from automation.text import printable

_TYPED = re.compile(r"([A-Z]\w*)(?:\.(?=.)|(?=\[)|$)(.*)", re.DOTALL)
_NAMES = re.compile(r'(?:\w+|"[^"\\]+")(?:\.(?:\w+|"[^"\\]+"))*')
_NAME = re.compile(r'"[^"]+"|\w+')
_BEGUN = re.compile(r"<!--|(?://\s*)?<!\[CDATA\[")
_LONGEST_END = 50
_ENDED = re.compile(r"-->$|(?://\s*)?\]\]>$")
#: A page with more objects, or deeper ones, is no page for people.
_MOST, _MOST_SCOPES, _DEEPEST = 20_000, 5_000, 60
_LINKING = {"a": "href", "area": "href", "link": "href", "img": "src", "iframe": "src", "source": "src", "audio": "src", "video": "src", "embed": "src", "object": "data", "time": "datetime", "data": "value", "meter": "value"}  # fmt: skip


@dataclass(frozen=True)
class Data:
    """A value of JSON as a place on a page, and as what a path finds."""

    value: Any


def read_json(text: str, where: str) -> Any:
    """The text read as JSON. Raises ValueError with the place of the first mistake."""
    try:
        return json.loads(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"{where} is not JSON: {printable(str(error), 120)}; it begins '{printable(text, 40)}'"
        ) from None


@lru_cache(maxsize=512)
def _compiled(path: str) -> Any:
    return jmespath.compile(path)


def search(path: str, value: Any) -> list[Data]:
    """What a JMESPath expression finds: each element of a list for itself, nothing for null."""
    try:
        found = _compiled(path).search(value)
    except jmespath.exceptions.JMESPathError as error:
        raise ValueError(f"'{printable(path, 80)}': {printable(str(error), 200)}") from None
    except RecursionError:
        raise ValueError(f"'{printable(path, 80)}': the JSON is nested too deep") from None
    return [Data(one) for one in (found if isinstance(found, list) else [found]) if one is not None]


def in_objects(path: str, objects: list[Any]) -> list[Data]:
    """What a path finds in objects of schema.org: `Product.offers.price`, `offers.price`, `Product`.

    A name with a capital at the start chooses objects of that type, however deep; without one, all outermost objects are
    searched. One value and a list of one mean the same there, so that plain names lead through lists.
    """
    typed = _TYPED.fullmatch(path)
    chosen = [one for one in _all_of(objects) if _is_a(one, typed[1])] if typed else objects
    rest = typed[2] if typed else path
    if not rest:
        return [Data(one) for one in chosen]
    if _NAMES.fullmatch(rest):
        return [Data(one) for one in _through([*chosen], [name.strip('"') for name in _NAME.findall(rest)])]
    return [found for one in chosen for found in search(rest, one)]


def _through(values: list[Any], names: list[str]) -> list[Any]:
    for name in names:
        values = [value[name] for value in values if isinstance(value, dict) and value.get(name) is not None]
        values = [one for value in values for one in (value if isinstance(value, list) else [value])]
    return [value["@value"] if isinstance(value, dict) and "@value" in value else value for value in values]


def _all_of(value: Any, depth: int = 0) -> Iterator[dict[str, Any]]:
    if depth > _DEEPEST:
        return
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            if isinstance(one, (dict, list)):
                yield from _all_of(one, depth + 1)


def _is_a(one: dict[str, Any], name: str) -> bool:
    kinds = one.get("@type")
    named = kinds if isinstance(kinds, list) else [kinds]
    return any(isinstance(kind, str) and re.split(r"[/#:]", kind)[-1] == name for kind in named)


def linked_data(reading: Reading) -> list[Any]:
    """The objects of the page's JSON-LD in order, graphs opened. Raises ValueError when there is some and none can be read."""
    objects: list[Any] = []
    problem: ValueError | None = None
    for script in reading.css('script[type="application/ld+json" i]', reading.whole):
        text = _unwrapped(reading.raw(script))
        try:
            found = json.loads(text, strict=False)
        except (ValueError, RecursionError) as error:
            problem = ValueError(f"the page's JSON-LD cannot be read: {printable(str(error), 120)}")
            continue
        for one in found if isinstance(found, list) else [found]:
            graph = one.get("@graph") if isinstance(one, dict) else None
            objects += graph if isinstance(graph, list) else [one]
    if problem and not objects:
        raise problem
    return [one for one in objects if isinstance(one, dict)][:_MOST]


def _unwrapped(text: str) -> str:
    """The JSON of a script, out of a comment or a CDATA section, without the semicolon of a program."""
    text = text.strip()
    begun = _BEGUN.match(text)
    text = text[begun.end() :] if begun else text
    text = text.removesuffix(";").rstrip()
    ended = _ENDED.search(text, max(0, len(text) - _LONGEST_END))
    return text[: ended.start()] if ended else text


def microdata(reading: Reading, scope: Element) -> list[Any]:
    """The outermost items of microdata within a place, each as an object with `@type`."""
    scopes = reading.css("[itemscope]", scope)
    own = [scope] if scope is not reading.whole and reading.attribute(scope, "itemscope") is not None else []
    return _Microdata(reading, [*own, *scopes[:_MOST_SCOPES]]).outermost()


class _Microdata:
    """The items of a page by their elements, each read once."""

    def __init__(self, reading: Reading, scopes: list[Element]) -> None:
        self._reading, self._scopes = reading, scopes
        self._ids = {id(one) for one in scopes}
        self._below = {id(one): reading.css("[itemprop]", one) for one in scopes}

    def outermost(self) -> list[Any]:
        inner = {id(prop) for props in self._below.values() for prop in props if id(prop) in self._ids}
        return [self._object(one, 0) for one in self._scopes if id(one) in self._below and id(one) not in inner]

    def _object(self, scope: Element, depth: int) -> dict[str, Any]:
        kind = self._reading.attribute(scope, "itemtype")
        made: dict[str, Any] = {"@type": kind.split()} if kind else {}
        props = self._below.get(id(scope), [])
        deeper = {
            id(one)
            for prop in props
            if id(prop) in self._ids
            for one in self._below.get(id(prop), ())
            if depth < _DEEPEST
        }
        for prop in props:
            if id(prop) in deeper:
                continue
            is_item = id(prop) in self._ids and depth < _DEEPEST
            value = self._object(prop, depth + 1) if is_item else self._text(prop)
            for name in (self._reading.attribute(prop, "itemprop") or "").split():
                made.setdefault(name, []).append(value)
        return {name: value[0] if len(value) == 1 and name != "@type" else value for name, value in made.items()}

    def _text(self, prop: Element) -> str:
        content = self._reading.attribute(prop, "content")
        if content is not None:
            return content
        attr = _LINKING.get(self._reading.name(prop))
        found = self._reading.attribute(prop, attr) if attr else None
        return " ".join((found if found is not None else self._reading.text(prop)).split())


def meta(reading: Reading, name: str) -> list[str]:
    """The contents of the page's meta elements of this name, be it their property, name or itemprop."""
    found = []
    for one in reading.css("meta[content]", reading.whole):
        names = (reading.attribute(one, key) for key in ("property", "name", "itemprop", "http-equiv"))
        content = reading.attribute(one, "content")
        if content and any(each is not None and each.strip().lower() == name.lower() for each in names):
            found.append(content)
    return found

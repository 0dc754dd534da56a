"""Where in a TOML file a key or a value stands.

Owns: the one use of the TOML syntax tree; from a path such as ("jobs", "books", "cron") to line and column.
Never: decides what a value means; that is tomllib's, whose answer the tree only locates.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import tree_sitter
import tree_sitter_toml

from automation.project.headers import Headers

Path = Sequence[str | int]
_KEYS = ("bare_key", "quoted_key")
_PUNCTUATION = ("=", "[", "]", "[[", "]]", "{", "}", ",", "comment")
_LANGUAGE = tree_sitter.Language(tree_sitter_toml.language())


@dataclass
class _Place:
    """A value in the tree: where it is, and what is inside it, looked into only when asked for."""

    value: tree_sitter.Node
    key: tree_sitter.Node
    unread: list[tree_sitter.Node] = field(default_factory=list)
    inside: dict[str | int, _Place] = field(default_factory=dict)


class Positions:
    """The positions of one file, which must be TOML that tomllib has read."""

    def __init__(self, text: bytes) -> None:
        self._text = text

    @cached_property
    def _headers(self) -> Headers:
        return Headers(self._text.decode())

    @cached_property
    def _tree(self) -> _Tree:
        return _Tree(self._text)

    def locate(self, path: Path, *, key: bool = False) -> tuple[int, int]:
        """Line and column, from 1, in characters, of the value at this path, or of the nearest thing around it.

        Parameters
        ----------
        key: the place of the key in front of the value.
        """
        quick = None if key else self._headers.locate(path)
        return quick or self._tree.locate(path, key=key)


class _Tree:
    """The whole syntax of a file, which finds every path."""

    def __init__(self, text: bytes) -> None:
        root = tree_sitter.Parser(_LANGUAGE).parse(text).root_node
        self._lines = text.split(b"\n")
        self._root = _Place(root, root)
        for child in root.children:
            if child.type == "pair":
                self._root.unread.append(child)
            elif child.type in ("table", "table_array_element"):
                self._add_header(child)

    def locate(self, path: Path, *, key: bool) -> tuple[int, int]:
        place = self._root
        for step in path:
            _read_inside(place)
            if step not in place.inside:
                key = False
                break
            place = place.inside[step]
        row, column = (place.key if key else place.value).start_point
        return row + 1, len(self._lines[row][:column].decode("utf-8", "replace")) + 1

    def _add_header(self, header: tree_sitter.Node) -> None:
        names = next((child for child in header.children if child.type in (*_KEYS, "dotted_key")), None)
        if names is None:
            return
        place = self._root
        *parents, last = list(_segments(names))
        for name in parents:
            _read_inside(place)
            place = _newest(place.inside.setdefault(name, _Place(header, names)))
        _read_inside(place)
        place = place.inside.setdefault(last, _Place(header, names))
        if header.type == "table_array_element":
            place = place.inside.setdefault(len(place.inside), _Place(header, names))
        place.value, place.key = header, names
        place.unread += [child for child in header.children if child.type == "pair"]


def _newest(place: _Place) -> _Place:
    """The table that a header continues: of an array of tables, its last one."""
    last = len(place.inside) - 1
    return place.inside.get(last, place)


def _read_inside(place: _Place) -> None:
    """Give each pair or element that is directly inside its own place."""
    unread, place.unread = place.unread, []
    if not unread and not place.inside and place.value.type in ("array", "inline_table"):
        unread = [child for child in place.value.children if child.type not in _PUNCTUATION]
    if place.value.type == "array":
        place.inside.update({number: _Place(node, node) for number, node in enumerate(unread)})
        return
    for pair in unread:
        parts = [child for child in pair.children if child.type not in _PUNCTUATION]
        inner = place
        for name in _segments(parts[0]):
            inner = inner.inside.setdefault(name, _Place(parts[-1], parts[0]))


def _segments(names: tree_sitter.Node) -> Iterator[str]:
    """The names of a key, in order: `a."b.c".d` has three."""
    waiting = [names]
    while waiting:
        node = waiting.pop()
        if node.type == "dotted_key":
            waiting += reversed(node.children)
        elif node.type in _KEYS:
            text = (node.text or b"").decode()
            yield text if node.type == "bare_key" else next(iter(tomllib.loads(f"{text} = 0")))

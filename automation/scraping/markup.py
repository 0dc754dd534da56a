"""XML of strangers: the one way in which it is parsed here.

Owns: a parser that fetches nothing, reads no file and expands no entity; sitemaps in gzip, with a bound.
Never: knows what a document means.
"""

from __future__ import annotations

import html
import re
import zlib
from collections.abc import Iterator
from typing import Any

from lxml import etree

from automation.text import printable, size

_KNOWN = frozenset(("amp", "lt", "gt", "quot", "apos"))
_ENTITY = re.compile(rb"&([A-Za-z][A-Za-z0-9]{1,31});")
_PIECE = 65536


def parse_xml(content: bytes) -> Any:
    """The root of a document. Raises ValueError when it is no XML at all.

    What is broken is mended where it can be, as readers of feeds do; names of HTML's characters, such as `&nbsp;`, are read.
    """
    mended = _ENTITY.sub(_character, content.lstrip())
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, recover=True, remove_comments=True, remove_pis=True
    )  # fmt: skip
    try:
        root = etree.fromstring(mended, parser)
    except (etree.LxmlError, ValueError) as error:
        raise ValueError(f"it is no XML: {printable(str(error), 120)}") from None
    if root is None:
        raise ValueError(f"it is no XML; it begins '{printable(content[:40].decode('utf-8', 'replace'), 40)}'")
    return root


def _character(found: re.Match[bytes]) -> bytes:
    name = found[1].decode()
    text = html.unescape(f"&{name};")
    return found[0] if name in _KNOWN or text.startswith("&") else text.encode("ascii", "xmlcharrefreplace")


def unzipped(content: bytes, most: int) -> bytes:
    """The content of a gzip file, anything else as it is. Raises ValueError for more than so many bytes, and broken files."""
    if content[:2] != b"\x1f\x8b":
        return content
    stream, made = zlib.decompressobj(31), bytearray()
    try:
        for start in range(0, len(content), _PIECE):
            made += stream.decompress(content[start : start + _PIECE], most + 1 - len(made))
            if len(made) > most or stream.unconsumed_tail:
                raise ValueError(f"it holds more than {size(most)} when unpacked; raise max_bytes if that is right")
    except zlib.error as error:
        raise ValueError(f"it is a broken gzip file: {error}") from None
    if not stream.eof:
        raise ValueError("it is a gzip file without its end")
    return bytes(made)


def local(element: Any) -> str:
    """The name of an element in small letters, whatever its namespace."""
    return str(element.tag).rpartition("}")[2].lower() if isinstance(element.tag, str) else ""


def children(element: Any, *names: str) -> Iterator[Any]:
    """The elements directly below of these names."""
    for one in element:
        if local(one) in names:
            yield one


def text_of(element: Any) -> str:
    """All the text below an element, white space collapsed."""
    return " ".join("".join(element.itertext()).split())

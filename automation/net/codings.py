"""Content codings undone piece by piece, so that no piece of a hostile body fills the memory.

Owns: gzip, deflate, Brotli and Zstandard, each at most 64 kB at a time; which of them we ask for.
Never: counts bytes or gives up; the body's reader does.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Iterator
from functools import partial
from importlib import import_module
from typing import Any, Protocol

#: All that browsers ask for, since servers choose by what is asked; each is undone within limits.
ACCEPTED = "gzip, deflate, br, zstd"
NAMES = frozenset({"gzip", "deflate", "br", "zstd"})
_PIECE = 65536
_HEADER = 2
#: RFC 9659: a body may ask for a window of 8 MB and no more.
_LARGEST_WINDOW = 23


def zstandard() -> Any:
    """The library for Zstandard: Python's own from 3.14 on."""
    return import_module("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")


class Broken(Exception):
    """Bytes that are not what their coding says."""


class Decoder(Protocol):
    """One coding undone."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What these bytes become, in pieces of bounded size. Raises Broken."""

    @property
    def complete(self) -> bool:
        """Whether the end of the compressed data was seen, or none of it."""


def decoder(coding: str) -> Decoder:
    """A fresh decoder of one of NAMES."""
    if coding == "br":
        return _Brotli()
    return _Zstandard() if coding == "zstd" else _Inflater(coding)


class _Inflater:
    """gzip and deflate."""

    def __init__(self, coding: str) -> None:
        self._gzip = coding == "gzip"
        self._stream = zlib.decompressobj(31 if self._gzip else 15)
        self._fed = 0
        self._head = b""
        self._done = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Further gzip members continue the body; anything else after the end is ignored, as browsers do."""
        while data and not self._done:
            piece = self._step(data)
            data = self._stream.unconsumed_tail
            if piece:
                yield piece
            if self._stream.eof:
                data = self._stream.unused_data
                self._done = not (self._gzip and data[:2] == b"\x1f\x8b")
                if not self._done:
                    self._stream = zlib.decompressobj(31)
            elif not piece and not data:
                return

    def _step(self, data: bytes) -> bytes:
        before, self._fed = self._fed, self._fed + len(data)
        try:
            piece = self._stream.decompress(data, _PIECE)
        except zlib.error as error:
            if self._gzip or before >= _HEADER:
                raise Broken(str(error)) from error
            # Many servers send deflate without its two-byte header, of which the first byte alone tells nothing.
            self._stream = zlib.decompressobj(-15)
            try:
                return self._stream.decompress(self._head + data, _PIECE)
            except zlib.error as second:
                raise Broken(str(second)) from second
        self._head = data if self._fed < _HEADER else b""
        return piece

    @property
    def complete(self) -> bool:
        return self._done or self._stream.eof or self._fed == 0


class _Brotli:
    def __init__(self) -> None:
        import brotli

        self._error: type[Exception] = brotli.error
        self._stream: Any = brotli.Decompressor()
        self._fed = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        self._fed = self._fed or bool(data)
        while not self._stream.is_finished():
            try:
                piece = self._stream.process(data, output_buffer_limit=_PIECE)
            except self._error as error:
                raise Broken("not Brotli, or damaged") from error
            data = b""
            if piece:
                yield piece
            if self._stream.can_accept_more_data():
                return

    @property
    def complete(self) -> bool:
        return not self._fed or bool(self._stream.is_finished())


class _Zstandard:
    def __init__(self) -> None:
        library = zstandard()
        self._error: type[Exception] = library.ZstdError
        self._make = partial(
            library.ZstdDecompressor, options={library.DecompressionParameter.window_log_max: _LARGEST_WINDOW}
        )
        self._stream: Any = self._make()
        self._fed = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """A body may be several frames, one after the other."""
        while data or not (self._stream.needs_input or self._stream.eof):
            if self._stream.eof:
                self._stream = self._make()
            self._fed = True
            try:
                piece = self._stream.decompress(data, max_length=_PIECE)
            except self._error as error:
                raise Broken(str(error)) from error
            data = self._stream.unused_data if self._stream.eof else b""
            if piece:
                yield piece

    @property
    def complete(self) -> bool:
        return not self._fed or bool(self._stream.eof)

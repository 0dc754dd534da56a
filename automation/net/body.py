"""A response's body, read piece by piece within its limits.

Owns: decompression with bounded memory, and the size, speed, ratio and completeness checks.
Never: touches the network; the clients feed it what they read.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import httpx

from automation.errors import FailureClass, JobFailed
from automation.net.limits import Limits
from automation.text import printable, size

ACCEPTED = "gzip, deflate"
_PIECE = 65536
_MOST_CODINGS = 2
_HEADER = 2


class _Inflater:
    """One coding undone, at most 64 kB at a time."""

    def __init__(self, coding: str) -> None:
        self.coding = coding
        self._gzip = coding == "gzip"
        self._stream = zlib.decompressobj(31 if self._gzip else 15)
        self._fed = 0
        self._head = b""
        self._done = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data and not self._done:
            piece = self._step(data)
            data = self._stream.unconsumed_tail
            if piece:
                yield piece
            if self._stream.eof:
                data = self._stream.unused_data
                # Further gzip members continue the body; anything else after the end is ignored, as browsers do.
                self._done = not (self._gzip and data[:2] == b"\x1f\x8b")
                if not self._done:
                    self._stream = zlib.decompressobj(31)
            elif not piece and not data:
                return

    def _step(self, data: bytes) -> bytes:
        before, self._fed = self._fed, self._fed + len(data)
        try:
            piece = self._stream.decompress(data, _PIECE)
        except zlib.error:
            if not (before < _HEADER and self.coding == "deflate"):
                raise
            # Many servers send deflate without its two-byte header, of which the first byte alone tells nothing.
            self._stream = zlib.decompressobj(-15)
            return self._stream.decompress(self._head + data, _PIECE)
        self._head = data if self._fed < _HEADER else b""
        return piece

    @property
    def complete(self) -> bool:
        """Whether the end of the compressed data was seen."""
        return self._done or self._stream.eof or self._fed == 0


class Body:
    """Collects one body.

    Parameters
    ----------
    where: the URL, for messages.
    now: monotonic seconds at which reading began.

    Raises JobFailed at once for a coding that was not asked for, or a declared length above the limit.
    """

    def __init__(self, headers: httpx.Headers, limits: Limits, where: str, now: float) -> None:
        self._limits, self._where, self._began = limits, printable(where, 200), now
        self._declared = _declared_length(headers)
        self._inflaters = [_Inflater(coding) for coding in self._codings(headers)]
        self._raw = 0
        self._content = bytearray()
        if self._declared is not None and self._declared > limits.max_bytes and not limits.cut:
            raise self._too_large(f"declares {size(self._declared)}")

    def _codings(self, headers: httpx.Headers) -> list[str]:
        named = [part.strip().lower() for part in headers.get("content-encoding", "").split(",")]
        codings = [name.removeprefix("x-") for name in named if name not in ("", "identity")]
        unknown = [name for name in codings if name not in ("gzip", "deflate")]
        if unknown or len(codings) > _MOST_CODINGS:
            raise JobFailed(
                f"{self._where} is encoded as '{printable(', '.join(codings), 60)}', and only {ACCEPTED} were asked for; "
                "the server does not follow Accept-Encoding",
                FailureClass.DATA_INVALID,
                code="encoding",
            )
        return codings[::-1]

    def feed(self, chunk: bytes, now: float) -> None:
        """Take the next bytes as they came over the wire."""
        self._raw += len(chunk)
        spent = now - self._began
        if self._raw > self._limits.max_bytes and not self._limits.cut:
            raise self._too_large(f"is larger than {size(self._limits.max_bytes)}")
        if spent > self._limits.patience and self._raw < spent * self._limits.least_speed:
            raise JobFailed(
                f"{self._where} comes at {self._raw / spent:.0f} bytes a second; "
                f"at least {self._limits.least_speed:.0f} are expected",
                FailureClass.TRANSPORT,
                code="too_slow",
            )
        try:
            for piece in self._inflate(chunk, 0):
                self._keep(piece)
                if self.full:
                    return
        except zlib.error as error:
            raise JobFailed(
                f"{self._where} cannot be decompressed ({error}); it was damaged on its way or is not what it says",
                FailureClass.TRANSPORT,
                code="encoding",
            ) from error

    def _inflate(self, data: bytes, stage: int) -> Iterator[bytes]:
        if stage == len(self._inflaters):
            yield data
            return
        for piece in self._inflaters[stage].feed(data):
            yield from self._inflate(piece, stage + 1)

    def _keep(self, piece: bytes) -> None:
        self._content += piece
        total = len(self._content)
        if self.full:
            del self._content[self._limits.max_bytes :]
            return
        if total > self._limits.max_bytes:
            raise self._too_large(f"is larger than {size(self._limits.max_bytes)} when decompressed")
        if total > self._limits.ratio_from and total > self._raw * self._limits.ratio:
            raise self._too_large(f"grew more than {self._limits.ratio} times by decompression (a compression bomb)")

    @property
    def full(self) -> bool:
        """Whether nothing more is kept, so that reading may end."""
        return self._limits.cut and (
            len(self._content) >= self._limits.max_bytes or self._raw > self._limits.max_bytes * 4
        )

    def finish(self, *, expected: bool = True) -> bytes:
        """The whole body. Raises JobFailed (TRANSPORT, `truncated`) when a part is missing.

        Parameters
        ----------
        expected: False where no body belongs to the answer: to HEAD, 204, 304.
        """
        if not expected:
            return b""
        if self.full:
            return bytes(self._content)
        short = self._declared is not None and self._raw < self._declared
        if short or not all(inflater.complete for inflater in self._inflaters):
            raise JobFailed(
                f"{self._where} ended after {size(self._raw)}, before its end", FailureClass.TRANSPORT, code="truncated"
            )
        return bytes(self._content)

    def _too_large(self, how: str) -> JobFailed:
        return JobFailed(
            f"{self._where} {how}; raise max_bytes if that is right", FailureClass.DATA_INVALID, code="too_large"
        )


def _declared_length(headers: httpx.Headers) -> int | None:
    text = headers.get("content-length", "")
    return int(text[:18]) if text.isascii() and text.isdigit() else None

"""A response's body, read piece by piece within its limits.

Owns: the size, speed, ratio and completeness checks.
Never: touches the network; the clients feed it what they read.
"""

from __future__ import annotations

from collections.abc import Iterator

import httpx

from automation.errors import FailureClass, JobFailed
from automation.net.codings import ACCEPTED, NAMES, Broken, decoder
from automation.net.limits import Limits
from automation.text import printable, size

_MOST_CODINGS = 2


class Body:
    """Collects one body.

    Parameters
    ----------
    where: the URL, for messages.
    now: monotonic seconds at which reading began.

    Raises JobFailed at once for a coding that was not asked for, or a declared length above the limit.
    """

    def __init__(self, headers: httpx.Headers, limits: Limits, where: str, now: float) -> None:
        self._limits, self._address, self._began = limits, where, now
        self._declared = _declared_length(headers)
        self._decoders = [decoder(coding) for coding in self._codings(headers)]
        self._raw = 0
        self._content = bytearray()
        if self._declared is not None and self._declared > limits.max_bytes and not limits.cut:
            raise self._too_large(f"declares {size(self._declared)}")

    @property
    def _where(self) -> str:
        return printable(self._address, 200)

    def _codings(self, headers: httpx.Headers) -> list[str]:
        named = [part.strip().lower() for part in headers.get("content-encoding", "").split(",")]
        codings = [name.removeprefix("x-") for name in named if name not in ("", "identity")]
        unknown = [name for name in codings if name not in NAMES]
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
            for piece in self._decode(chunk, 0):
                self._keep(piece)
                if self.full:
                    return
        except Broken as error:
            raise JobFailed(
                f"{self._where} cannot be decompressed ({error}); it was damaged on its way or is not what it says",
                FailureClass.TRANSPORT,
                code="encoding",
            ) from error

    def _decode(self, data: bytes, stage: int) -> Iterator[bytes]:
        if stage == len(self._decoders):
            yield data
            return
        for piece in self._decoders[stage].feed(data):
            yield from self._decode(piece, stage + 1)

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
        if short or not all(one.complete for one in self._decoders):
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

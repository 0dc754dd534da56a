"""How much one request may take.

Owns: the bounds on bytes, time, hops and cookies, and their defaults.
Never: measures anything; the reader of the body and the clients do.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Bounds of one request, its redirects included; sizes in bytes, times in seconds.

    Parameters
    ----------
    max_bytes: the largest body, after decompression.
    deadline: from the first byte sent to the last byte read.
    connect: for one connection, TLS included.
    silence: the longest wait for the next bytes.
    least_speed: bytes a second that a body must reach once it has been read for `patience` seconds.
    cut: keep the first `max_bytes` of a larger body in place of a failure.
    ratio: how much larger a body may become by decompression, once it is larger than `ratio_from`.
    """

    max_bytes: int = 10_000_000
    deadline: float = 60.0
    connect: float = 10.0
    silence: float = 30.0
    least_speed: float = 1000.0
    patience: float = 10.0
    ratio: int = 200
    ratio_from: int = 1_000_000
    redirects: int = 5
    cookies: int = 50
    cut: bool = False

    def __post_init__(self) -> None:
        for name in ("max_bytes", "deadline", "connect", "silence"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} is {getattr(self, name)}; write a number above 0")

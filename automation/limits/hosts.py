"""Turns at a host, shared by every run of a project on every machine: who may ask it now, and when the next one may.

Owns: the state of a host and what a wish makes of it, as pure functions of (state, moment); the store that one process needs.
Never: sleeps, fetches, or reads a clock; a store that is shared keeps the state where all see it.
"""

from __future__ import annotations

import json
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Protocol, cast

#: How soon it is worth asking again while all places are taken: nobody knows when one of them ends.
_ASK_AGAIN = 0.1
_DAY = 86400.0


@dataclass(frozen=True)
class Wish:
    """What a run wants of a host.

    Parameters
    ----------
    host: its name, in small letters.
    run: who asks; places of an earlier attempt of the same run are free at once.
    place: the name of the place to be taken, `ATTEMPT/NUMBER`.
    gap: seconds that lie between the end of a request and the start of the next.
    most: requests at once, of all runs together.
    lease: seconds after which a place whose holder died is free.
    budget: requests a day (of UTC) to this host, of all runs together; None is no bound.
    """

    host: str
    run: str
    place: str
    gap: float = 0.0
    most: int = 1
    lease: float = 70.0
    budget: int | None = None


@dataclass(frozen=True)
class Turn:
    """The answer to a wish: yes, or seconds after which it is worth asking again, and why.

    Parameters
    ----------
    why: `""` (yes), `gap`, `places`, `hold` or `budget`.
    """

    wait: float = 0.0
    why: str = ""

    @property
    def granted(self) -> bool:
        """Whether the request may be sent now."""
        return not self.why


@dataclass(frozen=True)
class Host:
    """What is kept of a host; moments are seconds of the epoch on the store's clock.

    Parameters
    ----------
    last: when a request last began or ended.
    gap: the gap that the one who asked last keeps; others keep it after that request, too.
    held: until when nobody may ask.
    day, count: the requests of a day, for the budget.
    places: those who ask at the moment: `RUN/PLACE` → until when.
    """

    last: float = 0.0
    gap: float = 0.0
    held: float = 0.0
    day: int = 0
    count: int = 0
    places: dict[str, float] = field(default_factory=dict)

    def to_json(self) -> str:
        """For a store."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str | bytes | None) -> Host:
        """From a store; nothing is a host that nobody asked yet."""
        return cls(**json.loads(text)) if text else cls()


def take(host: Host, wish: Wish, now: float) -> tuple[Host, Turn]:
    """What a wish makes of a host.

    A gap counts from the start and from the end of a request: with one place, the server sees at least the gap
    between two requests, however long messages are under way.
    """
    attempt = wish.place.partition("/")[0]
    places = {
        name: until
        for name, until in host.places.items()
        if until > now and not (name.startswith(f"{wish.run}/") and not name.startswith(f"{wish.run}/{attempt}/"))
    }
    day = int(now // _DAY)
    seen = replace(host, places=places, day=day, count=host.count if host.day == day else 0)
    refusal = _refusal(seen, wish, now)
    if refusal is not None:
        return seen, refusal
    taken = {**places, f"{wish.run}/{wish.place}": now + wish.lease}
    return replace(seen, last=now, gap=wish.gap, count=seen.count + 1, places=taken), Turn()


def _refusal(host: Host, wish: Wish, now: float) -> Turn | None:
    if wish.budget is not None and host.count >= wish.budget:
        return Turn((host.day + 1) * _DAY - now, "budget")
    if host.held > now:
        return Turn(host.held - now, "hold")
    # A clock that was set back may not close a host for longer than its gap.
    free = min(host.last, now) + max(host.gap, wish.gap)
    if host.last and free > now + 1e-6:
        return Turn(free - now, "gap")
    if len(host.places) >= wish.most:
        return Turn(_ASK_AGAIN, "places")
    return None


def leave(host: Host, wish: Wish, now: float) -> Host:
    """The request of this wish has ended; the gap counts from here."""
    places = {name: until for name, until in host.places.items() if name != f"{wish.run}/{wish.place}"}
    return replace(host, places=places, last=max(host.last, now), gap=wish.gap)


def hold(host: Host, seconds: float, now: float) -> Host:
    """Nobody asks for so long."""
    return replace(host, held=max(host.held, now + seconds))


class Hosts(Protocol):
    """Where turns are kept. Each call is one round trip; none sleeps."""

    def take(self, wish: Wish) -> Turn:
        """Take a turn now, or hear when to ask again."""
        ...

    def leave(self, wish: Wish) -> None:
        """Give the turn back."""
        ...

    def hold(self, host: str, seconds: float) -> None:
        """Let nobody ask this host for so long."""
        ...


Change = Callable[[Host, float], tuple[Host, Any]]


class Store(ABC):
    """Turns by `take`, `leave` and `hold`; where a host's state is kept, each store says itself."""

    @abstractmethod
    def change(self, name: str, change: Change) -> Any:
        """As one step: what the change makes of the host, kept; its answer."""

    def take(self, wish: Wish) -> Turn:
        """By `take`."""
        return cast("Turn", self.change(wish.host, lambda host, now: take(host, wish, now)))

    def leave(self, wish: Wish) -> None:
        """By `leave`."""
        self.change(wish.host, lambda host, now: (leave(host, wish, now), None))

    def hold(self, host: str, seconds: float) -> None:
        """By `hold`."""
        self.change(host, lambda one, now: (hold(one, seconds, now), None))


class LocalHosts(Store):
    """Turns of one process, for tests and looks that share nothing.

    Parameters
    ----------
    now: seconds of the epoch.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now, self._hosts, self._lock = now, dict[str, Host](), threading.Lock()

    def change(self, name: str, change: Change) -> Any:
        """Under a lock."""
        with self._lock:
            self._hosts[name], answer = change(self._hosts.get(name, Host()), self._now())
        return answer

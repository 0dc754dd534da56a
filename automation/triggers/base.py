"""What every trigger answers, and how a rule or a calendar that cannot be one is refused.

Owns: the protocol and the errors.
Never: knows a kind of trigger.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Protocol


class Trigger(Protocol):
    """A rule for when; pure, so that the same moment always gets the same answer."""

    @property
    def from_end(self) -> bool:
        """Whether the moment to ask about is the end of the run before, and no fire."""
        ...

    def next_after(self, moment: datetime) -> datetime | None:
        """The first instant strictly after `moment`, in UTC; None when there is none any more."""
        ...

    def describe(self) -> str:
        """The rule in words, with its time zone where that matters."""
        ...

    def marks(self, moment: datetime) -> tuple[str, ...]:
        """What is unusual about a fire at this instant: `gap:shifted`, `overlap:first`, `overlap:second`."""
        ...


class TriggerInvalid(ValueError):
    """A rule that cannot be used as written.

    Parameters
    ----------
    key: the key of the rule that is wrong: `cron`, `every`, `timezone`; "" when it is the rule as a whole.
    """

    def __init__(self, message: str, key: str = "") -> None:
        self.key = key
        super().__init__(message)


class CalendarInvalid(ValueError):
    """A calendar that cannot be used as written.

    Parameters
    ----------
    key: the key of the calendar that is wrong: `dates`, `weekly`, `ics`; "" when it is the calendar as a whole.
    index: of the entry, where the key holds a list.

    What else is wrong with the calendar is in `others`, each as if it were alone.
    """

    def __init__(self, message: str, key: str = "", index: int | None = None) -> None:
        self.key = key
        self.index = index
        self.others: tuple[CalendarInvalid, ...] = ()
        super().__init__(message)


class Wrong:
    """What is wrong with a calendar, kept until all of it is known."""

    def __init__(self) -> None:
        self.found: list[CalendarInvalid] = []

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Keep what is raised inside, and go on."""
        try:
            yield
        except CalendarInvalid as error:
            self.found += [error, *error.others]

    def tell(self) -> None:
        """Raise the first of what was kept, with the others in it, if there is any."""
        if self.found:
            first, *others = self.found
            first.others = tuple(others)
            raise first

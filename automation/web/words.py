"""What pages say of moments, runs and files: rows of the ledger in words.

Owns: those words, and the shapes that templates read.
Never: queries, or reads the clock; it is given rows and a viewer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from automation.artifacts import Artifact
from automation.errors import InvalidInput, Problem
from automation.ledger.roles import Role
from automation.ledger.rows import PauseRow, ProcessRow, RunRow
from automation.ledger.states import OPEN
from automation.project.targets import target_of
from automation.text import count, format_duration, instant, printable, size
from automation.web.access.principal import Principal

_SHORT = 8
_COUNTS = 4
#: What a browser may show in place; everything else is a download.
SHOWN_TYPES = {
    "text/html",
    "text/plain",
    "text/markdown",
    "application/json",
    "image/png",
    "image/jpeg",
    "image/gif",
    "image/webp",
    "image/svg+xml",
}


@dataclass(frozen=True)
class Moment:
    """An instant: how far away it is, by the viewer's clock, and exactly when."""

    away: str
    iso: str
    exact: str
    local: str


@dataclass(frozen=True)
class Viewer:
    """Who looks: when, and by which clocks.

    Parameters
    ----------
    zone: of the viewer's machine, as it told us; UTC until then.
    theme: `light`, `dark`, or `auto` as the machine says.
    base: the path that a proxy gives us; "" or begins with a slash.
    who: the caller; None before anybody knows.
    told: what a form of theirs has just done; "" for nothing, and `!` before a refusal.
    """

    now: datetime
    zone: ZoneInfo
    theme: str = "auto"
    base: str = ""
    who: Principal | None = None
    told: str = ""

    @property
    def operates(self) -> bool:
        """Whether the page offers what changes something."""
        return self.who is not None and self.who.may(Role.OPERATOR)

    @property
    def csrf(self) -> str:
        """What every form carries."""
        return self.who.csrf if self.who is not None else ""

    def at(self, moment: datetime) -> Moment:
        """The instant as this viewer reads it."""
        there = moment.astimezone(self.zone)
        return Moment(
            away_of(moment, self.now),
            instant(moment),
            f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC",
            self._local(there),
        )

    def maybe(self, moment: datetime | None) -> Moment | None:
        """The same where there is one."""
        return self.at(moment) if moment else None

    def _local(self, there: datetime) -> str:
        today = self.now.astimezone(self.zone)
        if there.date() == today.date():
            return f"{there:%H:%M:%S}"
        form = "%a %d %b, %H:%M" if abs(there - today) < timedelta(days=300) else "%d %b %Y, %H:%M"
        return there.strftime(form)


@dataclass(frozen=True)
class RunLine:
    """A run in a list."""

    id: str
    short: str
    job: str
    kind: str
    state: str
    queued: Moment
    nominal: Moment
    took: str
    attempt: str
    note: str


@dataclass(frozen=True)
class FileLine:
    """An artifact, with its two addresses; `show` is None for what a browser should not open."""

    name: str
    size: str
    media_type: str
    show: str | None
    download: str


def away_of(at: datetime, now: datetime) -> str:
    """`12s ago` or `in 3m 5s`."""
    seconds = round((now - at).total_seconds())
    span = format_duration(_coarse(abs(seconds)))
    return f"{span} ago" if seconds > 0 else f"in {span}" if seconds else "now"


def _coarse(seconds: int) -> int:
    """Whole minutes above ten minutes, whole hours above two days: nobody counts seconds from there."""
    step = 3600 if seconds >= 172_800 else 60 if seconds >= 600 else 1
    return seconds // step * step


def moment(text: str, name: str) -> datetime | None:
    """The moment that an address names; None for "". Raises InvalidInput for one that is none, or has no offset."""
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise InvalidInput(f"{name}={printable(text, 60)} is no moment; write 2026-03-29T07:00:00Z")
    return found


def run_line(run: RunRow, viewer: Viewer) -> RunLine:
    """A run in the words of a list."""
    return RunLine(
        id=run.id,
        short=run.id[:_SHORT],
        job=run.job,
        kind=kind_of(run),
        state=str(run.state),
        queued=viewer.at(run.queued_at),
        nominal=viewer.at(run.nominal_time),
        took=took(run, viewer.now),
        attempt=f"{run.attempt} of {run.max_attempts}" if run.attempt > 1 else "",
        note=first_line(run.reason or progress_words(run) or result_words(run.result)),
    )


def kind_of(run: RunRow) -> str:
    """What asked for it, and which schedule, where the job has several."""
    return f"{run.kind}, {run.schedule}" if run.schedule and run.schedule != "main" else str(run.kind)


def took(run: RunRow, now: datetime) -> str:
    """How long it has been at work, or was."""
    if run.started_at is None:
        return ""
    return format_duration(max((run.finished_at or now) - run.started_at, timedelta()))


def progress_words(run: RunRow) -> str:
    """`12 of 40` while it is open and says so."""
    if run.done is None or run.state not in OPEN:
        return ""
    return f"{run.done:,} of {run.total:,}" if run.total else f"{run.done:,} done"


def pause_words(found: Mapping[str, Sequence[PauseRow]], viewer: Viewer) -> str:
    """What is paused, until when, by whom and why."""
    each = {one.id: one for some in found.values() for one in some}.values()
    return "; ".join(
        f"{target_of(one)}{f', until {viewer.at(one.until).local}' if one.until else ''}, "
        f"by {one.author}: {first_line(one.reason)}"
        for one in each
    )


def troubles(errors: Sequence[Problem], schedulers: Sequence[ProcessRow]) -> list[str]:
    """What keeps files from being active: as the scheduler that leads says, and as they are read here."""
    found = [str(problem) for problem in errors]
    for info in (each.info for each in schedulers if each.info.get("leader") and each.info.get("config_problem")):
        told = info["config_problem"]
        head = f"Changed files are not active; configuration revision {info.get('revision')} goes on as it was."
        return [head, *told, *(each for each in found if each not in told)]
    return found


def tally(counts: Mapping[str, int]) -> list[tuple[str, str]]:
    """(state, words) for each state that any run is in, open ones first."""
    order = [*OPEN, "succeeded", "dead", "skipped", "missed", "expired", "cancelled"]
    return [(str(state), f"{counts[state]:,} {state}") for state in order if counts.get(state)]


def file_line(file: Artifact) -> FileLine:
    """An artifact with its addresses."""
    address = f"/runs/{quote(file.run_id, safe='')}/files/{quote(file.name, safe='')}"
    shown = address if file.media_type.partition(";")[0] in SHOWN_TYPES else None
    return FileLine(file.name, size(file.size), file.media_type, shown, f"{address}?download=1")


def _counted(noun: str, number: int) -> str:
    """`12 pages`, `1 page`: results name what they count in the plural."""
    return count(number, noun.removesuffix("s"), noun) if noun.endswith("s") else f"{number:,} {noun}"


def result_words(result: Any) -> str:
    """What a result says in short: `12 pages, 288 items`, or its first text where it counts nothing."""
    if not isinstance(result, Mapping):
        return ""
    counts = [_counted(key.replace("_", " "), value) for key, value in result.items() if type(value) is int and value]
    texts = [value for value in result.values() if isinstance(value, str) and value]
    return ", ".join(counts[:_COUNTS] or texts[:1])


def first_line(text: str, limit: int = 160) -> str:
    """The first line, shortened."""
    line = text.strip().partition("\n")[0]
    return line if len(line) <= limit else line[: limit - 1] + "…"


def pretty(value: Any) -> str:
    """A value as JSON for people."""
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)

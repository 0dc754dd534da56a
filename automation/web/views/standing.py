"""How jobs stand: fine, failing so many times, late, paused, broken.

Owns: the one word for a job, its reason, and what makes it urgent.
Never: queries but through the site; decides what fires.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile

from automation.dispatch.outlook import Outlook
from automation.ledger.figures import Bar
from automation.ledger.states import OPEN, State
from automation.project.fires import Fire
from automation.project.model import Job
from automation.web.site import Site
from automation.web.words import Viewer, pause_words

#: So many runs back are looked at for a job that fails.
STREAK = 6
LATE_AFTER = timedelta(seconds=60)
_MOST_LATE = 200
_SECONDS = 4.0
#: In the order of urgency.
WORDS = ("broken", "failing", "late", "paused", "running", "ok", "new", "disabled")


@dataclass(frozen=True)
class Standing:
    """How a job stands.

    Parameters
    ----------
    word: one of `WORDS`.
    shown: the word as people read it: `failing 3×`.
    why: the reason, where there is one.
    """

    word: str
    shown: str
    why: str = ""

    @property
    def urgency(self) -> int:
        """The lower the more urgent."""
        return WORDS.index(self.word)


def streak(bars: Iterable[Bar]) -> int:
    """How many of the newest ended runs died in a row; what was skipped does not count."""
    ended = (one for one in bars if one.state in (State.DEAD, State.SUCCEEDED))
    return sum(1 for _ in takewhile(lambda one: one.state == State.DEAD, ended))


def standing_of(job: Job, bars: Sequence[Bar], known: Outlook, late: datetime | None, viewer: Viewer) -> Standing:
    """The word for one job; `bars` are its newest runs, newest first; `late` since when one of its runs could begin."""
    if job.problem:
        return Standing("broken", "broken", job.problem)
    if not job.enabled:
        return Standing("disabled", "disabled", f"enabled = false in {job.path.name}")
    failed = streak(bars)
    if failed:
        return Standing("failing", f"failing {failed}{'+' if failed >= STREAK else ''}×")
    if late is not None:
        return Standing("late", "late", f"could begin {viewer.at(late).away}, and no worker has taken it")
    pauses = known.pausing(job)
    if pauses and all(pauses.values()):
        return Standing("paused", "paused", pause_words(pauses, viewer))
    if bars and bars[0].state in OPEN:
        return Standing("running", str(bars[0].state))
    return Standing("ok", "ok") if bars else Standing("new", "never ran")


def standings(site: Site, viewer: Viewer) -> Mapping[str, Standing]:
    """Every job's, some seconds old at most."""

    def ask() -> Mapping[str, Standing]:
        jobs = site.project().jobs
        bars = site.ledger.figures.strips(list(jobs), STREAK)
        late = {one.job: one.queued_at for one in reversed(late_runs(site))}
        known = site.outlook()
        return {name: standing_of(job, bars[name], known, late.get(name), viewer) for name, job in jobs.items()}

    return site.fresh.get(("standings", str(viewer.zone)), _SECONDS, ask)


def late_runs(site: Site) -> list[Bar]:
    """Runs that could have begun a while ago, the longest waiting first."""
    return site.ledger.figures.late(site.clock.now() - LATE_AFTER, _MOST_LATE)


def next_fire(job: Job, known: Outlook, now: datetime) -> Fire | None:
    """The next fire; None for a job that is paused as a whole."""
    paused = known.pausing(job) if job.active else {}
    return None if paused and all(paused.values()) else known.next(job, now)


def held_words(fire: Fire) -> str:
    """Why the fire will not run, or why it is planned for another time than its rule says."""
    if fire.planned.blackout is not None:
        return f"will not run: {fire.planned.blackout}"
    return f"deferred: {fire.planned.calendar}" if fire.planned.deferred else ""

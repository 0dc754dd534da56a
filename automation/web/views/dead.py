"""Dead letters, by what they died of.

Owns: the groups, and what one of them shows.
Never: brings one back, or lays one aside.
"""

from __future__ import annotations

from dataclasses import dataclass

from automation.ledger.dead import Letter, Wanted
from automation.text import cause, count
from automation.web.site import Site
from automation.web.words import Moment, Viewer, first_line, run_line

_SHOWN = 50
_GROUPS = 60


@dataclass(frozen=True)
class Group:
    """Dead letters of one cause."""

    failure_class: str
    code: str
    runs: int
    jobs: tuple[tuple[str, int], ...]
    last: Moment | None

    @property
    def words(self) -> str:
        """The cause in a few words."""
        return cause(self.failure_class or "never began", self.code)


def dead_page(site: Site, viewer: Viewer, job: str, failure_class: str) -> str:
    """The page; with a job or a class the letters of these alone."""
    wanted = Wanted(job or None, None, failure_class or None)
    letters = site.ledger.dead.letters(wanted, _SHOWN)
    groups = groups_of(site, viewer)
    total = sum(one.runs for one in groups)
    return site.render(
        "dead.html",
        viewer,
        section="dead",
        live="/events",
        groups=groups[:_GROUPS],
        title=count(total, "dead letter"),
        letters=[
            (run_line(one.run, viewer), viewer.maybe(one.run.finished_at), cause_of(one), one.run.attempt)
            for one in letters
        ],
        job=job,
        failure_class=failure_class,
        meant=sum(
            number
            for one in groups
            if failure_class in ("", one.failure_class)
            for name, number in one.jobs
            if job in ("", name)
        ),
        shown=_SHOWN,
    )


def groups_of(site: Site, viewer: Viewer) -> list[Group]:
    """The causes of all dead letters, the most frequent first."""
    found: dict[tuple[str, str], list[tuple[str, int, Moment | None]]] = {}
    for one in site.causes():
        key = (one.failure_class or "", one.code or "")
        found.setdefault(key, []).append((one.job, one.runs, viewer.maybe(one.last)))
    groups = [
        Group(
            kind,
            code,
            sum(number for _, number, _ in each),
            tuple((job, number) for job, number, _ in each),
            max((last for *_, last in each if last), key=lambda last: last.iso, default=None),
        )
        for (kind, code), each in found.items()
    ]
    return sorted(groups, key=lambda group: -group.runs)


def cause_of(letter: Letter) -> tuple[str, str]:
    """The class and the message of its last failure."""
    return cause(letter.failure_class, letter.code) or "never began", first_line(
        letter.message or letter.run.reason or ""
    )

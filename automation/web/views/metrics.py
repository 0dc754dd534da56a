"""Figures for Prometheus: how the parts, the queues and the jobs stand, as text.

Owns: the names of these figures, their labels and their form.
Never: counts by itself: each scrape says what the ledger says, so that a process that starts anew loses nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from automation.ledger.figures import Bar
from automation.ledger.states import State
from automation.sight import running
from automation.web.site import Site
from automation.web.views.standing import STREAK, late_runs, standings, streak
from automation.web.words import Viewer

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_DAY = timedelta(hours=24)
_ALIVE = timedelta(seconds=30)
_SECONDS, _LONGEST = 5.0, 10.0
_KINDS = ("scheduler", "worker", "web")
#: Labels by name → value.
_Sample = tuple[Mapping[str, str], float]


def metrics(site: Site, viewer: Viewer) -> str:
    """All of them, some seconds old at most."""

    def ask() -> str:
        return "".join(
            _family(name, what, samples)
            for name, what, samples in (*_parts(site), *_runs(site), *_jobs(site, viewer))
            if samples
        )

    return site.fresh.get("metrics", _SECONDS, ask, longest=_LONGEST)


_Families = Iterator[tuple[str, str, Sequence[_Sample]]]


def _parts(site: Site) -> _Families:
    now = site.clock.now()
    alive = {kind: running(site.ledger.processes.alive(kind, within=_ALIVE)) for kind in _KINDS}
    leaders = [one for one in alive["scheduler"] if one.info.get("leader")]
    yield (
        "automation_processes", "Processes that have shown a sign of life within half a minute.",
        [({"kind": kind}, len(found)) for kind, found in alive.items()],
    )  # fmt: skip
    yield "automation_scheduler_leaders", "Schedulers that fire; 1 is right.", [({}, len(leaders))]
    yield (
        "automation_scheduler_heartbeat_seconds", "Since the scheduler that fires gave its last sign of life.",
        [({}, (now - max(one.heartbeat_at for one in leaders)).total_seconds())] if leaders else [],
    )  # fmt: skip
    yield (
        "automation_config_errors", "Problems of files that stop a job or a file.",
        [({}, len(site.project().errors))],
    )  # fmt: skip
    yield (
        "automation_breakers_open", "Breakers that hold runs up.",
        [({}, sum(not one.closed for one in site.ledger.breakers.all()))],
    )  # fmt: skip


def _runs(site: Site) -> _Families:
    now, depths = site.clock.now(), site.ledger.figures.depths()
    yield (
        "automation_runs_open", "Runs that wait or are at work, by queue and state.",
        [({"queue": one.queue, "state": str(one.state)}, one.runs) for one in depths],
    )  # fmt: skip
    yield (
        "automation_queue_oldest_seconds", "Since when the first run of a queue that waits could begin.",
        [
            ({"queue": one.queue}, max((now - one.oldest).total_seconds(), 0.0))
            for one in depths
            if one.state == State.QUEUED and one.oldest is not None
        ],
    )  # fmt: skip
    yield (
        "automation_runs_late", "Runs that could begin a minute ago, and that no worker has taken; 200 at most.",
        [({}, len(late_runs(site)))],
    )  # fmt: skip
    ended = site.ledger.queries.counts(since=now - _DAY)
    yield (
        "automation_runs_day", "Runs of the last 24 hours by state, those that were skipped or missed included.",
        [({"state": str(state)}, ended.get(state, 0)) for state in State],
    )  # fmt: skip
    yield (
        "automation_dead_letters", "Runs whose attempts are spent, and that wait for somebody.",
        [({}, sum(one.runs for one in site.causes()))],
    )  # fmt: skip
    yield (
        "automation_mails", "Mails of the outbox by state.",
        [({"state": state}, number) for state, number in sorted(site.ledger.figures.mails().items())],
    )  # fmt: skip


def _jobs(site: Site, viewer: Viewer) -> _Families:
    bars = site.ledger.figures.strips(list(site.project().jobs), STREAK)
    yield (
        "automation_job_state", "1 for how a job stands: ok, running, failing, late, paused, broken, disabled, new.",
        [({"job": job, "state": one.word}, 1) for job, one in standings(site, viewer).items()],
    )  # fmt: skip
    yield (
        "automation_job_failures", f"How many of a job's newest runs failed in a row, of its last {STREAK}.",
        [({"job": job}, streak(found)) for job, found in bars.items()],
    )  # fmt: skip
    last = {
        job: next((one for one in found if one.finished_at and one.started_at), None) for job, found in bars.items()
    }
    yield (
        "automation_job_last_end_timestamp_seconds", "When a job's newest run that began has ended.",
        [({"job": job}, _instant(one)) for job, one in last.items() if one],
    )  # fmt: skip
    yield (
        "automation_job_last_duration_seconds", "How long that run took.",
        [({"job": job}, one.seconds or 0.0) for job, one in last.items() if one],
    )  # fmt: skip


def _instant(bar: Bar) -> float:
    ended: datetime | None = bar.finished_at
    return ended.timestamp() if ended else 0.0


def _family(name: str, what: str, samples: Iterable[_Sample]) -> str:
    lines = [f"# HELP {name} {what}", f"# TYPE {name} gauge"]
    for labels, value in samples:
        told = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
        lines.append(f"{name}{{{told}}} {value:.15g}" if told else f"{name} {value:.15g}")
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")

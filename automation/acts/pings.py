"""Taking a ping: a program elsewhere reports the start, the end or a word of its work.

Owns: the run that it goes to, recorded where none waits for it, and the lines that it leaves in that run's log.
Never: decides who may report; judges a run: the plugin `ping` does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from automation.errors import InvalidInput, Refused, UnknownName
from automation.ledger.pings import LONGEST_ID, Signal
from automation.ledger.rows import RunRow, Waiting
from automation.ledger.states import Kind, State
from automation.project.frozen import with_flow
from automation.project.model import Job, Project
from automation.project.order import run_of
from automation.queue.asking import to_ring
from automation.services import Services
from automation.text import printable

PLUGIN = "ping"
#: Of a longer body the end is kept: it says how it came out.
LARGEST_KEPT = 100_000
_MOST_LINES, _LONGEST_LINE = 2_000, 8_000


@dataclass(frozen=True)
class Ping:
    """A report.

    Parameters
    ----------
    rid: the id that the program gave this execution of its own, so that several at once are told apart.
    body: what it wrote; it goes into the log of the run.
    source: the address that it came from.
    """

    signal: Signal
    exit_status: int | None = None
    rid: str | None = None
    body: bytes = b""
    source: str = ""


def take(services: Services, job: Job, ping: Ping) -> tuple[RunRow, bool, list[Waiting]]:
    """Keep a report; returns its run, whether that is new, and what is to be rung for.

    Raises InvalidInput for an id that is too long, Refused for a job that is disabled or has a problem, and for a `log`
    before the first run.
    """
    name = job.name
    if ping.rid is not None and not 0 < len(ping.rid) <= LONGEST_ID:
        raise InvalidInput(f"rid has 1 to {LONGEST_ID} characters; a UUID is usual")
    if not job.active:
        raise Refused(f"Job '{name}' takes no pings: {job.problem or 'it is disabled (enabled = false)'}")
    ledger = services.ledger
    run_id = ledger.pings.run_of(name, ping.signal, ping.rid)
    new = run_id is None
    if run_id is None:
        if ping.signal is Signal.LOG:
            raise Refused(f"Job '{name}' has no run yet that the lines could belong to")
        run_id = _record(services, job)
    woken = ledger.pings.keep(run_id, ping.signal, ping.rid, ping.exit_status)
    run = ledger.queries.run(run_id)
    ledger.memory.log(run.id, max(run.attempt, 1), list(_lines(services, ping)))
    return run, new, [to_ring(run)] if new and run.state == State.QUEUED else [woken] if woken else []


def awaited(project: Project, name: str) -> Job:
    """The job of this name, if it waits for pings. Raises UnknownName."""
    job = project.jobs.get(name)
    if job is None or job.plugin != PLUGIN:
        raise UnknownName("job with the plugin 'ping'", printable(name, 100))
    return job


def address_text(job: Job) -> str:
    """What the key in the address of this job's pings is signed over."""
    return f"ping {job.name} {job.params.get('address', 1)}"


def _record(services: Services, job: Job) -> str:
    now = services.clock.now()
    run = with_flow(run_of(job, kind=Kind.PING, nominal_time=now, now=now), job)
    services.ledger.runs.add(run)
    return run.id


def _lines(services: Services, ping: Ping) -> Iterator[tuple[datetime, str, str]]:
    now, level = services.clock.now(), "error" if ping.signal is Signal.FAIL else "info"
    status = "" if ping.exit_status is None else f", exit status {ping.exit_status}"
    rid = "" if ping.rid is None else f", rid {printable(ping.rid)}"
    yield now, level, f"Ping: {ping.signal}{status}{rid}, from {ping.source or 'here'}"
    text = services.redactor.mask(ping.body[-LARGEST_KEPT:].decode("utf-8", "replace"))
    lines = text.splitlines()
    if len(ping.body) > LARGEST_KEPT or len(lines) > _MOST_LINES:
        yield now, "warning", f"Of {len(ping.body):,} bytes the end is kept"
    for line in lines[-_MOST_LINES:]:
        yield now, level, printable(line, _LONGEST_LINE)

"""`[queues.NAME]` of automation.toml: how many runs may wait in a queue, and how many may be at work.

Owns: the check of a name and its limits.
Never: counts what waits.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from automation.project.files import project_file
from automation.project.keys import QUEUE
from automation.project.model import Job, Queue
from automation.project.named import named_table, named_tables
from automation.project.policies import MAX_RUNNING
from automation.project.source import read_source
from automation.project.values import Notes, Reader, Secrets, Table
from automation.text import nearest

MAX_WAITING = 10_000_000
MAX_WORKERS = 512


def load_queues(root: Path) -> Mapping[str, Queue]:
    """The queues of `automation.toml`, those without a problem. Raises ProjectInvalid when it cannot be read."""
    path = project_file(root)
    if path is None:
        return {}
    source = read_source(path, root)
    secrets = Secrets({}, root)
    return read_queues(Table(source, (), source.data), Notes(secrets.redactor), secrets)


def read_queues(top: Table, notes: Notes, secrets: Secrets) -> Mapping[str, Queue]:
    """The queues by name; those with a problem are noted and left out."""
    declared = named_tables(top, "queues", notes, secrets)
    if declared is None:
        return {}
    queues: dict[str, Queue] = {}
    for name in declared.values:
        own = notes.beside()
        queue = _read_queue(declared, name, own, secrets)
        notes.take(own)
        if own.first_error is None:
            queues[name] = queue
    return queues


def check_queues_used(top: Table, queues: Mapping[str, Queue], jobs: Mapping[str, Job], notes: Notes) -> None:
    """Warn of each table of a queue that no job is in."""
    used = {job.queue for job in jobs.values()}
    for name in queues:
        if name not in used:
            meant = nearest(name, used - queues.keys())
            hint = f"did you mean '{meant}'?" if meant else "give it to a job, or remove the table"
            notes.at(top, ["queues", name], f"no job is in this queue; {hint}", on_key=True, severity="warning")


def _read_queue(declared: Table, name: str, notes: Notes, secrets: Secrets) -> Queue:
    table = named_table(declared, name, "max_waiting = 10000", notes, secrets)
    if table is None:
        return Queue()
    reader = Reader([table], notes, secrets)
    reader.known_keys(table, QUEUE)
    return Queue(
        reader.whole("max_waiting", MAX_WAITING, 1, MAX_WAITING) if reader.has("max_waiting") else None,
        reader.whole("max_running", MAX_RUNNING, 1, MAX_RUNNING) if reader.has("max_running") else None,
        reader.whole("workers", MAX_WORKERS, 1, MAX_WORKERS) if reader.has("workers") else None,
    )

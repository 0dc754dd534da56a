"""What a report or mail would be now: made with live data, recorded nowhere, sent to nobody.

Owns: the context of such a look, whose files go to a folder and whose mails become pages.
Never: writes to the ledger, keeps what the job remembers, or calls a plugin that does more than render.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

from automation.artifacts import Artifact, check_name, media_type_of, write_file
from automation.errors import Refused
from automation.ledger.rows import RunRow
from automation.ledger.states import Kind
from automation.mail.preview import preview as mail_page
from automation.plugin import Context, JobInfo, Window
from automation.project.order import RunSpec, previous_fire, run_of
from automation.runner.limits import soft_limit
from automation.runner.mails import Mails
from automation.runner.parameters import parameters_of, plugin_of
from automation.runner.ports import Files, Late
from automation.runner.upstream import Upstream
from automation.services import Services

KIND = "preview"
_MOST_MAILS = 20
_log = logging.getLogger("automation.preview")


@dataclass
class Seen:
    """What a look showed: files in a folder, mails as pages in it, and how many mails there would be."""

    folder: Path
    files: list[Path] = field(default_factory=list)
    mails: list[Path] = field(default_factory=list)
    recipients: int = 0
    result: Mapping[str, Any] = field(default_factory=dict)


class _Folder:
    """Files of the look go to a folder; those of other jobs are found where they are."""

    def __init__(self, kept: Files, folder: Path, run: RunRow, seen: Seen, now: datetime) -> None:
        self._kept, self._folder, self._run, self._seen, self._now = kept, folder, run, seen, now

    def save(self, name: str, content: bytes | str | Path, media_type: str | None) -> Artifact:
        path, size, digest = write_file(self._folder, check_name(name), content)
        if not name.startswith("_"):
            self._seen.files.append(path)
        kind = media_type or media_type_of(name)
        return Artifact(name, path, kind, size, digest, self._run.id, self._run.job, self._now)

    def find(self, job: str, pattern: str, before: datetime | None = None, run: str = "") -> list[Artifact]:
        return self._kept.find(job, pattern, before, run)


class _Effects:
    """Nothing is remembered."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def once(self, key: str) -> bool:  # noqa: ARG002  a protocol's
        return True

    def progress(self, done: int, total: int | None) -> None:
        pass

    def cancelled(self) -> bool:
        return False

    def newest(self, job: str, until: datetime) -> dict[str, Any]:
        return self._services.ledger.memory.newest(job, until)


def look(services: Services, name: str, params: Mapping[str, Any], at: datetime | None) -> Seen:
    """Do a job that renders, as if it were due now or at that moment.

    Raises UnknownName, Refused for a job whose plugin does more than render, and whatever the job raises.
    """
    job = services.job(name)
    if job.problem:
        raise Refused(f"Job '{name}' has a problem and does not run: {job.problem}")
    now = services.clock.now()
    nominal = at or now
    # The fire before it, also where the moment is one itself.
    start = previous_fire(job, nominal - timedelta(microseconds=1)) if job.schedules else None
    new = run_of(
        job, kind=Kind.MANUAL, nominal_time=nominal, now=now, window_start=start, params={**job.params, **params}
    )
    known: dict[str, Any] = vars(new)
    values: dict[str, Any] = {one.name: known.get(one.name) for one in fields(RunRow)}
    run = RunRow(**{**values, "attempt": 1})
    plugin = plugin_of(services, run)
    if not plugin.renders:
        raise Refused(f"Job '{name}' runs the plugin '{plugin.name}'; a preview shows reports and mails alone")
    folder = services.settings.data / "preview" / name
    shutil.rmtree(folder, ignore_errors=True)
    seen, spec = Seen(folder), RunSpec.from_json(run.spec)
    mails = Mails(services.clock, run, services.mail_sender, digests=services.digests)
    with ExitStack() as closing:
        context = _context(services, run, spec, seen, mails, closing)
        wanted = parameters_of(services, plugin, spec, cast("Upstream", context.upstream))
        with soft_limit(spec.timeout):
            found = plugin.function(context, **plugin.arguments(wanted))
            seen.result = (asyncio.run(found) if plugin.is_async else found) or {}
    _pages(seen, mails)
    return seen


def _context(services: Services, run: RunRow, spec: RunSpec, seen: Seen, mails: Mails, closing: ExitStack) -> Context:
    ledger, settings = services.ledger, services.settings
    kept = Files(ledger, services.clock, run, settings.artifacts)
    return Context(
        job=JobInfo(run.job, run.plugin, spec.tags, spec.description),
        run_id=run.id,
        attempt=1,
        kind=KIND,
        schedule=run.schedule,
        nominal_time=run.nominal_time,
        window=Window(run.window_start, run.nominal_time),
        log=logging.LoggerAdapter(_log, {"job": run.job}),
        http=cast("Any", Late(services.http_client)),
        state=ledger.memory.job_values(run.job),
        project=settings.project,
        upstream=Upstream(ledger, run, spec),
        databases=services.database,
        artifact_store=_Folder(kept, seen.folder, run, seen, services.clock.now()),
        outbox=mails,
        effects=cast("Any", _Effects(services)),
        renderer=services.templates,
        soup_maker=cast("Any", None),
        workdir_maker=lambda: Path(closing.enter_context(services.workdir())),
        hosts=services.hosts,
    )


def _pages(seen: Seen, mails: Mails) -> None:
    """Each mail as a page, the first ones of many."""
    seen.recipients = len(mails.rows)
    shown: dict[str, tuple[list[str], bytes]] = {}
    for row in mails.rows:
        shown.setdefault(row["message_key"], ([], row["message"]))[0].append(row["recipient"])
    for number, (recipients, message) in enumerate(list(shown.values())[:_MOST_MAILS], start=1):
        note = f"A preview: nothing is sent. It would go to {', '.join(recipients)}."
        path, _, _ = write_file(seen.folder, f"mail-{number}.html", mail_page(message, note=note).encode())
        seen.mails.append(path)

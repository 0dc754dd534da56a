"""One attempt of a run, from claim to verdict.

Owns: the order: claim, resolve, call the plugin under its limits, give the verdict, send what may be sent.
Never: knows who called it: a worker's child, or `run --here`.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pydantic import BaseModel
from sqlalchemy.exc import DBAPIError, SQLAlchemyError, StatementError

from automation.errors import FailureClass, JobFailed, Snooze
from automation.events import RunEvent
from automation.ledger.again import UNSTORABLE
from automation.ledger.rows import RunRow, since_queued
from automation.ledger.runs import Claimant, Verdict
from automation.ledger.states import Outcome
from automation.plugin import Context, JobInfo, PluginSpec, Window
from automation.project.order import RunSpec
from automation.runner.deliver import deliver_quietly
from automation.runner.entries import claim, conclude
from automation.runner.journal import RunLog
from automation.runner.limits import soft_limit
from automation.runner.mails import Mails
from automation.runner.parameters import parameters_of, plugin_of
from automation.runner.ports import Files, JobState, Late, Memo
from automation.runner.upstream import Upstream
from automation.runner.verdict import after, cancelled, success
from automation.services import Services
from automation.text import count, storable

if TYPE_CHECKING:
    from bs4 import BeautifulSoup

    from automation.scraping.python import Scraper

_log = logging.getLogger("automation.run")
_LARGEST_RESULT = 1_000_000
#: As the ledger's column has it; a plugin may have put a whole page's address into its code.
_LONGEST_CODE = 200


@dataclass(frozen=True)
class Ended:
    """An attempt that was made: its run as it was claimed, and the verdict that was written."""

    run: RunRow
    verdict: Verdict


@dataclass
class _Work:
    """What belongs to the attempt and is closed with it."""

    context: Context
    mails: Mails
    state: JobState
    http: Late
    upstream: Upstream


def attempt(
    services: Services, run_id: str, claimant: Claimant, stopping: Callable[[], bool] = lambda: False
) -> Ended | None:
    """Claim the run and do one attempt of it; None when there was nothing to claim, or when it came too late.

    1. Claim: queued → running; another delivery of the same message ends here.
    2. Call the plugin with secrets resolved, its log in the ledger, its soft limit armed.
    3. Finish: verdict, mails and state in one transaction, if this attempt is still the newest.
    4. Send the mails, if there are any; what fails is sent by the next delivery.
    """
    run = claim(services, run_id, claimant)
    if run is None:
        _log.debug("Run %s is not there to be claimed", run_id)
        return None
    spec = RunSpec.from_json(run.spec)
    services.bus.publish(_event("run.started", run, services))
    began = services.clock.monotonic()
    verdict = _perform(services, run, spec, stopping)
    if not _finish(services, run, verdict):
        _log.warning("Attempt %d of run %s came too late; its result is discarded", run.attempt, run.id)
        return None
    if verdict.outcome is Outcome.SNOOZED:
        # A ping may have come while the attempt ended; whoever looks for runs that are due finds this one.
        services.ledger.pings.wake(run.id)
    services.bus.publish(_event(f"run.{verdict.state}", run, services, verdict, services.clock.monotonic() - began))
    if verdict.mails:
        deliver_quietly(services, run.id, stopping)
    return Ended(run, verdict)


def _finish(services: Services, run: RunRow, verdict: Verdict) -> bool:
    """Write the verdict; one that the ledger cannot hold is a failure, since without any the run would not end."""
    try:
        return conclude(services, run, verdict)
    except (ValueError, TypeError, StatementError) as error:
        if isinstance(error, DBAPIError) and not isinstance(error, UNSTORABLE):
            raise
        cause = getattr(error, "orig", None) or error
    failed = JobFailed(f"The ledger cannot hold what the attempt left: {cause}", FailureClass.DATA_INVALID)
    spec = RunSpec.from_json(run.spec)
    return conclude(services, run, masked(services, _after(services, run, spec, failed)))


def _perform(services: Services, run: RunRow, spec: RunSpec, stopping: Callable[[], bool]) -> Verdict:
    journal = RunLog(services.ledger.memory, run.id, run.attempt, services.redactor, services.clock)
    # Whatever the process shows, the run's own log keeps what its plugin says. A logger that logging knew of would stay
    # for ever, and its level make every other logger look up its own again.
    logger = logging.Logger(f"{_log.name}.{run.id}", min(logging.INFO, _log.getEffectiveLevel()))
    logger.parent = _log
    logger.addHandler(journal)
    work: _Work | None = None
    try:
        with ExitStack() as closing:
            work = _prepare(services, run, spec, logger, closing, stopping)
            return _verdict_of(services, run, spec, work)
    except BaseException as error:
        # MemoryError, SystemExit and KeyboardInterrupt of a job end its run, and not the process.
        verdict = masked(services, _after(services, run, spec, error, leaving=stopping()))
        # Without the traceback: the attempt has it.
        level = logging.ERROR if verdict.failure_class else logging.INFO
        logger.log(level, "%s", verdict.message or verdict.reason, extra={"job": run.job, "run": run.id})
        return verdict
    finally:
        if work is not None:
            work.http.close_if_made()
        journal.flush()
        journal.close()


def _verdict_of(services: Services, run: RunRow, spec: RunSpec, work: _Work) -> Verdict:
    plugin = plugin_of(services, run)
    params = parameters_of(services, plugin, spec, work.upstream)
    with soft_limit(spec.timeout):
        result = _call(plugin, work.context, params)
    if work.mails.unsent:
        unsent = count(work.mails.unsent, "mail")
        work.context.log.info("%s not sent: a backfill sends none; start it with --notify", unsent)
    result = _jsonable(result, "The plugin's result", "return a dict of numbers, strings and lists")
    values = _jsonable(work.state.changed, "What the plugin put into ctx.state", "keep numbers, strings and lists")
    return masked(services, replace(success(result), mails=work.mails.rows, job_values=values))


def _after(services: Services, run: RunRow, spec: RunSpec, error: BaseException, *, leaving: bool = False) -> Verdict:
    if isinstance(error, KeyboardInterrupt):
        return cancelled("stopped by Ctrl-C")
    snoozed = _snoozed(services, run) if isinstance(error, Snooze) and not leaving else 0
    verdict = after(error, run, spec.retry, services.clock.now(), spec.timeout, snoozed)
    if leaving and verdict.outcome is Outcome.SNOOZED:
        # It makes way for a worker that stops; that is no wish of its own, and does not count as one.
        verdict = replace(verdict, outcome=Outcome.INTERRUPTED)
    return cancelled(f"cancelled: {verdict.message or verdict.reason}") if _asked_to_stop(services, run) else verdict


def _snoozed(services: Services, run: RunRow) -> int:
    """How often the run has put itself off since it was queued; a ledger that does not answer says never."""
    try:
        attempts = services.ledger.queries.attempts(run.id)
    except SQLAlchemyError:
        return 0
    return sum(one.outcome == Outcome.SNOOZED for one in since_queued(run, attempts))


def _asked_to_stop(services: Services, run: RunRow) -> bool:
    """Whether somebody cancelled the run; a ledger that does not answer, perhaps what the plugin failed of, says no."""
    try:
        return services.ledger.queries.run(run.id).cancel_requested_at is not None
    except SQLAlchemyError:
        return False


def _call(plugin: PluginSpec, context: Context, params: BaseModel) -> Any:
    arguments = plugin.arguments(params)
    if plugin.is_async:
        return asyncio.run(plugin.function(context, **arguments))
    return plugin.function(context, **arguments)


def _jsonable(result: Any, what: str, hint: str) -> Any:
    if result is None:
        return None
    try:
        text = json.dumps(result, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise JobFailed(
            f"{what} cannot be kept as JSON: {error}; {hint}",
            FailureClass.DATA_INVALID,
        ) from error
    if len(text) > _LARGEST_RESULT:
        raise JobFailed(
            f"{what} has {len(text):,} characters of JSON, more than {_LARGEST_RESULT:,}; "
            "keep the data as an artifact, and figures here",
            FailureClass.DATA_INVALID,
        )
    return json.loads(text)


def _prepare(
    services: Services,
    run: RunRow,
    spec: RunSpec,
    logger: logging.Logger,
    closing: ExitStack,
    stopping: Callable[[], bool],
) -> _Work:
    ledger, clock, settings = services.ledger, services.clock, services.settings
    mails = Mails(clock, run, services.mail_sender, mute=spec.mute, digests=services.digests)
    state = JobState(ledger, run.job)
    http = Late(services.http_client)
    upstream = Upstream(ledger, run, spec)
    context = Context(
        job=JobInfo(run.job, run.plugin, spec.tags, spec.description),
        run_id=run.id,
        attempt=run.attempt,
        kind=run.kind,
        schedule=run.schedule,
        nominal_time=run.nominal_time,
        window=Window(run.window_start, run.nominal_time),
        log=logging.LoggerAdapter(logger, {"job": run.job, "run": run.id}),
        http=cast("Any", http),
        state=state,
        project=settings.project,
        dry_run=spec.dry_run,
        upstream=upstream,
        item=spec.item[0] if spec.item else None,
        databases=services.database,
        artifact_store=Files(ledger, clock, run, settings.artifacts),
        outbox=mails,
        effects=Memo(ledger, clock, run, stopping, spec.kill_after, services.redactor.mask_all),
        renderer=cast("Any", Late(lambda: services.templates)),
        soup_maker=_soup,
        workdir_maker=lambda: Path(closing.enter_context(services.workdir())),
        hosts=services.hosts,
        cache=settings.data / "cache" / "pages",
        data=settings.data,
        scraper_maker=lambda context: closing.enter_context(_scraper(context)),
        cleaner=_clean,
    )
    return _Work(context, mails, state, http, upstream)


def _soup(page: Any) -> BeautifulSoup:
    from automation.scraping.soup import soup_of

    return soup_of(page)


def _scraper(context: Context) -> Scraper:
    from automation.scraping.python import Scraper

    return Scraper(context)


def _clean(context: Context, params: dict[str, Any], before: Any) -> dict[str, Any]:
    from automation.cleanup.runs import from_python

    return from_python(context, params, before)


def masked(services: Services, verdict: Verdict) -> Verdict:
    """The verdict without any secret, or character that a database refuses, in what the ledger keeps of it."""

    def kept(text: str | None) -> str | None:
        return text and storable(services.redactor.mask(text))

    return replace(
        verdict,
        reason=kept(verdict.reason),
        code=(kept(verdict.code) or "")[:_LONGEST_CODE] or None,
        message=kept(verdict.message),
        traceback=kept(verdict.traceback),
        result=services.redactor.mask_all(verdict.result),
    )


def _event(
    name: str, run: RunRow, services: Services, verdict: Verdict | None = None, seconds: float | None = None
) -> RunEvent:
    reason = (verdict.reason or "") if verdict else ""
    return RunEvent(name, run.id, run.job, services.clock.now(), run.attempt, services.redactor.mask(reason), seconds)

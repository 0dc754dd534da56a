"""A whole clean-up: plan, guards, sweep, and what came of it.

Owns: the order of these, rule after rule, and the result that a run keeps.
Never: knows where the engine or the moment come from.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from automation.cleanup.archive import Archive
from automation.cleanup.archive_file import FileArchive
from automation.cleanup.archive_forms import require
from automation.cleanup.archive_kinds import Kinds, OtherKinds, SameKinds
from automation.cleanup.archive_table import TableArchive
from automation.cleanup.batch import Batcher
from automation.cleanup.checkpoint import Checkpoint
from automation.cleanup.connection import Session, session, transaction
from automation.cleanup.counting import rows_of
from automation.cleanup.hook import Before
from automation.cleanup.pace import Pacer
from automation.cleanup.plan import Plan, make_plan
from automation.cleanup.replicas import Replicas, replica_engines
from automation.cleanup.rule import CleanupParams, Rule
from automation.cleanup.schema import Target
from automation.cleanup.sweep import Sweep, Swept
from automation.cleanup.telling import Teller, result_of
from automation.cleanup.upkeep import keep_up
from automation.clock import Clock, SystemClock
from automation.database import reading, transient
from automation.errors import FailureClass, GiveUp, JobFailed
from automation.secrets import mask_urls
from automation.text import count, instant, printable

Log = logging.Logger | logging.LoggerAdapter[Any]


@dataclass(frozen=True)
class Work:
    """What a clean-up is given beside its parameters.

    Parameters
    ----------
    now: what ages count from; the same for every attempt of an occurrence, so that each has the same cutoff.
    key: the same for every attempt of a run, so that a later one goes on where an earlier one was; None: nothing is recorded.
    former: rows that the last runs found, by rule.
    folder: where the folders of archives start; `databases`: their engines by name.
    marks: a folder of ours for how far a sweep came, where the database lets no table be made for it.
    before: asked about the rows of each batch before they go; see `hook`.
    """

    now: datetime
    log: Log
    dry_run: bool = False
    key: str | None = None
    cancelled: Callable[[], bool] = lambda: False
    progress: Callable[[int, int], None] = lambda _done, _total: None
    clock: Clock = field(default_factory=SystemClock)
    former: Callable[[int], Sequence[int]] = lambda _rule: ()
    folder: Path = Path()
    databases: Callable[[str], sa.Engine] = sa.create_engine
    marks: Path | None = None
    before: Before | None = None


def clean(engine: sa.Engine, params: CleanupParams, work: Work) -> dict[str, Any]:
    """Delete what the rules mean, or only count it: each rule is planned and swept when those before it are done.

    Raises GiveUp when a guard or a foreign key speaks against it (nothing was deleted by this rule), JobFailed (config)
    when a rule does not fit the database, JobFailed otherwise when the database refuses; finished batches stay deleted.
    With `dry_run` refusals are part of the result, and nothing is written.
    """
    _must_exist(engine)
    results: list[dict[str, Any]] = []
    for number, rule in enumerate(params.steps()):
        results.append(_one(engine, params, rule, number, work))
        if results[-1]["stopped"]:
            break
    if not params.rules:
        return results[0]
    sums = {name: sum(one[name] for one in results) for name in ("matched", "deleted")}
    return {
        **sums,
        "dry_run": results[-1]["dry_run"],
        "complete": len(results) == len(params.rules) and all(one["complete"] for one in results),
        "stopped": results[-1]["stopped"],
        "asked": results[-1]["asked"],
        "rules": results,
    }


def _one(engine: sa.Engine, params: CleanupParams, rule: Rule, number: int, work: Work) -> dict[str, Any]:
    plan = _planned(engine, params, rule, number, work)
    for warning in plan.warnings:
        work.log.warning("%s", warning)
    what = f"{count(plan.matched, 'row')} of '{rule.table}' of {plan.counts.total:,}"
    work.log.info("%s", f"{what} before {instant(plan.cutoff)}" if plan.cutoff else what)
    if work.dry_run or params.dry_run:
        return {**result_of(plan, Swept(), plan.counts.total), "dry_run": True, "refusals": list(plan.refusals)}
    if plan.refusals:
        raise GiveUp("nothing was deleted: " + "; ".join(plan.refusals))
    swept = _swept(engine, params, plan, number, work)
    if not (swept.complete or swept.stopped or swept.was_done):
        work.log.warning(
            "%s of %s were deleted; %s", f"{swept.deleted:,}", count(plan.matched, "row"),
            "rows that were kept refer to others" if swept.kept else "the others refer to each other in a circle",
        )  # fmt: skip
    upkeep = keep_up(engine, plan.family.members, params.after, work.log) if params.after and swept.deleted else []
    with transaction(engine, writes=False) as connection:
        remaining = rows_of(connection, plan.family.root.clause)
    return {**result_of(plan, swept, remaining), "after": upkeep, "dry_run": False}


def _planned(engine: sa.Engine, params: CleanupParams, rule: Rule, number: int, work: Work) -> Plan:
    try:
        return make_plan(engine, params, rule, work.now, work.former(number))
    except DBAPIError as error:
        kind = FailureClass.DB_LOCK if transient(error) else FailureClass.CONFIG
        raise JobFailed(f"'{rule.table}' cannot be read: {printable(mask_urls(str(error.orig)), 300)}", kind) from error


def _swept(engine: sa.Engine, params: CleanupParams, plan: Plan, number: int, work: Work) -> Swept:
    dialect = engine.dialect.name
    with session(engine) as one:
        key = f"{work.key}/{number}" if work.key else None
        checkpoint = Checkpoint(one, key, plan.family.root.name.table, work.clock.now(), work.marks)
        pacer = Pacer(
            params.pace, dialect, params.batch, work.clock, work.cancelled, archives=params.archive is not None
        )
        replicas = replicas_of(one, params, pacer, work)
        if not plan.matched and not checkpoint.known():
            return Swept()
        archive = archive_to(engine, params, plan.family.members, number, work)
        keep = archive.keep if archive is not None else None
        batcher = Batcher(plan.family, plan.along, dialect, keep, by_key=plan.meaning.looks_around, before=work.before)
        teller = Teller(work.log, work.clock, work.progress)
        swept = Sweep(
            one, batcher, checkpoint, pacer, most=plan.matched, clock=work.clock, archive=archive,
            wait_for_replicas=replicas.wait, progress=teller,
        ).run()  # fmt: skip
        swept.waited = replicas.waited
    if checkpoint.refused:
        work.log.warning(
            "the table 'automation_cleanup' cannot be kept beside the rows (%s); after a kill, a batch may be missing in the "
            "count", printable(checkpoint.refused, 200),
        )  # fmt: skip
    if swept.stopped:
        left = count(plan.matched - min(swept.deleted, plan.matched), "row")
        work.log.warning(
            "Stopped: %s; %s went, about %s left for the next run", swept.stopped, f"{swept.deleted:,}", left
        )
    return swept


def replicas_of(one: Session, params: CleanupParams, pacer: Pacer, work: Work) -> Replicas:
    """The replicas to wait for. Raises JobFailed (config) where they cannot be asked."""
    pace = params.pace
    engines = replica_engines(pace.replica, work.databases, one.engine)
    return Replicas(one, pace.max_replica_lag, engines, pacer, work.clock, work.log)


def archive_to(
    engine: sa.Engine, params: CleanupParams, members: Sequence[Target], number: int, work: Work
) -> Archive | None:
    """Where copies of the rows of these tables go, the first of which is the root. Raises JobFailed, InvalidInput when that cannot be."""
    to = params.archive
    if to is None:
        return None
    if to.to is not None:
        require(to.to)
        key = "-".join([work.key or f"{work.now:%Y%m%d%H%M%S}", *([str(number)] if number else [])])
        return FileArchive(work.folder / to.folder, key, to.to, members)
    other = work.databases(to.database) if to.database else None
    kinds: Callable[[Target], Kinds] = SameKinds
    if other is not None and _family(other) != _family(engine):
        kinds = partial(OtherKinds, source=engine.dialect.name, to=_known(other))
    return TableArchive(str(to.table), members, other if other is not engine else None, kinds)


def _family(engine: sa.Engine) -> str:
    return "mysql" if engine.dialect.name == "mariadb" else engine.dialect.name


def _known(engine: sa.Engine) -> sa.Dialect:
    """The dialect, once it has met its server."""
    with reading(engine):
        return engine.dialect


def _must_exist(engine: sa.Engine) -> None:
    """SQLite would make an empty file of a name that was mistyped."""
    path = engine.url.database if engine.dialect.name == "sqlite" else None
    if path and not path.startswith((":memory:", "file:")) and not Path(path).exists():
        raise JobFailed(f"there is no database file {path}; check 'database'", FailureClass.CONFIG)

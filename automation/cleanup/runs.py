"""A clean-up as a part of a run: with its databases, moment and log, and whether it may delete.

Owns: from an attempt to what the engine is given, the plan that waits for approval, and what is remembered for `max_drift`.
Never: knows the runner; the attempt is what it looks like from its plugin.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, MutableMapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import sqlalchemy as sa
from pydantic import ValidationError

from automation.cleanup.clean import Work, clean
from automation.cleanup.files import clean_files
from automation.cleanup.guards import file_guards
from automation.cleanup.hook import Before
from automation.cleanup.partition_work import clean_partitions
from automation.cleanup.rule import CleanupParams
from automation.errors import InvalidInput, Snooze
from automation.text import printable

_REMEMBERED = 10
#: Plans of one job whose counts are remembered; a plugin may clean up more than one table.
_PLANS = 8


class Run(Protocol):
    """An attempt of a run, as far as a clean-up is concerned with it."""

    @property
    def job(self) -> Any: ...
    @property
    def run_id(self) -> str: ...
    @property
    def nominal_time(self) -> datetime: ...
    @property
    def log(self) -> logging.LoggerAdapter[logging.Logger]: ...
    @property
    def dry_run(self) -> bool: ...
    @property
    def cancelled(self) -> bool: ...
    @property
    def state(self) -> MutableMapping[str, Any]: ...
    @property
    def project(self) -> Path: ...
    @property
    def data(self) -> Path | None: ...
    @property
    def effects(self) -> Any: ...
    @property
    def progress(self) -> Callable[[int, int], None]: ...
    @property
    def artifact(self) -> Callable[..., Any]: ...
    def database(self, name: str | None = None, *, read_only: bool = False) -> sa.Engine: ...


def from_python(run: Run, params: dict[str, Any], before: Before | None) -> dict[str, Any]:
    """What a plugin asked for by `ctx.clean`. Raises InvalidInput for parameters that `cleanup` does not know."""
    try:
        checked = CleanupParams.model_validate(params)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in one['loc']) or 'parameters'}: {one['msg']}" for one in error.errors()
        )
        raise InvalidInput(f"ctx.clean: {printable(problems, 500)}") from error
    if before is not None and (checked.files or checked.partitions):
        raise InvalidInput("ctx.clean: 'before' is for rows; leave it out with files and partitions")
    # One run may clean up several tables, each with a mark and an archive of its own.
    return do(run, checked, before, key=f"{run.run_id}-{checked.digest()}")


def do(run: Run, params: CleanupParams, before: Before | None = None, *, key: str | None = None) -> dict[str, Any]:
    """Clean up, or make a plan while nobody has approved it; returns the result.

    Parameters
    ----------
    key: names the work for other attempts of the run; default: the run's id.

    Raises JobFailed and GiveUp as the engine does, Snooze when it was asked to stop.
    """
    digest = params.digest()
    asked = run.dry_run or params.dry_run
    dry_run = asked or not (params.unattended or run.effects.approved(digest))
    work = Work(
        now=run.nominal_time,
        log=run.log,
        dry_run=dry_run,
        key=key or run.run_id,
        cancelled=lambda: run.cancelled,
        progress=run.progress,
        folder=run.project,
        databases=run.database,
        marks=run.data / "cleanup" if run.data else None,
        former=lambda rule: _former(run, digest, rule),
        before=before,
    )
    result = _cleaned(run, params, work) | {"plan": digest}
    if dry_run:
        run.effects.propose(digest, result)
        if not asked:
            run.log.warning(
                "Nothing was deleted: plan %s waits for somebody to look at it: automation approve %s",
                digest,
                run.job.name,
            )
        return result
    if result["asked"]:
        raise Snooze(1, f"stopped after {result['deleted']:,} of {result['matched']:,}; the rest is for later")
    _remember(run, digest, result)
    if params.archive and params.archive.artifact:
        _keep_files(run, result)
    return result


def _cleaned(run: Run, params: CleanupParams, work: Work) -> dict[str, Any]:
    if params.files is not None:
        return clean_files(
            params.files, run.project, now=run.nominal_time, log=run.log, guards=partial(file_guards, params),
            dry_run=work.dry_run, cancelled=work.cancelled, progress=run.progress,
        )  # fmt: skip
    engine = run.database(params.database, read_only=work.dry_run)
    return (clean if params.partitions is None else clean_partitions)(engine, params, work)


def _keep_files(run: Run, result: dict[str, Any]) -> None:
    for one in result.get("rules", [result]):
        one["files"] = [run.artifact(Path(file).name, Path(file)).name for file in one["files"]]


def _former(run: Run, digest: str, rule: int) -> Sequence[int]:
    """What the last runs of the same rules found."""
    kept = run.state.get("matched", {})
    return [row[rule] for row in kept.get(digest, []) if rule < len(row)]


def _remember(run: Run, digest: str, result: dict[str, Any]) -> None:
    kept = dict(run.state.get("matched", {}))
    rows = [*kept.pop(digest, []), [one["matched"] for one in result.get("rules", [result])]]
    run.state["matched"] = dict([*kept.items(), (digest, rows[-_REMEMBERED:])][-_PLANS:])

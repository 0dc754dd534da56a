"""From a job to a run: the resolved job that a run row holds.

Owns: what a run keeps of its job, so that a later change of the project does not change a recorded run.
Never: writes a row; resolves a secret.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from automation.ledger.alarm import Alerts, alerts_of
from automation.ledger.circuit import Breaker, breaker_of
from automation.ledger.ids import new_id
from automation.ledger.limit import Limit, limits_of
from automation.ledger.rows import NewRun
from automation.ledger.states import Kind, State
from automation.ledger.unique_key import REPLACE_WAITING, Unique
from automation.project.model import Job
from automation.retry import RetryPolicy
from automation.text import printable

#: As the ledger's columns have it.
_LONGEST_KEY = 200
#: How much of a unique key that is longer stays readable.
_SHOWN = 150
_PARAMETER = re.compile(r"\{\{\s*params\.([A-Za-z_][A-Za-z0-9_]*)\s*\}\}")


@dataclass(frozen=True)
class RunSpec:
    """What an attempt needs of its job.

    Parameters
    ----------
    params: references unresolved.
    timeout: soft limit of an attempt; `kill_after` later the attempt is killed.
    skips: when the run finds no place of its overlap key as it is claimed, it is skipped, and does not wait.
    mute: its mails are noted and not sent.
    pause_after_failures: so many final failures in a row pause the job; 0 is never.
    max_memory: an attempt whose process holds more bytes is ended by force; 0 is never.
    limits, breaker: what it passes before it begins.
    alerts: whom its end is told.
    upstream: the jobs before it, of which its params may take something.
    item: the element of a list that it is for, alone; empty for a run that is for none.
    flaw: why it cannot be done, known since it was recorded.
    """

    params: Mapping[str, Any]
    timeout: timedelta
    kill_after: timedelta
    retry: RetryPolicy
    tags: tuple[str, ...] = ()
    description: str = ""
    dry_run: bool = False
    skips: bool = False
    mute: bool = False
    pause_after_failures: int = 0
    max_memory: int = 0
    limits: tuple[Limit, ...] = ()
    breaker: Breaker | None = None
    alerts: Alerts | None = None
    upstream: tuple[str, ...] = ()
    item: tuple[Any, ...] = ()
    flaw: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The form in the ledger; whoever follows nobody has no word of it."""
        follows = {"upstream": list(self.upstream)} if self.upstream else {}
        told = {"alerts": self.alerts.to_json()} if self.alerts else {}
        return {
            **follows,
            **told,
            "params": dict(self.params),
            "timeout": self.timeout.total_seconds(),
            "kill_after": self.kill_after.total_seconds(),
            "retry": _stored(self.retry),
            "tags": list(self.tags),
            "description": self.description,
            "dry_run": self.dry_run,
            "skips": self.skips,
            "mute": self.mute,
            "pause_after_failures": self.pause_after_failures,
            "max_memory": self.max_memory,
            "limits": [one.to_json() for one in self.limits],
            "breaker": None if self.breaker is None else self.breaker.to_json(),
        }

    @staticmethod
    def longest(stored: Mapping[str, Any]) -> timedelta:
        """After how long an attempt is ended by force, without reading the rest."""
        return timedelta(seconds=stored["timeout"] + stored["kill_after"])

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> RunSpec:
        """Read it back."""
        return cls(
            params=stored["params"],
            timeout=timedelta(seconds=stored["timeout"]),
            kill_after=timedelta(seconds=stored["kill_after"]),
            retry=RetryPolicy.from_mapping(stored["retry"]),
            tags=tuple(stored.get("tags", ())),
            description=stored.get("description", ""),
            dry_run=stored.get("dry_run", False),
            skips=stored.get("skips", False),
            mute=stored.get("mute", False),
            pause_after_failures=stored.get("pause_after_failures", 0),
            max_memory=stored.get("max_memory", 0),
            limits=tuple(limits_of(stored)),
            breaker=breaker_of(stored),
            alerts=alerts_of(stored),
            upstream=tuple(stored.get("upstream", ())),
            item=(stored["item"],) if "item" in stored else (),
            flaw=stored.get("flaw"),
        )


@lru_cache(maxsize=256)
def _stored(policy: RetryPolicy) -> Mapping[str, Any]:
    """The policy's form in the ledger. Most jobs share one, and many runs are written at once."""
    return policy.to_json()


def spec_of(
    job: Job, *, params: Mapping[str, Any] | None = None, dry_run: bool = False, skips: bool = False, mute: bool = False
) -> RunSpec:
    """What a run of this job keeps of it.

    Parameters
    ----------
    params: in place of the job's own.
    """
    params = job.params if params is None else params
    return RunSpec(
        params=params,
        timeout=job.timeout,
        kill_after=job.kill_after,
        retry=job.retry,
        tags=job.tags,
        description=job.description,
        dry_run=dry_run,
        skips=skips,
        mute=mute,
        pause_after_failures=job.pause_after_failures,
        max_memory=job.max_memory,
        limits=_limits_for(job, params),
        breaker=breaker_for(job, params),
        alerts=job.alerts,
        upstream=job.lineage.before(job.name) if job.lineage is not None else (),
    )


def run_of(
    job: Job,
    *,
    kind: Kind,
    nominal_time: datetime,
    now: datetime,
    window_start: datetime | None = None,
    schedule: str | None = None,
    run_id: str | None = None,
    state: State = State.QUEUED,
    reason: str | None = None,
    params: Mapping[str, Any] | None = None,
    dry_run: bool = False,
    idempotency_key: str | None = None,
    body_digest: str | None = None,
    planned_time: datetime | None = None,
    due_at: datetime | None = None,
    overlap_key: str | None = None,
    max_running: int | None = None,
    skips: bool = False,
    expires_at: datetime | None = None,
    batch: str | None = None,
    mute: bool = False,
    priority: int | None = None,
) -> NewRun:
    """A run of this job, to be recorded.

    Parameters
    ----------
    params: in place of the job's own.
    window_start: start of the span that the run stands for; default: `nominal_time`.
    due_at: not before; default: `now`.
    overlap_key: what it takes a place of; default: the job's own key.
    priority: in place of the job's own.
    """
    spec = spec_of(job, params=params, dry_run=dry_run, skips=skips, mute=mute)
    return NewRun(
        id=run_id or new_id(),
        job=job.name,
        plugin=job.plugin,
        kind=kind,
        nominal_time=nominal_time,
        window_start=window_start or nominal_time,
        queued_at=now,
        due_at=due_at or now,
        max_attempts=job.retry.max_attempts,
        queue=job.queue,
        priority=job.priority if priority is None else priority,
        spec=spec.to_json(),
        schedule=schedule,
        state=state,
        reason=reason,
        idempotency_key=idempotency_key,
        body_digest=body_digest,
        planned_time=planned_time,
        overlap_key=overlap_key or overlap_key_of(job, spec.params),
        max_running=max_running,
        expires_at=expires_at,
        batch=batch,
        unique=unique_of(job, spec.params, now),
    )


def unique_of(job: Job, params: Mapping[str, Any], now: datetime) -> Unique | None:
    """What a run of this job with these parameters is unique by, when it is asked for at this moment."""
    key, policy = unique_key_of(job, params), job.unique
    if key is None:
        return None
    ends = policy.unique_for is not None and policy.on_conflict != REPLACE_WAITING
    return Unique(key, policy.on_conflict, now + (policy.unique_for or timedelta()) if ends else None)


def unique_key_of(job: Job, params: Mapping[str, Any]) -> str | None:
    """The unique key of a run of this job with these parameters, if it has one."""
    if job.unique.unique_key is None:
        return None
    return _bounded(_filled(job.unique.unique_key, params))


def breaker_for(job: Job, params: Mapping[str, Any]) -> Breaker | None:
    """The breaker of a run of this job with these parameters, if it has one."""
    policy = job.breaker
    if not policy.failures:
        return None
    key = job.name if policy.key is None else f"({_bounded(_filled(policy.key, params))})"
    return Breaker(f"breaker {key}", policy.failures, policy.open_for, policy.on)


def _limits_for(job: Job, params: Mapping[str, Any]) -> tuple[Limit, ...]:
    """The limits of a run of this job with these parameters, each counted by its key."""
    return tuple(
        one.limit
        if one.key is None
        else replace(one.limit, key=f"{one.limit.owner} ({_bounded(_filled(one.key, params))})")
        for one in job.limits
    )


def _bounded(key: str) -> str:
    """A key that every database takes; of one that is longer, or cannot be shown, a digest stands at the end."""
    if len(key) > _LONGEST_KEY or not key.isprintable():
        # Cut, two keys could be one; and not every database takes every character.
        digest = hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
        key = f"{printable(key)[:_SHOWN]}…{digest}"
    return key


def overlap_key_of(job: Job, params: Mapping[str, Any]) -> str:
    """What a run of this job with these parameters takes a place of: the job, unless it names something else."""
    template = job.overlap.key
    if template is None:
        return job.name
    return _filled(template, params).replace("\0", "")[:_LONGEST_KEY]


def _filled(template: str, params: Mapping[str, Any]) -> str:
    return _PARAMETER.sub(lambda found: str(params.get(found[1], "")), template)


def previous_fire(job: Job, moment: datetime, reach: timedelta = timedelta(days=400)) -> datetime | None:
    """The last nominal time of the job at or before `moment`; None where there is none within reach.

    A schedule that counts from the end of a run has no such time. Found by halving the span in which the next fire
    still lies before `moment`: triggers only look forward.
    """
    if any(schedule.trigger.from_end for schedule in job.schedules):
        job = replace(job, schedules=tuple(one for one in job.schedules if not one.trigger.from_end))
    step = timedelta(minutes=1)
    while True:
        found = job.next_after(moment - min(step, reach))
        if found is not None and found <= moment:
            return _last_before(job, found, moment)
        if step >= reach:
            return None
        step *= 4


def _last_before(job: Job, found: datetime, moment: datetime) -> datetime:
    """The last fire in [found, moment], by walking; the span holds at most a few more."""
    while (following := job.next_after(found)) is not None and following <= moment:
        found = following
    return found

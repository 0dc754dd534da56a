"""What a deploy changes: the jobs of the files against those of the active configuration.

Owns: which jobs are added, removed, renamed or changed, and in which keys.
Never: reads the ledger; shows a password.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from automation.project.changed_fires import FireChange, Fires
from automation.project.definition import definition
from automation.project.model import Job
from automation.project.plain_secrets import plain_secrets
from automation.secrets import MASK, mask_urls

Definition = Mapping[str, Any]
Key = tuple[str, str]
ADDED, REMOVED, RENAMED, CHANGED = "added", "removed", "renamed", "changed"
_ONLY = "main"
#: Parts of a definition that stand at the job or the schedule in a file.
_HOME = ("spec", "timing", "planning")
_IN_FILES = {"overlap.mode": "overlap", "overlap.key": "overlap_key", "problem": "has a problem"}


@dataclass(frozen=True)
class KeyChange:
    """One key with its value before and after; None where there is none."""

    key: str
    old: Any
    new: Any


@dataclass(frozen=True)
class Change:
    """What becomes of one job.

    Parameters
    ----------
    kind: `added`, `removed`, `renamed` or `changed`.
    before: the name that it had, where it is renamed.
    anew: the ids of schedules that count from the deploy on: new, changed, or back.
    """

    job: str
    kind: str
    before: str | None = None
    keys: tuple[KeyChange, ...] = ()
    fires: FireChange = field(default_factory=FireChange)
    anew: tuple[str, ...] = ()


def changes(
    declared: Mapping[str, Definition],
    jobs: Mapping[str, Job],
    specs: Mapping[Key, Mapping[str, Any]],
    now: datetime,
    span: timedelta,
    base: Path,
) -> list[Change]:
    """What differs, by the names of the jobs.

    Parameters
    ----------
    declared: the definitions of the active configuration; empty before the first.
    specs: the rules of its active schedules.
    span: how far from `now` fires are compared.
    base: the project's folder, where calendars have their files.
    """
    comparing = _Comparing(declared, jobs, specs, Fires(now, now + span, base))
    return sorted(comparing.found(), key=lambda one: one.job)


@dataclass
class _Comparing:
    declared: Mapping[str, Definition]
    jobs: Mapping[str, Job]
    specs: Mapping[Key, Mapping[str, Any]]
    fires: Fires

    def found(self) -> Iterator[Change]:
        renamed = {
            job.name: job.replaces
            for job in self.jobs.values()
            if job.replaces in self.declared and job.replaces not in self.jobs and job.name not in self.declared
        }
        for name in self.declared.keys() - self.jobs.keys() - set(renamed.values()):
            yield Change(name, REMOVED, fires=self.fires.between(self.declared[name], None))
        for job in self.jobs.values():
            change = self._of(job, renamed.get(job.name))
            if change is not None:
                yield change

    def _of(self, job: Job, before: str | None) -> Change | None:
        new = json.loads(json.dumps(definition(job), default=str))
        old = self.declared.get(before or job.name)
        if old is None:
            return Change(job.name, ADDED, fires=self.fires.between(None, new), anew=self._anew(job, job.name))
        keys = tuple(key_changes(old, new))
        if not keys and before is None:
            return None
        kind = CHANGED if before is None else RENAMED
        return Change(job.name, kind, before, keys, self.fires.between(old, new), self._anew(job, before or job.name))

    def _anew(self, job: Job, before: str) -> tuple[str, ...]:
        if not job.active:
            return ()
        return tuple(
            schedule.id
            for schedule in job.schedules
            if self._known_spec(before, schedule.id, schedule.replaces) != schedule.spec
        )

    def _known_spec(self, job: str, schedule: str, replaces: str | None) -> Mapping[str, Any] | None:
        found = self.specs.get((job, schedule))
        return self.specs.get((job, replaces)) if found is None and replaces else found


def key_changes(old: Definition, new: Definition) -> Iterator[KeyChange]:
    """The keys whose values differ, named as in a file, with passwords masked."""
    both = old.get("schedules", {}).keys() & new.get("schedules", {}).keys()
    before, after = _flat(_with_rules_of(old, both)), _flat(_with_rules_of(new, both))
    for path in dict.fromkeys([*after, *before]):
        if before.get(path) != after.get(path):
            yield KeyChange(_name(path), _shown(old, path, before.get(path)), _shown(new, path, after.get(path)))


def _with_rules_of(one: Definition, both: Collection[str]) -> Definition:
    """A schedule that only one side has is its rule, and no list of all its keys."""
    schedules = {
        name: schedule if name in both else _line(schedule["spec"])
        for name, schedule in one.get("schedules", {}).items()
    }
    return {**one, "schedules": schedules}


def _line(spec: Mapping[str, Any]) -> str:
    """The rule as a line of TOML would have it."""
    return ", ".join(f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in spec.items())


def _flat(value: Any, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    """Leaves by their paths; lists are leaves, and an empty table is nothing."""
    if not isinstance(value, Mapping):
        return {} if _left_out(path) else {path: value}
    return {key: leaf for name, inner in value.items() for key, leaf in _flat(inner, (*path, str(name))).items()}


def _left_out(path: tuple[str, ...]) -> bool:
    """What follows from something else: the seed from the names, the rule's own zone from the schedule's."""
    return path[0] == "schedules" and (path[2:] == ("planning", "seed") or path[2:] == ("spec", "timezone"))


def _name(path: tuple[str, ...]) -> str:
    if path[0] == "schedules":
        _, schedule, *inner = path
        if not inner:
            return f"schedules.{schedule}"
        inner = inner[1:] if len(inner) > 1 and inner[0] in _HOME else inner
        path = tuple(inner) if schedule == _ONLY else ("schedules", schedule, *inner)
    name = ".".join(path)
    return _IN_FILES.get(name, name.removeprefix("overlap."))


def _shown(one: Definition, path: tuple[str, ...], value: Any) -> Any:
    """The value; a password in it is masked, and what a reference names is never looked up."""
    if any(found[: len(path)] == path for found in plain_secrets(dict(one))):
        return MASK
    return _masked(value)


def _masked(value: Any) -> Any:
    if isinstance(value, str):
        return mask_urls(value)
    if isinstance(value, list):
        return [_masked(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _masked(item) for key, item in value.items()}
    return value

"""After which jobs a job runs, and the jobs that hang together by that.

Owns: those two shapes.
Never: reads a file; decides when a job runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar


@dataclass(frozen=True)
class After:
    """The jobs that a job follows, for the same occurrence.

    Parameters
    ----------
    after: it runs when all of them succeeded.
    after_failure: when one of them ended dead.
    after_any: when all have ended, however.
    for_each: a list of one of them, for each element of which it has a run: `{{ upstream.pages.result.urls }}`.
    """

    after: tuple[str, ...] = ()
    after_failure: tuple[str, ...] = ()
    after_any: tuple[str, ...] = ()
    for_each: str | None = None

    @property
    def jobs(self) -> tuple[str, ...]:
        """All of them, each once."""
        return tuple(dict.fromkeys([*self.after, *self.after_failure, *self.after_any]))

    @property
    def words(self) -> str:
        """The keys as a list shows them; empty where there is none."""
        said = (("after", self.after), ("after failure of", self.after_failure), ("after any end of", self.after_any))
        each = [f"for each of {self.for_each}"] if self.for_each else []
        return "; ".join([*(f"{key} {', '.join(names)}" for key, names in said if names), *each])


class _Follows(Protocol):
    @property
    def after(self) -> After: ...


_Job = TypeVar("_Job", bound=_Follows)


class Lineage(Generic[_Job]):
    """Jobs that hang together, each behind those that it follows."""

    def __init__(self, jobs: Mapping[str, _Job]) -> None:
        self.jobs = jobs
        #: What is made of it again and again, by whoever makes it.
        self.kept: dict[Any, Any] = {}

    def behind(self, name: str) -> tuple[str, ...]:
        """Every job that follows this one, or one that does, in order."""
        found = {name}
        found |= {other for other, job in self.jobs.items() if self._adds(found, other, job)}
        return tuple(other for other in self.jobs if other in found and other != name)

    def before(self, name: str) -> tuple[str, ...]:
        """Every job that this one follows, or that one of those does, in order."""
        found: set[str] = set()
        left = [name]
        while left:
            fresh = [one for one in self.jobs[left.pop()].after.jobs if one in self.jobs and one not in found]
            found.update(fresh)
            left += fresh
        return tuple(other for other in self.jobs if other in found and other != name)

    def first_of(self, name: str) -> tuple[str, ...]:
        """The jobs that it begins with: those before it that follow none, or itself."""
        return tuple(one for one in (*self.before(name), name) if not self.jobs[one].after.jobs)

    @staticmethod
    def _adds(found: set[str], name: str, job: _Follows) -> bool:
        if found.isdisjoint(job.after.jobs):
            return False
        found.add(name)
        return True

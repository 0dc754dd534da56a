"""What stands behind a Context: files, once-keys, progress, state, the late HTTP client.

Owns: the ledger's side of the protocols that `plugin` declares.
Never: is seen by a plugin except through them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from automation.artifacts import Artifact, check_name, media_type_of, write_file
from automation.clock import Clock
from automation.errors import InvalidInput
from automation.ledger.ledger import Ledger
from automation.ledger.pings import ENDS, Signal
from automation.ledger.rows import RunRow
from automation.plugin.ports import Reported
from automation.text import printable

_ASK_SECONDS = 1.0
#: Who has little time to stop, asks so many times within it.
_QUESTIONS = 4


class Files:
    """Artifacts of a run, as plain files in `artifacts/JOB/RUN/`."""

    def __init__(self, ledger: Ledger, clock: Clock, run: RunRow, root: Path) -> None:
        self._ledger, self._clock, self._run, self._root = ledger, clock, run, root

    def save(self, name: str, content: bytes | str | Path, media_type: str | None) -> Artifact:
        check_name(name)
        path, size, digest = write_file(self._root / self._run.job / self._run.id, name, content)
        artifact = Artifact(
            name=name,
            path=path,
            media_type=_media_type(name, media_type),
            size=size,
            sha256=digest,
            run_id=self._run.id,
            job=self._run.job,
            created_at=self._clock.now(),
        )
        self._ledger.memory.keep_artifact(artifact, self._run.attempt)
        return artifact

    def find(self, job: str, pattern: str, before: datetime | None = None, run: str = "") -> list[Artifact]:
        memory, flow = self._ledger.memory, self._run.flow
        if run:
            return _fitting(memory.artifacts(run), pattern)
        found = memory.flow_artifacts(flow, job) if flow is not None and before is None else None
        return _fitting(memory.newest_artifacts(job, before) if found is None else found, pattern)


def _fitting(found: list[Artifact], pattern: str) -> list[Artifact]:
    """Those whose name fits; one that begins with `_` is for machines, as one with a dot is to a shell."""
    return [
        artifact
        for artifact in found
        if fnmatchcase(artifact.name, pattern) and artifact.name.startswith("_") <= pattern.startswith("_")
    ]


def _media_type(name: str, said: str | None) -> str:
    if said is not None and (len(said) > 120 or not said.isprintable()):
        raise InvalidInput(f"'{printable(said, 60)}' is no media type of up to 120 characters, such as text/csv")
    return said or media_type_of(name)


class Memo:
    """Once-keys, progress and the question whether to stop.

    Parameters
    ----------
    patience: how long after it was asked to stop the attempt is ended by force.
    mask: hides the secrets in what is written down for people.
    """

    def __init__(
        self,
        ledger: Ledger,
        clock: Clock,
        run: RunRow,
        stopping: Callable[[], bool],
        patience: timedelta,
        mask: Callable[[Any], Any] = lambda value: value,
    ) -> None:
        self._ledger, self._clock, self._run, self._stopping = ledger, clock, run, stopping
        self._mask = mask
        self._ask_every = min(_ASK_SECONDS, patience.total_seconds() / _QUESTIONS)
        self._asked_at = self._told_at = -_ASK_SECONDS
        self._cancelled = False

    def once(self, key: str) -> bool:
        if not key or len(key) > 200:
            raise InvalidInput(f"ctx.once('{printable(key, 60)}'): the key needs 1 to 200 characters")
        return self._ledger.memory.once(self._run.scope, key)

    def approved(self, digest: str) -> bool:
        return self._ledger.plans.approved(self._run.job, digest)

    def propose(self, digest: str, plan: dict[str, Any]) -> None:
        self._ledger.plans.propose(self._run.job, digest, self._mask(plan), self._run.id)

    def reported(self, early: timedelta) -> Reported:
        """What pings say of the run; those of another run count that came at most so long before this one's moment."""
        found, now = self._ledger.pings.read(self._run.id), self._clock.now()
        end = next((ping for ping in found if ping.signal in ENDS), None)
        return Reported(
            now,
            next((ping.at for ping in found if ping.signal is Signal.START), None),
            end.at if end else None,
            end is not None and end.signal is Signal.FAIL,
            end.exit_status if end else None,
            self._ledger.pings.beside(self._run.job, self._run.id, self._run.nominal_time - early, now),
        )

    def progress(self, done: int, total: int | None) -> None:
        """Written at most once a second, and at the end."""
        now = self._clock.monotonic()
        if now - self._told_at >= _ASK_SECONDS or (total is not None and done >= total):
            self._told_at = now
            self._ledger.runs.report_progress(self._run.id, self._run.attempt, done, total)

    def newest(self, job: str, until: datetime) -> dict[str, Any]:
        return self._ledger.memory.newest(job, until)

    def cancelled(self) -> bool:
        """Asked of the ledger at most once a second, or four times within a `kill_after` that is shorter than that."""
        now = self._clock.monotonic()
        if not self._cancelled and now - self._asked_at >= self._ask_every:
            self._asked_at = now
            run = self._ledger.queries.run(self._run.id)
            self._cancelled = run.cancel_requested_at is not None or run.attempt != self._run.attempt
        return self._cancelled or self._stopping()


class JobState(MutableMapping[str, Any]):
    """`ctx.state`: read from the ledger at the first look, written with the verdict."""

    def __init__(self, ledger: Ledger, job: str) -> None:
        self._ledger, self._job = ledger, job
        self._values: dict[str, Any] | None = None
        self._touched = False

    @property
    def changed(self) -> dict[str, Any] | None:
        """All values, if the attempt wrote any or may have changed one in place."""
        return self._values if self._touched else None

    def __getitem__(self, key: str) -> Any:
        # A list or mapping may be changed in place, so having been read is enough.
        self._touched = True
        return self._loaded()[key]

    def __setitem__(self, key: str, value: Any) -> None:
        if len(key) > 200:
            raise InvalidInput(f"ctx.state['{printable(key, 60)}']: the name is longer than 200 characters")
        self._touched = True
        self._loaded()[key] = value

    def __delitem__(self, key: str) -> None:
        self._touched = True
        del self._loaded()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._loaded())

    def __len__(self) -> int:
        return len(self._loaded())

    def _loaded(self) -> dict[str, Any]:
        if self._values is None:
            self._values = self._ledger.memory.job_values(self._job)
        return self._values


class Late:
    """Something that is made when it is first used, and closed only if it was."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self._made: Any = None

    def __getattr__(self, name: str) -> Any:
        if self._made is None:
            self._made = self._make()
        return getattr(self._made, name)

    def close_if_made(self) -> None:
        """Close it, if there is anything to close."""
        if self._made is not None:
            self._made.close()

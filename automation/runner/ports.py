"""What stands behind a Context: files, mails, once-keys, progress, state, the late HTTP client.

Owns: the ledger's side of the protocols that `plugin` declares.
Never: is seen by a plugin except through them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from datetime import timedelta
from email.message import EmailMessage
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from automation.artifacts import Artifact, check_name, media_type_of, write_file
from automation.clock import Clock
from automation.errors import InvalidInput
from automation.ledger.ledger import Ledger
from automation.ledger.rows import RunRow
from automation.ledger.states import MailState
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

    def find(self, job: str, pattern: str) -> list[Artifact]:
        memory, flow = self._ledger.memory, self._run.flow
        found = memory.flow_artifacts(flow, job) if flow is not None else None
        found = memory.newest_artifacts(job) if found is None else found
        return [artifact for artifact in found if fnmatchcase(artifact.name, pattern)]


class Mails:
    """Mails of an attempt: kept here, and written with its verdict.

    Parameters
    ----------
    mute: mails are looked at as always, counted in `unsent`, and kept nowhere.
    """

    def __init__(self, clock: Clock, run: RunRow, sender: str, *, mute: bool = False) -> None:
        self._clock, self._run, self._sender, self._mute = clock, run, sender, mute
        self.rows: list[dict[str, Any]] = []
        self.unsent = 0

    def add(self, message: EmailMessage, key: str) -> None:
        if len(key) > 200:
            raise InvalidInput(
                f"The mail's key '{printable(key, 60)}' is longer than 200 characters; use a shorter one"
            )
        recipients = _recipients(message)
        if not recipients:
            raise InvalidInput("The mail has no recipient; set to, cc or bcc")
        if longest := next((one for one in recipients if len(one) > 254), None):
            raise InvalidInput(f"The address '{printable(longest, 60)}' is longer than 254 characters")
        if "From" not in message:
            message["From"] = self._sender
        del message["Bcc"]
        if self._mute:
            self.unsent += 1
            return
        now = self._clock.now()
        for recipient in recipients:
            self.rows.append(
                {
                    "scope": self._run.scope,
                    "message_key": key,
                    "recipient": recipient,
                    "run_id": self._run.id,
                    "job": self._run.job,
                    "sender": str(message["From"])[:254],
                    "subject": str(message["Subject"] or "")[:998],
                    "message_id": str(message["Message-ID"] or "")[:255],
                    "message": message.as_bytes(),
                    "state": MailState.QUEUED,
                    "tries": 0,
                    "created_at": now,
                    "due_at": now,
                }
            )


def _media_type(name: str, said: str | None) -> str:
    if said is not None and (len(said) > 120 or not said.isprintable()):
        raise InvalidInput(f"'{printable(said, 60)}' is no media type of up to 120 characters, such as text/csv")
    return said or media_type_of(name)


def _recipients(message: EmailMessage) -> list[str]:
    """Everybody in To, Cc and Bcc, once, in the order of the headers."""
    fields = [field for name in ("To", "Cc", "Bcc") for field in message.get_all(name, [])]
    return list(dict.fromkeys(address.addr_spec for field in fields for address in field.addresses))


class Memo:
    """Once-keys, progress and the question whether to stop.

    Parameters
    ----------
    patience: how long after it was asked to stop the attempt is ended by force.
    """

    def __init__(
        self, ledger: Ledger, clock: Clock, run: RunRow, stopping: Callable[[], bool], patience: timedelta
    ) -> None:
        self._ledger, self._clock, self._run, self._stopping = ledger, clock, run, stopping
        self._ask_every = min(_ASK_SECONDS, patience.total_seconds() / _QUESTIONS)
        self._asked_at = self._told_at = -_ASK_SECONDS
        self._cancelled = False

    def once(self, key: str) -> bool:
        if not key or len(key) > 200:
            raise InvalidInput(f"ctx.once('{printable(key, 60)}'): the key needs 1 to 200 characters")
        return self._ledger.memory.once(self._run.scope, key)

    def progress(self, done: int, total: int | None) -> None:
        """Written at most once a second, and at the end."""
        now = self._clock.monotonic()
        if now - self._told_at >= _ASK_SECONDS or (total is not None and done >= total):
            self._told_at = now
            self._ledger.runs.report_progress(self._run.id, self._run.attempt, done, total)

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

"""Every exception of the product, and the exit code that each one means.

Owns: the tree below, the failure classes, and the words that steer a run.
Never: imports anything of ours.

    AutomationError                 1  something went wrong while doing what was asked
    ├── InvalidInput                2  what was given cannot be used as written
    │   ├── ProjectInvalid          2  schedule files, automation.toml (many problems at once)
    │   ├── SettingsInvalid         2  AUTOMATION_* variables (many problems at once)
    │   ├── UnknownName             2  no job, run, plugin … of that name
    │   └── PluginInvalid           2  a plugin file that breaks the contract
    ├── Refused                     3  understood, and not done: overlap, pause, guard rail, already running
    ├── ServiceUnavailable          4  a broker, database or server that cannot be reached
    │   ├── BrokerUnavailable       4
    │   └── LedgerUnavailable       4
    └── JobFailed                   1  an attempt failed, with its failure class

    Steering (no error: a branch of its own, never logged as a failure)
    ├── Retry                          try again, after a time
    ├── Snooze                         run later, without spending an attempt
    ├── Skip                           nothing to do this time
    └── GiveUp                         no further attempt will help
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path


class FailureClass(StrEnum):
    """Why an attempt failed, in the words that `retry_on`, `give_up_on` and alerts use."""

    TRANSPORT = "transport"
    THROTTLED = "throttled"
    BLOCKED = "blocked"
    AUTH = "auth"
    PARSE_DRIFT = "parse_drift"
    EMPTY = "empty"
    DATA_INVALID = "data_invalid"
    CONFIG = "config"
    DB_LOCK = "db_lock"
    SMTP_TEMPORARY = "smtp_temporary"
    SMTP_PERMANENT = "smtp_permanent"
    LOST = "lost"
    TIMEOUT = "timeout"
    MEMORY = "memory"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Problem:
    """One thing wrong in one place of a file; prints as `path:line:column: message`."""

    path: Path | str
    message: str
    line: int = 1
    column: int = 1
    key: str = ""
    severity: str = "error"

    def __str__(self) -> str:
        mark = "" if self.severity == "error" else f"{self.severity}: "
        return f"{self.path}:{self.line}:{self.column}: {mark}{self.message}"


class AutomationError(Exception):
    """Root of all errors; `exit_code` is what the command line ends with."""

    exit_code = 1


class InvalidInput(AutomationError):
    """What was given cannot be used as written; the message says what to write instead."""

    exit_code = 2


class ProjectInvalid(InvalidInput):
    """A project cannot be used as written; `problems` holds all of them."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class SettingsInvalid(InvalidInput):
    """Environment variables that cannot be used; `problems` holds one sentence for each."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class UnknownName(InvalidInput):
    """A name that nothing has; `nearest` is what was perhaps meant."""

    def __init__(self, kind: str, name: str, nearest: str | None = None, hint: str = "") -> None:
        self.kind, self.name, self.nearest = kind, name, nearest
        meant = f"; did you mean '{nearest}'?" if nearest else ""
        gap = "" if hint.startswith((";", " ")) else " " if nearest else ". "
        super().__init__(f"There is no {kind} '{name}'{meant}{gap + hint if hint else ''}")


class PluginInvalid(InvalidInput):
    """A plugin breaks the contract; the message names the file, what was declared and what is expected."""


class Refused(AutomationError):
    """Understood, and not done; the message says what stands in the way and how to go on."""

    exit_code = 3


class ServiceUnavailable(AutomationError):
    """A service that is needed cannot be reached; the message names it and the variable that sets it."""

    exit_code = 4


class BrokerUnavailable(ServiceUnavailable):
    """The broker cannot be reached; runs stay in the ledger and go out when it answers again."""


class LedgerUnavailable(ServiceUnavailable):
    """The ledger cannot be opened, read or written as it is."""


class JobFailed(AutomationError):
    """An attempt failed in a way the plugin understands.

    Parameters
    ----------
    failure_class: what kind of failure; decides retries.
    code: a refinement such as `http:404`, matched by `retry_on` and `give_up_on`.
    retry_after: the least time before another attempt, as the other side asked for.
    """

    def __init__(
        self,
        message: str,
        failure_class: FailureClass = FailureClass.UNKNOWN,
        *,
        code: str = "",
        retry_after: timedelta | None = None,
    ) -> None:
        super().__init__(message)
        self.failure_class = failure_class
        self.code = code
        self.retry_after = retry_after


class Steering(Exception):
    """A plugin's word on how its run goes on; an outcome, not an error."""

    def __init__(self, reason: str = "") -> None:
        self.reason = reason
        super().__init__(reason)


class Skip(Steering):
    """There is nothing to do this time; the run ends as skipped with this reason."""


class GiveUp(Steering):
    """No further attempt will help; the run becomes a dead letter with this reason."""


class Retry(Steering):
    """Try again: after the given time, or when the job's retry policy says so.

    Parameters
    ----------
    after: a `timedelta`, or a number of seconds; None leaves it to the retry policy.
    """

    def __init__(self, after: timedelta | float | None = None, reason: str = "") -> None:
        self.after = after if after is None or isinstance(after, timedelta) else timedelta(seconds=after)
        super().__init__(reason)


class Snooze(Steering):
    """Run again after the given time (a `timedelta` or seconds) without spending an attempt."""

    def __init__(self, after: timedelta | float, reason: str = "") -> None:
        self.after = after if isinstance(after, timedelta) else timedelta(seconds=after)
        super().__init__(reason)

"""Verdicts on what was written down: the project's files, its settings, the entries made of them.

Owns: those sentences.
Never: reads a file or Redis; it is given what was found.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from automation.errors import Problem
from automation.health.check import Check, fail, ok, warn
from automation.text import count

_SHOWN = 3


def check_project(jobs: int, problems: Sequence[Problem]) -> Check:
    """Whether every file can be used as written.

    Parameters
    ----------
    problems: all that `automation check` tells, what the time to come shows included.
    """
    errors = [problem for problem in problems if problem.severity == "error"]
    warnings = len(problems) - len(errors)
    numbers = [count(len(errors), "error")] if errors else []
    numbers += [count(warnings, "warning")] if warnings else []
    if numbers:
        verdict = fail if errors else warn
        told = _first(map(str, errors or problems))
        return verdict("configuration", f"{', '.join(numbers)}: {told}. Run: automation check")
    if not jobs:
        return warn("configuration", "The project has no job; write one into schedules/, or run: automation init DIR")
    return ok("configuration", f"{count(jobs, 'job')}, no problem")


def check_plugins(found: int, broken: Sequence[Problem]) -> Check:
    """Whether every plugin file could be loaded; a broken one stops its own jobs only."""
    if broken:
        return fail("plugins", f"{count(len(broken), 'plugin')} cannot be loaded: {_first(map(str, broken))}")
    return ok("plugins", f"{count(found, 'plugin')} loaded")


def check_active(
    revision: int, since: datetime | None, *, as_on_disk: bool, problems: Sequence[str], scheduled: bool
) -> Check:
    """Whether what fires is what stands in the files.

    Parameters
    ----------
    revision, since: the active configuration; 0 and None before the first.
    as_on_disk: the files would make the same one.
    problems: why the scheduler that leads has not taken changed files.
    scheduled: a scheduler leads.
    """
    name = "active"
    if not revision or since is None:
        return warn(name, "No configuration has been active yet; start a scheduler with: automation up")
    shown = f"revision {revision} since {since:%Y-%m-%d %H:%M:%S} UTC"
    if problems:
        return warn(name, f"{shown} stays, for changed files are not active: {_first(problems)}")
    if not as_on_disk:
        way_out = (
            "the scheduler takes files in order over within seconds"
            if scheduled
            else "a scheduler takes them when it starts"
        )
        return warn(name, f"{shown} is not what the files say; {way_out}")
    return ok(name, f"{shown}, as the files say")


def check_entries(expected: Collection[str], missing: Collection[str]) -> Check:
    """Whether Redis has an entry as written for each schedule that fires.

    What differs is restored by the scheduler, on its election and on its timer, so it is a warning.
    """
    if missing:
        return warn(
            "redbeat entries",
            f"{len(missing)} of {len(expected)} missing in Redis, or not as written: {_first(sorted(missing))}. "
            "A running scheduler restores them within a minute, and takes changed files over; where none runs: automation up",
        )
    return ok("redbeat entries", f"{count(len(expected), 'entry', 'entries')}, one for each schedule that fires")


def check_capture() -> Check:
    """The verdict where no mail server is set."""
    return ok("smtp", "No AUTOMATION_SMTP_URL: mails are captured in the outbox folder, nothing is sent")


def check_smtp(where: str, tls: str, sender: str, problem: str | None, setting: str = "AUTOMATION_SMTP_URL") -> Check:
    """Whether the mail server takes us, and whether what we say is protected on its way.

    Parameters
    ----------
    where: host and port.
    tls: `required`, `implicit` or `none`.
    problem: why it does not; None when it does.
    setting: where the server is named.
    """
    if problem:
        return fail("smtp", f"{where}: {problem.rstrip('.')}; mails wait in the outbox. Look at {setting}")
    if not sender:
        return warn("smtp", f"{where} takes us, but no sender is set; add from=you@example.com to {setting}")
    return ok("smtp", f"{where} takes us, {'without TLS' if tls == 'none' else 'with TLS'}, from {sender}")


def check_settings(lease: timedelta, grace: timedelta) -> Check:
    """Whether the times that the settings name fit together."""
    if lease < timedelta(seconds=10):
        return warn(
            "settings",
            f"AUTOMATION_LEASE is {lease.total_seconds():g} s; a worker that is busy for longer loses its runs. Write 20s",
        )
    return ok("settings", f"lease {lease.total_seconds():g} s, grace {grace.total_seconds():g} s")


def _first(texts: Collection[str] | map[str]) -> str:
    found = list(texts)
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return "; ".join(found[:_SHOWN]) + more

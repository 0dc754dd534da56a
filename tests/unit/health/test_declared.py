"""What the doctor says about what was written down."""

from datetime import UTC, datetime, timedelta

import pytest

from automation.errors import Problem
from automation.health.check import Health
from automation.health.declared import (
    check_active,
    check_capture,
    check_entries,
    check_plugins,
    check_project,
    check_settings,
    check_smtp,
)


def problem(number, severity="error"):
    return Problem("schedules/a.toml", f"problem {number}", line=number, severity=severity)


def test_a_project_without_problems_is_fine():
    """Jobs without a problem are counted."""
    check = check_project(4, [])

    assert (check.state, check.message) == (Health.OK, "4 jobs, no problem")


def test_the_first_problems_are_shown_with_their_places():
    """Errors fail the check; the first three are shown, the others counted, and the command that shows all is named."""
    check = check_project(4, [problem(number) for number in range(1, 6)])

    assert check.state is Health.FAIL
    assert "schedules/a.toml:1:1: problem 1" in check.message
    assert "and 2 more. Run: automation check" in check.message


@pytest.mark.parametrize(("jobs", "problems"), [(0, []), (2, [problem(1, "warning")])])
def test_what_stops_nothing_is_a_warning(jobs, problems):
    """An empty project and a project with warnings only do not fail."""
    assert check_project(jobs, problems).state is Health.WARN


def test_a_broken_plugin_is_named():
    """A plugin that cannot be loaded fails the check with its reason."""
    check = check_plugins(7, [Problem("jobs/mine.py", "name 'x' is not defined", line=3)])

    assert check.state is Health.FAIL
    assert "jobs/mine.py:3:1: name 'x' is not defined" in check.message


@pytest.mark.parametrize(
    ("missing", "state", "said"),
    [([], Health.OK, "2 entries"), (["b"], Health.WARN, "1 of 2 missing in Redis, or not as written: b")],
)
def test_missing_entries_are_named(missing, state, said):
    """A schedule whose entry Redis lost is named; a running scheduler restores it."""
    check = check_entries(["a", "b"], missing)

    assert check.state is state
    assert said in check.message


def test_no_mail_server_means_capture():
    """Without a server mails are captured, which is fine."""
    assert check_capture().state is Health.OK
    assert "captured" in check_capture().message


@pytest.mark.parametrize(
    ("sender", "problem", "state", "said"),
    [
        ("me@example.com", None, Health.OK, "mx:587 takes us, with TLS, from me@example.com"),
        ("", None, Health.WARN, "from=you@example.com"),
        ("me@example.com", "the server refused the login", Health.FAIL, "mails wait in the outbox"),
    ],
)
def test_a_mail_server_is_judged_by_its_answer(sender, problem, state, said):
    """A server that refuses us is told from one that takes us, and a missing sender is said before a mail bounces."""
    check = check_smtp("mx:587", "required", sender, problem)

    assert check.state is state
    assert said in check.message


def test_a_short_lease_is_a_warning():
    """A lease of two seconds is allowed and looked at."""
    assert check_settings(timedelta(seconds=2), timedelta(seconds=25)).state is Health.WARN
    assert check_settings(timedelta(seconds=20), timedelta(seconds=25)).state is Health.OK


@pytest.mark.parametrize(
    ("as_on_disk", "problems", "scheduled", "state", "told"),
    [
        (True, [], True, Health.OK, ", as the files say"),
        (False, [], True, Health.WARN, " is not what the files say; the scheduler takes files in order over within seconds"),
        (False, [], False, Health.WARN, " is not what the files say; a scheduler takes them when it starts"),
        (False, ["a.toml:1:1: no"], True, Health.WARN, " stays, for changed files are not active: a.toml:1:1: no"),
    ],
)  # fmt: skip
def test_what_is_active_is_held_against_the_files(as_on_disk, problems, scheduled, state, told):
    """The revision and since when; and what keeps the files from being it."""
    since = datetime(2026, 3, 1, 12, tzinfo=UTC)

    check = check_active(7, since, as_on_disk=as_on_disk, problems=problems, scheduled=scheduled)

    assert (check.name, check.state, check.message) == (
        "active",
        state,
        f"revision 7 since 2026-03-01 12:00:00 UTC{told}",
    )


def test_a_project_that_was_never_scheduled_has_nothing_active():
    """And the way to change that is named."""
    check = check_active(0, None, as_on_disk=False, problems=[], scheduled=False)

    assert (check.state, check.message) == (
        Health.WARN, "No configuration has been active yet; start a scheduler with: automation up",
    )  # fmt: skip

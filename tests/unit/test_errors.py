"""The tree of errors: exit codes, sentences, and the words that steer."""

from __future__ import annotations

import inspect
import re
from datetime import timedelta
from pathlib import Path

import pytest

from automation import errors
from automation.errors import (
    AutomationError,
    JobFailed,
    Problem,
    ProjectInvalid,
    Retry,
    SettingsInvalid,
    Snooze,
    Steering,
    UnknownName,
)


def test_exit_codes_are_those_of_the_tree_in_the_docstring() -> None:
    """The drawing at the top of the file is the truth."""
    drawn = {name: int(code) for name, code in re.findall(r"(\w+) +(\d)  ", errors.__doc__ or "")}
    drawn |= {name: int(code) for name, code in re.findall(r"(\w+) +(\d)$", errors.__doc__ or "", re.MULTILINE)}
    real = {
        name: kind.exit_code
        for name, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, AutomationError)
    }

    assert drawn == real


def test_steering_is_no_error() -> None:
    """A plugin's word on how its run goes on is not caught as a failure of ours."""
    assert not issubclass(Steering, AutomationError)


@pytest.mark.parametrize("kind", [Retry, Snooze])
def test_seconds_and_spans_mean_the_same(kind: type[Retry] | type[Snooze]) -> None:
    """A number is of seconds."""
    assert kind(90).after == kind(timedelta(seconds=90)).after == timedelta(seconds=90)
    assert Retry(reason="later").after is None


def test_problem_prints_its_place() -> None:
    """So that an editor jumps there; a warning says so."""
    assert str(Problem(Path("a.toml"), "no", 3, 5)) == "a.toml:3:5: no"
    assert str(Problem("a.toml", "hm", severity="warning")) == "a.toml:1:1: warning: hm"


def test_many_problems_are_one_error() -> None:
    """Each on its line, each a value as well."""
    problems = [Problem("a.toml", "one"), Problem("b.toml", "two")]

    assert str(ProjectInvalid(problems)) == "a.toml:1:1: one\nb.toml:1:1: two"
    assert ProjectInvalid(problems).problems == tuple(problems)
    assert str(SettingsInvalid(["A is wrong", "B too"])) == "A is wrong\nB too"


def test_unknown_name_offers_the_nearest() -> None:
    """Kind, name, and what was perhaps meant, as text and as attributes."""
    error = UnknownName("job", "boks", "books")

    assert str(error) == "There is no job 'boks'; did you mean 'books'?"
    assert (error.kind, error.name, error.nearest) == ("job", "boks", "books")


def test_job_failed_carries_its_facts() -> None:
    """Class, refinement and wait are attributes."""
    error = JobFailed("gone", errors.FailureClass.BLOCKED, code="http:403", retry_after=timedelta(seconds=5))

    assert (error.failure_class, error.code, error.retry_after) == ("blocked", "http:403", timedelta(seconds=5))
    assert JobFailed("x").failure_class == "unknown"

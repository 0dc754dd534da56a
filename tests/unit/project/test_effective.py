"""What counts for a job in the end, and where each value comes from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from automation.errors import UnknownName
from automation.project.effective import Effective, effective
from automation.registry import Registry

FILES = {
    "automation.toml": '[defaults]\ntimezone = "Europe/Madrid"\nretry.first = "9s"\n[tags.shop]\nqueue = "slow"\nretry.max_lost = 5\n',
    "schedules/b.toml": """[defaults]
misfire_grace = "5m"
jitter = "1m"
[calendars.off]
dates = [2026-12-24]
[jobs.books]
plugin = "scrape"
tags = ["shop"]
retry.max_attempts = 8
catchup = "all"
params.start = "${env:START}"
[[jobs.books.schedules]]
id = "a"
cron = "0 7 * * *"
not_during = ["off"]
jitter = "2m"
[[jobs.books.schedules]]
id = "b"
at = 2027-01-01
timezone = "Europe/Berlin"
[[jobs.books.schedules]]
id = "c"
fixed_delay = "1h"
""",
}  # fmt: skip


@pytest.fixture
def shown(load: Callable[..., Any], registry: Registry, tmp_path: Path) -> Callable[..., dict[str, Effective]]:
    """`shown(job)`: its values by key."""
    environ = {"START": "https://secret.example.com/"}

    def ask(job: str = "books", files: dict[str, str] = FILES) -> dict[str, Effective]:
        load(files=files, environ=environ)
        _, found = effective(tmp_path, registry, environ, job)
        assert len({one.key for one in found}) == len(found)
        return {one.key: one for one in found}

    return ask


@pytest.mark.parametrize(
    ("key", "origin"),
    [
        ("plugin", "schedules/b.toml:7"),
        ("queue", "automation.toml:5 [tags.shop]"),
        ("retry.max_attempts", "schedules/b.toml:9"),
        ("retry.max_lost", "automation.toml:6 [tags.shop]"),
        ("retry.first", "automation.toml:3 [defaults]"),
        ("retry.factor", "default"),
        ("priority", "default"),
        ("overlap_key", "default"),
        ("schedules.a.cron", "schedules/b.toml:14"),
        ("schedules.a.timezone", "automation.toml:2 [defaults]"),
        ("schedules.a.catchup", "schedules/b.toml:10"),
        ("schedules.a.jitter", "schedules/b.toml:16"),
        ("schedules.a.misfire_grace", "schedules/b.toml:2 [defaults]"),
        ("schedules.a.not_during", "schedules/b.toml:15"),
        ("schedules.b.timezone", "schedules/b.toml:20"),
        ("schedules.b.jitter", "default"),
        ("schedules.c.jitter", "default"),
        ("params.start", "schedules/b.toml:11"),
    ],
)
def test_value_says_where_it_comes_from(shown: Callable[..., dict[str, Effective]], key: str, origin: str) -> None:
    """The nearest of schedule, job, tags, file and project; or nothing says it."""
    assert shown()[key].origin == origin


def test_values_are_those_of_the_job(shown: Callable[..., dict[str, Effective]], load: Callable[..., Any]) -> None:
    """As it runs: the schedule's own jitter, none for an instant; references are not resolved."""
    found = shown()
    schedule = load(files=FILES, environ={"START": "x"}).job("books").schedules[0]

    assert found["schedules.a.jitter"].value == schedule.planning.jitter
    assert found["schedules.b.jitter"].value.total_seconds() == 0
    assert found["schedules.a.not_during"].value == ("off",)
    assert found["params.start"].value == "${env:START}"
    assert found["overlap_key"].value == "books"


def test_every_key_that_jobs_inherit_is_shown(shown: Callable[..., dict[str, Effective]]) -> None:
    """A key that is added to the language cannot be forgotten here."""
    from automation.project import keys

    found = shown()

    assert {key for key in keys.INHERITED if key not in ("retry", "breaker", "alerts")} <= {
        key.split(".")[-1] for key in found
    }
    assert {f"retry.{key}" for key in keys.RETRY} <= set(found)


def test_value_from_a_secret_is_masked(load: Callable[..., Any], registry: Registry, tmp_path: Path) -> None:
    """The queue's name came out of the environment."""
    load('[jobs.x]\nplugin = "scrape"\nparams.start = "a"\nqueue = "${env:QUEUE}"\n', environ={"QUEUE": "hidden-one"})
    _, found = effective(tmp_path, registry, {"QUEUE": "hidden-one"}, "x")

    assert [one.value for one in found if one.key == "queue"] == ["***"]


def test_unknown_job_has_its_nearest_name(shown: Callable[..., dict[str, Effective]]) -> None:
    """As for every command."""
    with pytest.raises(UnknownName, match="did you mean 'books'"):
        shown("boks")

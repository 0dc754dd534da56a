"""A job's definition: what decides its runs is in it, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from automation.project.definition import definition

HEAD = '[jobs.books]\nplugin = "scrape"\nparams.start = "${env:START:-https://example.com/}"\ncron = "0 7 * * *"\n'


def test_definition_is_json_with_every_key(load: Callable[..., Any]) -> None:
    """It is read back as it was; references stand in it unresolved."""
    one = definition(load(HEAD).job("books"))
    by_hand = definition(load(HEAD.replace('cron = "0 7 * * *"', "")).job("books"))

    assert json.loads(json.dumps(one)) == one
    assert one["params"] == {"start": "${env:START:-https://example.com/}"}
    assert one["schedules"]["main"]["spec"] == {"cron": "0 7 * * *", "timezone": "UTC"}
    assert one.keys() == by_hand.keys()


@pytest.mark.parametrize(
    "more",
    [
        "priority = 6", 'timezone = "Europe/Madrid"', 'timeout = "5m"', "retry.max_attempts = 9", 'tags = ["a"]',
        "enabled = false", "run_on_start = true", 'description = "x"', 'queue = "slow"', 'end_at = 2030-01-01',
    ],
)  # fmt: skip
def test_change_of_a_key_changes_it(load: Callable[..., Any], more: str) -> None:
    """Each key that decides something."""
    assert definition(load(HEAD + more).job("books")) != definition(load(HEAD).job("books"))


def test_place_in_the_file_does_not(load: Callable[..., Any]) -> None:
    """A comment above moves a job and changes nothing."""
    assert definition(load("# one\n# two\n" + HEAD).job("books")) == definition(load(HEAD).job("books"))

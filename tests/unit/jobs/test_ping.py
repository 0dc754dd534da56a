"""The plugin `ping`: what reports from elsewhere, or their absence, mean for a run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from automation.errors import GiveUp, Skip, Snooze
from automation.plugin.ports import Reported
from tests.unit.jobs.conftest import NOW

MINUTES = [NOW + timedelta(minutes=number) for number in range(60)]


@pytest.fixture
def judge(do: Callable[..., dict[str, Any]], kept: Any) -> Callable[..., dict[str, Any]]:
    """`judge(told, …)`: what becomes of a run that was due at NOW, of which this was reported."""

    def run(told: Reported, **params: Any) -> dict[str, Any]:
        kept.reported = lambda _early: told
        return do("ping", **params)

    return run


def test_a_success_has_how_long_it_took(judge: Callable[..., dict[str, Any]]) -> None:
    """From the start ping, where one came."""
    told = Reported(MINUTES[9], MINUTES[1], MINUTES[3], exit_status=0)

    assert judge(told) == {"reported_at": "2026-01-01T12:03:00Z", "seconds": 120.0, "exit_status": 0}
    assert judge(replace(told, began=None))["seconds"] is None


def test_a_failure_says_its_exit_status(judge: Callable[..., dict[str, Any]]) -> None:
    """And is not tried again: nothing would be another."""
    with pytest.raises(GiveUp, match="it reported failure with exit status 3 at 2026-01-01T12:03:00Z"):
        judge(Reported(MINUTES[9], None, MINUTES[3], failed=True, exit_status=3))


def test_it_waits_for_its_grace_and_no_longer(judge: Callable[..., dict[str, Any]]) -> None:
    """A run without a ping puts itself off until the end of the grace, and then fails."""
    with pytest.raises(Snooze, match="no ping yet; it has until 2026-01-01T12:15:00Z") as waits:
        judge(Reported(MINUTES[5]))
    assert waits.value.after == timedelta(minutes=10)

    with pytest.raises(GiveUp, match="no ping came within 15m of 2026-01-01T12:00:00Z"):
        judge(Reported(MINUTES[15]))


def test_what_has_begun_has_longer(judge: Callable[..., dict[str, Any]]) -> None:
    """From its start ping on `finish_within` counts, whatever the grace was."""
    with pytest.raises(Snooze, match="it runs since 2026-01-01T12:10:00Z; it has until 2026-01-01T12:30:00Z"):
        judge(Reported(MINUTES[20], MINUTES[10]), finish_within="20m")

    with pytest.raises(GiveUp, match="it began at 2026-01-01T12:10:00Z and reported no end within 20m"):
        judge(Reported(MINUTES[30], MINUTES[10]), finish_within="20m")


def test_a_report_that_came_early_stands_for_it(judge: Callable[..., dict[str, Any]]) -> None:
    """A clock elsewhere that is ahead makes no false alarm."""
    with pytest.raises(Skip, match="run abc was reported for it"):
        judge(Reported(MINUTES[0], beside="abc"))


def test_a_wait_of_nothing_is_refused(told: Callable[..., list[str]]) -> None:
    """With the way out."""
    text = '[jobs.a]\nplugin = "ping"\nevery = "1h"\nparams = { grace = "0s" }\n'

    assert told(text) == [
        '4:10: jobs.a.params: grace must be longer than 0s; write how long is waited, such as grace = "15m"',
    ]

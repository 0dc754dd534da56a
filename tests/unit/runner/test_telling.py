"""One sentence for each event."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

import pytest

from automation.events import RunEvent
from automation.runner.telling import tell


@pytest.mark.parametrize(
    ("name", "reason", "seconds", "level", "said"),
    [
        ("run.succeeded", "", 1.5, "INFO", "books succeeded in 1.5s"),
        ("run.dead", "3 attempts spent", 0.02, "ERROR", "books dead in 20ms: 3 attempts spent"),
        ("run.retrying", "again in 2s", None, "WARNING", "books retrying: again in 2s"),
        ("run.started", "", None, "DEBUG", "books started"),
    ],
)
def test_event_is_a_sentence(
    caplog: pytest.LogCaptureFixture, name: str, reason: str, seconds: float | None, level: str, said: str
) -> None:
    """As grave as it is, with run and attempt bound to it."""
    with caplog.at_level(logging.DEBUG, "automation.runs"):
        tell(RunEvent(name, "r1", "books", datetime(2026, 3, 1, tzinfo=UTC), 2, reason, seconds))
    record = caplog.records[-1]

    assert (record.levelname, record.getMessage()) == (level, said)
    assert (record.__dict__["run"], record.__dict__["attempt"]) == ("r1", 2)

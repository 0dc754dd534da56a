"""The bus: who is told, and that nobody spoils it for the others."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from automation.events import Bus, RunEvent

EVENT = RunEvent("run.started", "r1", "books", datetime(2026, 3, 1, tzinfo=UTC))


def test_listeners_are_told_in_their_order() -> None:
    """Every event, to everybody, in the order in which they came."""
    told: list[tuple[str, RunEvent]] = []
    bus = Bus()
    bus.listen(lambda event: told.append(("first", event)))
    bus.listen(lambda event: told.append(("second", event)))
    bus.publish(EVENT)

    assert told == [("first", EVENT), ("second", EVENT)]


def test_failing_listener_fails_nobody(caplog: pytest.LogCaptureFixture) -> None:
    """It is a log line with the event and the run, and the next one is told."""
    told: list[RunEvent] = []
    bus = Bus()
    bus.listen(lambda _event: 1 / 0)  # type: ignore[arg-type, return-value]
    bus.listen(told.append)
    bus.publish(EVENT)

    assert told == [EVENT]
    assert "run.started of run r1" in caplog.text
    assert "ZeroDivisionError" in caplog.text

"""Quiet hours: from when on somebody is told again."""

from __future__ import annotations

from datetime import datetime

import pytest

from automation.ledger.alarm import Quiet


@pytest.mark.parametrize(
    ("moment", "over"),
    [
        ("2026-03-04T21:59:59+01:00", "2026-03-04T21:59:59+01:00"),
        ("2026-03-04T22:00:00+01:00", "2026-03-05T07:00:00+01:00"),
        ("2026-03-05T06:59:59+01:00", "2026-03-05T07:00:00+01:00"),
        ("2026-03-05T07:00:00+01:00", "2026-03-05T07:00:00+01:00"),
        # The clocks go forward in that night.
        ("2026-03-27T23:00:00+01:00", "2026-03-30T07:00:00+02:00"),
    ],
)
def test_quiet_hours_end_on_the_clocks_of_their_zone(moment: str, over: str) -> None:
    """Windows that touch are one: a Friday's night goes on until Monday morning."""
    quiet = Quiet(("22:00-07:00", "sat", "sun"), "Europe/Berlin")
    assert quiet.over(datetime.fromisoformat(moment)) == datetime.fromisoformat(over)

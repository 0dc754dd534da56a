"""Wall time: what a clock shows at an instant, to the safe side where it shows it twice."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import sqlite

from automation.cleanup.age import read_age, wall

MADRID = ZoneInfo("Europe/Madrid")
ZONES = st.sampled_from(
    [ZoneInfo(name) for name in ("UTC", "Europe/Madrid", "America/St_Johns", "Australia/Lord_Howe", "Asia/Tokyo")]
)
INSTANTS = st.datetimes(datetime(1990, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC))


@pytest.mark.parametrize(
    ("instant", "shown"),
    [
        ("2026-07-01T12:00:00", "2026-07-01T14:00:00"),
        ("2026-10-25T00:30:00", "2026-10-25T01:30:00"),
        ("2026-10-25T01:30:00", "2026-10-25T02:30:00"),
        ("2026-03-29T01:00:00", "2026-03-29T03:00:00"),
    ],
)
def test_hour_that_comes_twice_is_taken_for_the_earlier(instant: str, shown: str) -> None:
    """At 00:30 UTC clocks show 02:30 for the first time; 02:15 may yet come, so only up to 01:30 is surely past."""
    moment = datetime.fromisoformat(instant).replace(tzinfo=UTC)
    assert wall(moment, MADRID) == datetime.fromisoformat(shown)


@given(INSTANTS, st.timedeltas(timedelta(hours=-30), timedelta(hours=30)), ZONES)
def test_wall_time_before_the_cutoffs_is_never_of_a_later_instant(
    cutoff: datetime, span: timedelta, zone: ZoneInfo
) -> None:
    """Whatever instant a value without an offset was written at: if it lies before, it was before."""
    written = cutoff + span
    if written.astimezone(zone).replace(tzinfo=None) < wall(cutoff, zone):
        assert written < cutoff


@given(
    INSTANTS, st.timedeltas(timedelta(days=-2), timedelta(days=2)), ZONES, st.sampled_from([" ", "T"]), st.booleans()
)
def test_sqlite_reads_iso_text_as_python_does(
    cutoff: datetime, span: timedelta, zone: ZoneInfo, gap: str, with_offset: bool
) -> None:
    """Text written with its offset is older exactly when its instant is; without one, never wrongly."""
    cutoff, written = cutoff.replace(microsecond=0), (cutoff + span).replace(microsecond=0).astimezone(zone)
    text = written.isoformat(gap) if with_offset else written.replace(tzinfo=None).isoformat(gap)

    older = _older_in_sqlite(text, cutoff, zone)

    assert not older or written < cutoff
    if with_offset:
        assert older == (written < cutoff)


def _older_in_sqlite(text: str, cutoff: datetime, zone: ZoneInfo) -> bool:
    condition = read_age(sa.column("made"), sa.Text(), "sqlite", None, zone).older_than(cutoff)
    query = str(
        sa.select(condition.label("older")).compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True})
    )
    connection = sqlite3.connect(":memory:")
    try:
        return bool(connection.execute(f"{query} FROM (SELECT ? AS made)", (text,)).fetchone()[0])
    finally:
        connection.close()

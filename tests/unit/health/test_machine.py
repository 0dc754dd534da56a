"""What the doctor says about the machine."""

from datetime import UTC, datetime, timedelta

import pytest

from automation.health.check import Health
from automation.health.machine import check_clock, check_disk, check_tzdata, check_versions, judge_room

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
LEASE = timedelta(seconds=20)


@pytest.mark.parametrize(
    ("free", "state"), [(50_000_000, Health.FAIL), (500_000_000, Health.WARN), (5_000_000_000, Health.OK)]
)
def test_room_on_the_disk_is_judged(tmp_path, free, state):
    """Little room is a warning, none is a failure, and the message says how much is left."""
    assert judge_room(free, tmp_path).state is state


def test_a_data_folder_that_is_not_made_yet_is_judged_by_its_disk(tmp_path):
    """Before the first start the data folder does not exist; the disk it will be on is asked."""
    assert "free for" in check_disk(tmp_path / "a" / "b").message


@pytest.mark.parametrize(
    ("apart", "state"),
    [(0.5, Health.OK), (-0.5, Health.OK), (3, Health.WARN), (11, Health.FAIL), (-3600, Health.FAIL)],
)
def test_a_clock_that_differs_from_the_database(apart, state):
    """Seconds are a warning; more than half a lease, in either direction, takes runs from living workers."""
    assert check_clock(NOW, NOW + timedelta(seconds=apart), LEASE).state is state


def test_a_clock_in_the_past_is_wrong():
    """A machine that woke up in 1970 is told to set its clock."""
    assert check_clock(datetime(1970, 1, 1, tzinfo=UTC), None, LEASE).state is Health.FAIL


def test_versions_and_zones_are_named():
    """A report can be read from the list: Python, Celery, time zone data."""
    assert "Python 3." in check_versions().message
    assert "celery " in check_versions().message
    assert check_tzdata().state is Health.OK

"""Zone names, and wall-clock times that do not exist or exist twice."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from automation.triggers.base import TriggerInvalid
from automation.triggers.wallclock import instant_of, is_ambiguous, load_zone, next_change, zone_warning

BERLIN = load_zone("Europe/Berlin")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Europe/Madird", "did you mean 'Europe/Madrid'"),
        ("europe/madrid", "did you mean 'Europe/Madrid'"),
        ("", "is empty"),
        ("Europe", "no time zone 'Europe'"),
        ("../../etc/passwd", "no time zone"),
        ("/etc/localtime", "no time zone"),
        ("localtime", "something else on each machine"),
        ("local", "something else on each machine"),
        ("UTC+2", "is an offset"),
        ("+02:00", "is an offset"),
        ("right/Europe/Madrid", "no time zone"),
        ("Europe/\x00Madrid", "no time zone"),
        ("Zürich", "no time zone"),
    ],
)
def test_what_is_no_zone_is_refused_with_the_way_out(name: str, said: str) -> None:
    """The message has the nearest name or an example, for the key `timezone`."""
    with pytest.raises(TriggerInvalid, match=said) as refused:
        load_zone(name)

    assert refused.value.key == "timezone"


def test_host_without_time_zones_takes_those_of_the_package() -> None:
    """A slim image has no zoneinfo folder; the package is there instead, and where it is not the message says so."""
    code = (
        "import sys; sys.modules.update(dict.fromkeys(sys.argv[1:]))\n"
        "from automation.triggers.wallclock import load_zone\n"
        "try: print(load_zone('Europe/Madrid'))\n"
        "except ValueError as error: print(error)"
    )

    def said(*without: str) -> str:
        command = [sys.executable, "-c", code, *without]
        environment = {**os.environ, "PYTHONTZPATH": ""}
        return subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout.strip()

    assert said() == "Europe/Madrid"
    assert said("tzdata") == "this machine has no time zones: install the package tzdata"


@pytest.mark.parametrize(
    ("name", "warned"), [("CET", True), ("EST5EDT", True), ("Europe/Madrid", False), ("UTC", False)]
)
def test_zone_that_is_no_place_is_warned_of(name: str, warned: bool) -> None:
    """Abbreviations are accepted, and the reader is told."""
    assert (zone_warning(name) is not None) == warned


@pytest.mark.parametrize(
    ("wall", "instant"),
    [
        ("2026-03-29T01:59", "2026-03-29T00:59"),
        ("2026-03-29T02:00", "2026-03-29T01:00"),
        ("2026-03-29T02:59", "2026-03-29T01:00"),
        ("2026-03-29T03:00", "2026-03-29T01:00"),
        ("2026-10-25T02:30", "2026-10-25T00:30"),
    ],
)
def test_wall_time_has_one_instant(wall: str, instant: str) -> None:
    """A time in a gap is the first instant after it; a time that comes twice is its first."""
    assert instant_of(datetime.fromisoformat(wall), BERLIN) == datetime.fromisoformat(instant).replace(tzinfo=UTC)


def test_change_of_the_clocks_is_found_to_the_second() -> None:
    """Between two moments the change is found, and none where there is none."""
    january, july = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC)
    change = datetime(2026, 3, 29, 1, tzinfo=UTC)

    assert next_change(january, july, BERLIN) == change
    assert next_change(change, july, BERLIN) is None


def test_only_the_repeated_hour_is_ambiguous() -> None:
    """Both passes of the hour are, the hours around it are not, nor is a gap."""
    assert [is_ambiguous(datetime(2026, 10, 25, hour, 30, tzinfo=UTC), BERLIN) for hour in (23, 0, 1, 2)] == [
        False, True, True, False,
    ]  # fmt: skip
    assert not is_ambiguous(datetime(2026, 3, 29, 1, tzinfo=UTC), BERLIN)

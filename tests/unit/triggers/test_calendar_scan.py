"""Calendars against a look at each minute: what the clocks of the zone show decides.

The scan knows the standard library's time zones and the words of TOML, and nothing of the calendars.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from hypothesis import given, settings
from hypothesis import strategies as st

from automation.triggers.calendar import parse_calendar

MINUTE, HOURS = timedelta(minutes=1), 40
ZONES = sorted(name for name in available_timezones() - {"localtime"} if not name.startswith(("posix/", "right/")))
DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
#: From then on every offset is one of whole minutes.
FIRST, LAST = datetime(1973, 1, 1), datetime(2100, 12, 1)

Entry = tuple[str, Any, Callable[[datetime], bool]]


@st.composite
def weekly(draw: st.DrawFn) -> Entry:
    first, length = draw(st.integers(0, 6)), draw(st.integers(0, 6))
    days = {(first + number) % 7 for number in range(length + 1)}
    text = DAYS[first] + (f"-{DAYS[(first + length) % 7]}" if length else "")
    kind = draw(st.sampled_from(["days", "times", "both"]))
    begin, finish = draw(st.lists(st.integers(0, 95), min_size=2, max_size=2, unique=True))
    times = f"{begin // 4:02}:{begin % 4 * 15:02}-{finish // 4:02}:{finish % 4 * 15:02}"
    if kind == "days":
        return "weekly", text, lambda wall: wall.weekday() in days
    days = days if kind == "both" else set(range(7))

    def inside(wall: datetime) -> bool:
        quarter, yesterday = wall.hour * 4 + wall.minute / 15, (wall.weekday() - 1) % 7
        if begin < finish:
            return wall.weekday() in days and begin <= quarter < finish
        return (wall.weekday() in days and quarter >= begin) or (yesterday in days and quarter < finish)

    return "weekly", f"{text} {times}" if kind == "both" else times, inside


def dates(day: date) -> Entry:
    return "dates", day.isoformat(), lambda wall: wall.date() == day


def yearly(day: date) -> Entry:
    return "yearly", f"{day:%m-%d}", lambda wall: (wall.month, wall.day) == (day.month, day.day)


def date_range(day: date, length: int) -> Entry:
    last = day + timedelta(days=length)
    return "ranges", f"{day}/{last}", lambda wall: day <= wall.date() <= last


def time_range(start: datetime, length: timedelta) -> Entry:
    end = start + length
    return "ranges", {"from": start, "to": end}, lambda wall: start <= wall < end


@st.composite
def places(draw: st.DrawFn) -> tuple[str, datetime]:
    """A zone, and a moment that is often little before its clocks change."""
    zone = draw(st.sampled_from(ZONES))
    day = draw(st.datetimes(FIRST, LAST, timezones=st.just(UTC))).replace(second=0, microsecond=0)
    if draw(st.integers(0, 2)):
        offsets = [(day + timedelta(days=n)).astimezone(ZoneInfo(zone)).utcoffset() for n in range(200)]
        changed = [n for n in range(1, 200) if offsets[n] != offsets[n - 1]]
        day += timedelta(days=changed[0] - 1 if changed else 0)
    return zone, day


def around(moment: datetime) -> st.SearchStrategy[list[Entry]]:
    wall = moment.replace(tzinfo=None)
    days = st.integers(-1, 3).map(lambda number: wall.date() + timedelta(days=number))
    starts = st.integers(-600, 2400).map(lambda minutes: wall + minutes * MINUTE)
    lengths = st.integers(1, 2000).map(lambda minutes: minutes * MINUTE)
    one = st.one_of(
        weekly(), days.map(dates), days.map(yearly), st.builds(date_range, days, st.integers(0, 2)),
        st.builds(time_range, starts, lengths),
    )  # fmt: skip
    return st.lists(one, min_size=1, max_size=3)


@settings(max_examples=40)
@given(places(), st.data())
def test_calendar_covers_what_a_look_at_each_minute_finds(place: tuple[str, datetime], data: st.DataObject) -> None:
    """Minute by minute over a day and a half `covers` is the scan's, and `next_change` is the first that differs."""
    name, start = place
    spec: dict[str, Any] = {"timezone": name}
    entries = data.draw(around(start))
    for key, value, _ in entries:
        spec.setdefault(key, []).append(value)
    calendar, zone = parse_calendar("x", spec, Path()), ZoneInfo(name)
    moments = [start + number * MINUTE for number in range(HOURS * 60)]
    scanned = []
    for moment in moments:
        wall = moment.astimezone(zone).replace(tzinfo=None, fold=0)
        scanned.append(any(inside(wall) for _, _, inside in entries))
    changes = [moment for moment, one, other in zip(moments[1:], scanned, scanned[1:], strict=False) if one != other]

    assert [calendar.covers(moment) for moment in moments] == scanned
    found, moment = [], start
    while (moment := calendar.next_change(moment, moments[-1])) is not None:
        found.append(moment)
    assert found == changes

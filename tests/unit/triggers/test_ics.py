"""`ics`: the events of a file, as calendar programs export them, and files that mean no good."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automation.triggers.calendar import Calendar, CalendarInvalid, parse_calendar

ZONE = """BEGIN:VTIMEZONE
TZID:Europe/Madrid
BEGIN:STANDARD
DTSTART:19701025T030000
RRULE:FREQ=SECONDLY
TZOFFSETFROM:+0200
TZOFFSETTO:+0500
END:STANDARD
END:VTIMEZONE
"""


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., Calendar]:
    """`read(event, …)`: the calendar of a file with these events, in Madrid."""

    def make(*events: str, name: str = "x.ics") -> Calendar:
        body = "".join(f"BEGIN:VEVENT\nUID:1\nSUMMARY:Break\n{event}\nEND:VEVENT\n" for event in events)
        text = f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//x//y//EN\n{ZONE}{body}END:VCALENDAR\n"
        (tmp_path / "x.ics").write_bytes(text.replace("\n", "\r\n").encode())
        return parse_calendar("x", {"ics": name, "timezone": "Europe/Madrid"}, tmp_path)

    return make


def changes(calendar: Calendar, start: str = "2026-01-01", until: str = "2027-01-01") -> list[str]:
    """When it begins and ends to cover, in UTC."""
    moment, end = (datetime.fromisoformat(one).replace(tzinfo=UTC) for one in (start, until))
    found = []
    while (following := calendar.next_change(moment, end)) is not None:
        found.append(f"{following:%m-%d %H:%M}")
        moment = following
    return found


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        # A day has no zone: it is the calendar's. DTEND is the first day after it.
        ("DTSTART;VALUE=DATE:20260801\nDTEND;VALUE=DATE:20260816", ["07-31 22:00", "08-15 22:00"]),
        ("DTSTART;VALUE=DATE:20260801", ["07-31 22:00", "08-01 22:00"]),
        ("DTSTART:20260801T090000\nDURATION:PT90M", ["08-01 07:00", "08-01 08:30"]),
        ("DTSTART:20260801T090000Z\nDTEND:20260801T100000Z", ["08-01 09:00", "08-01 10:00"]),
        ("DTSTART;TZID=America/New_York:20260801T090000\nDTEND;TZID=America/New_York:20260801T100000", ["08-01 13:00", "08-01 14:00"]),
        ("DTSTART;TZID=Eastern Standard Time:20260801T090000\nDURATION:PT1H", ["08-01 13:00", "08-01 14:00"]),
        ("DTSTART;TZID=America/New_York:20260801T090000\nDTEND;TZID=Europe/Madrid:20260801T160000", ["08-01 13:00", "08-01 14:00"]),
        ("DTSTART:20260801T090000", []),
        ("DTSTART;VALUE=DATE:20260801\nSTATUS:CANCELLED", []),
        # Recurring: the wall clock stays when the offset changes.
        ("DTSTART:20260325T090000\nDURATION:PT1H\nRRULE:FREQ=WEEKLY;COUNT=2", ["03-25 08:00", "03-25 09:00", "04-01 07:00", "04-01 08:00"]),
        ("DTSTART:20260105T090000\nDURATION:PT1H\nRRULE:FREQ=DAILY;UNTIL=20260106T080000Z", ["01-05 08:00", "01-05 09:00", "01-06 08:00", "01-06 09:00"]),
        ("DTSTART;VALUE=DATE:20260105\nRRULE:FREQ=WEEKLY;UNTIL=20260112", ["01-04 23:00", "01-05 23:00", "01-11 23:00", "01-12 23:00"]),
        ("DTSTART;VALUE=DATE:19900501\nRRULE:FREQ=YEARLY", ["04-30 22:00", "05-01 22:00"]),
        ("DTSTART;VALUE=DATE:20260101\nRRULE:FREQ=MONTHLY;BYDAY=-1FR;BYMONTH=3", ["01-01 23:00", "03-26 23:00", "03-27 23:00"]),
        ("DTSTART;VALUE=DATE:20260105\nRRULE:FREQ=DAILY;COUNT=3\nEXDATE;VALUE=DATE:20260106", ["01-04 23:00", "01-05 23:00", "01-06 23:00", "01-07 23:00"]),
        ("DTSTART:20260105T090000\nDURATION:PT1H\nRRULE:FREQ=DAILY;COUNT=3\nEXDATE:20260105T080000Z\nEXDATE;VALUE=DATE:20260106", ["01-07 08:00", "01-07 09:00"]),
        ("DTSTART;VALUE=DATE:20260105\nRDATE;VALUE=DATE:20260110,20260111", ["01-04 23:00", "01-05 23:00", "01-09 23:00", "01-11 23:00"]),
        ("DTSTART:20260105T090000\nDURATION:PT1H\nRDATE;VALUE=PERIOD:20260106T090000/PT2H", ["01-05 08:00", "01-05 09:00", "01-06 08:00", "01-06 10:00"]),
        # An end before the first time of the rule leaves the event itself.
        ("DTSTART;VALUE=DATE:20260105\nRRULE:FREQ=YEARLY;BYMONTH=7;BYMONTHDAY=1;UNTIL=20260301", ["01-04 23:00", "01-05 23:00"]),
    ],
)  # fmt: skip
def test_event_is_where_a_calendar_program_shows_it(
    read: Callable[..., Calendar], event: str, expected: list[str]
) -> None:
    """Days, times of all three kinds, recurrences with their exceptions; a file's own zone rules count for nothing."""
    assert changes(read(event, "DTSTART;VALUE=DATE:20300101")) == expected


def test_moved_time_of_a_series_is_where_it_was_moved_to(read: Callable[..., Calendar]) -> None:
    """It replaces the time that it names; a cancelled one leaves a hole."""
    series = "DTSTART:20260105T090000\nDURATION:PT1H\nRRULE:FREQ=DAILY;COUNT=3"
    moved = "RECURRENCE-ID:20260106T090000\nDTSTART:20260120T090000\nDURATION:PT1H"
    gone = "RECURRENCE-ID:20260107T090000\nDTSTART:20260107T090000\nDURATION:PT1H\nSTATUS:CANCELLED"

    assert changes(read(series, moved, gone)) == ["01-05 08:00", "01-05 09:00", "01-20 08:00", "01-20 09:00"]


def test_leap_day_and_the_year_2100_are_those_of_the_calendar(read: Callable[..., Calendar]) -> None:
    """A yearly event of 29 February is in leap years alone, and 2100 is none."""
    calendar = read("DTSTART;VALUE=DATE:20240229\nRRULE:FREQ=YEARLY")

    assert changes(calendar, "2027-01-01", "2028-12-31") == ["02-28 23:00", "02-29 23:00"]
    assert changes(calendar, "2097-01-01", "2104-02-01") == []


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ("SUMMARY:x", "it has no DTSTART"),
        ("DTSTART:tomorrow", "DTSTART cannot be read"),
        ("DTSTART:00010101T000000", "the year 1 is not from 1901"),
        ("DTSTART;TZID=Mars/Olympus:20260101T000000", "time zone 'Mars/Olympus', which the tz database does not know"),
        ("DTSTART:20260102T000000\nDTEND:20260101T000000", "it ends before it begins"),
        ("DTSTART:20260102T000000\nDURATION:P9999D", "longer than ten years"),
        ("DTSTART:20260101T000000\nDTSTART:20260102T000000", "it has DTSTART more than once"),
        ("DTSTART:20260101T000000\nRRULE:FREQ=SECONDLY", "FREQ is 'SECONDLY'; an event may be YEARLY"),
        ("DTSTART:20260101T000000\nRRULE:FREQ=HOURLY", "FREQ is 'HOURLY'"),
        ("DTSTART:20260101T000000\nRRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", "the rule never occurs"),
        ("DTSTART:20260101T000000\nRRULE:FREQ=DAILY;INTERVAL=0", "INTERVAL is 0; at least 1"),
        ("DTSTART:20260101T000000\nRRULE:FREQ=DAILY;COUNT=2;UNTIL=20260201", "COUNT and UNTIL"),
        ("DTSTART:20260101T000000\nRRULE:FREQ=DAILY;BYHOUR=" + ",".join(map(str, range(24))) + ";BYMINUTE=0,30", "names 48 times of a day"),
        ("DTSTART:20260101T000000\nRRULE:FREQ=DAILY;BYDAY=XX", "cannot be read"),
        ("RECURRENCE-ID;RANGE=THISANDFUTURE:20260106T090000\nDTSTART:20260120T090000", "later times (RANGE) is not read"),
    ],
)  # fmt: skip
def test_event_that_cannot_be_used_is_named(read: Callable[..., Calendar], event: str, said: str) -> None:
    """The message has the file, the event and what is wrong with it, for the key `ics`."""
    with pytest.raises(CalendarInvalid) as refused:
        read("DTSTART;VALUE=DATE:20260101\nRRULE:FREQ=DAILY", event)

    assert said in str(refused.value)
    assert str(refused.value).startswith("x.ics, event '")
    assert refused.value.key == "ics"


def test_series_that_would_take_for_ever_are_refused(read: Callable[..., Calendar]) -> None:
    """A hundred years of days are fine, a hundred times a hundred years are not."""
    daily = "DTSTART;VALUE=DATE:19500101\nRRULE:FREQ=DAILY"

    assert changes(read(daily, daily), "2026-01-01", "2027-01-01") == []
    with pytest.raises(CalendarInvalid, match="2,000,000 are allowed; export the coming years alone"):
        read(*[daily] * 60)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "does not begin with BEGIN:VCALENDAR"),
        (b"\x00\xff\xfe binary", "is no iCalendar file"),
        (b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n", "has no events"),
        (
            b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART:20260101\r\nEND:VEVENT\r\n",
            "it ends in the middle; export it again",
        ),
        (b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nEND:VCALENDAR\r\n", "is no iCalendar file"),
        (b"BEGIN:VCALENDAR\r\nnonsense\r\nEND:VCALENDAR\r\n", "is no iCalendar file"),
        (b"<html>Sign in</html>", "is no iCalendar file"),
        (b"BEGIN:VCALENDAR\r\n" * 5000 + b"END:VCALENDAR\r\n" * 5000, "has no events"),
        (b"x" * 5_000_001, "has 5.0 MB; at most 5.0 MB are read"),
    ],
)
def test_file_that_is_no_calendar_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    """What a browser saved in its place, half a file, too much of one."""
    (tmp_path / "x.ics").write_bytes(content)
    with pytest.raises(CalendarInvalid) as refused:
        parse_calendar("x", {"ics": "x.ics"}, tmp_path)

    assert said in str(refused.value)
    assert str(refused.value).isprintable()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("missing.ics", "'missing.ics' cannot be read: there is no such file"),
        (".", "cannot be read: Is a directory"),
        ("../x.ics", "lies outside of the project"),
        ("/etc/passwd", "lies outside of the project"),
        ("link.ics", "lies outside of the project"),
        ("https://example.com/x.ics", "calendars are not fetched"),
        ("", "write the path of a file"),
        ("x\0.ics", "write the path of a file"),
    ],
)
def test_file_lies_in_the_project(tmp_path: Path, name: str, said: str) -> None:
    """No path leads out of it, also through a link, and nothing is fetched."""
    (tmp_path / "link.ics").symlink_to("/etc/passwd")
    with pytest.raises(CalendarInvalid) as refused:
        parse_calendar("x", {"ics": name}, tmp_path)

    assert said in str(refused.value)
    assert refused.value.key == "ics"


PIECES = [
    "20260101", "20260101T090000", "20260101T090000Z", ";VALUE=DATE:", ";VALUE=PERIOD:", ";TZID=Nope:", ":", ",", "/PT1H",
    "PT1H", "-P1D", "FREQ=DAILY", "FREQ=YEARLY", ";COUNT=3", ";COUNT=", ";INTERVAL=0", ";INTERVAL=-1", ";UNTIL=x",
    ";UNTIL=20270101", ";BYDAY=5MO", ";BYDAY=", ";BYMONTHDAY=31", ";BYMONTH=2", ";BYSETPOS=9", ";BYWEEKNO=53", ";BYHOUR=99",
    ";BYYEARDAY=-366", ";WKST=XX", ";RSCALE=HEBREW", "99999999", "P99999999999D", "=", "\\", "é", "\x07",
]  # fmt: skip
NAMES = st.sampled_from(["DTSTART", "DTSTART:", "DTEND", "DURATION:", "RRULE:FREQ=DAILY", "RRULE:", "RDATE", "EXDATE:"])
LINES = st.tuples(NAMES, st.lists(st.sampled_from(PIECES), max_size=4).map("".join)).map("".join)


@settings(max_examples=80)
@given(st.lists(LINES, max_size=3).map("\n".join))
def test_any_event_is_a_calendar_or_is_refused(tmp_path_factory: pytest.TempPathFactory, lines: str) -> None:
    """Nothing else is raised, nothing takes for ever, and no control character reaches a terminal."""
    folder, said = tmp_path_factory.getbasetemp(), ""
    text = f"BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20260101T090000\n{lines}\nEND:VEVENT\nEND:VCALENDAR\n"
    (folder / "any.ics").write_text(text)
    try:
        calendar = parse_calendar("x", {"ics": "any.ics", "timezone": "Europe/Madrid"}, folder)
        calendar.covers(datetime(2026, 5, 1, tzinfo=UTC))
    except CalendarInvalid as error:
        said = str(error)

    assert said.isprintable()

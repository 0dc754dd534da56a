"""Cron expressions in time zones: known dates, and the two weekends a year when clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest

from automation.triggers.base import TriggerInvalid
from automation.triggers.cron import CronTrigger


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def fires(expression: str, zone: str, start: str, number: int, **options: str) -> list[str]:
    """The next fires as local wall time with offset."""
    trigger = CronTrigger(expression, zone, **options)
    found: list[str] = []
    moment: datetime | None = at(start)
    for _ in islice(range(number), number):
        moment = trigger.next_after(moment)
        found.append(moment.astimezone(trigger.zone).strftime("%m-%d %H:%M%z"))
    return found


@pytest.mark.parametrize(
    ("expression", "after", "expected"),
    [
        ("*/15 8-20 * * mon-fri", "2026-11-20T20:50", "2026-11-23T08:00"),
        ("0 0 29 2 *", "2026-11-21T12:00", "2028-02-29T00:00"),
        ("0 0 29 2 *", "2097-01-01T00:00", "2104-02-29T00:00"),
        ("0 7 * * 7", "2026-11-21T12:00", "2026-11-22T07:00"),
        ("0 7 * * 0", "2026-11-21T12:00", "2026-11-22T07:00"),
        ("0 0 l * *", "2027-02-03T00:00", "2027-02-28T00:00"),
        ("0 9 * * fri#2", "2026-11-21T00:00", "2026-12-11T09:00"),
        ("0 9 * * 5L", "2026-11-21T00:00", "2026-11-27T09:00"),
        ("5/20 * * * *", "2026-11-21T12:05", "2026-11-21T12:25"),
        ("@hourly", "2026-11-21T12:00", "2026-11-21T13:00"),
        ("@Weekly", "2026-11-21T12:00", "2026-11-22T00:00"),
        ("\t 0  7\t* *   MON ", "2026-11-21T12:00", "2026-11-23T07:00"),
        ("0 0 13 * fri", "2026-11-21T00:00", "2026-11-27T00:00"),
        ("0 0 * * fri-sun", "2026-11-21T00:00", "2026-11-22T00:00"),
        ("5-5/10 * * * *", "2026-11-21T00:05", "2026-11-21T01:05"),
        ("0 0 */2 * mon", "2026-11-21T00:00", "2026-11-23T00:00"),
    ],
)
def test_next_fire_is_the_one_on_the_calendar(expression: str, after: str, expected: str) -> None:
    """The next fire in UTC is what a reader of the expression finds on a calendar."""
    assert CronTrigger(expression).next_after(at(after)) == at(expected)


@pytest.mark.parametrize("seconds", [0, 0.000001, 59.999999])
def test_next_fire_is_strictly_after_the_moment(seconds: float) -> None:
    """A moment inside a minute gets the next one, a fire itself gets the one after it."""
    moment = at("2026-11-21T12:00") + timedelta(seconds=seconds)

    assert CronTrigger("* * * * *").next_after(moment) == at("2026-11-21T12:01")


@pytest.mark.parametrize(
    ("expression", "zone", "start", "expected"),
    [
        # A fixed hour: shifted in the gap, once in the overlap.
        ("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00", ["03-29 03:00+0200", "03-30 02:30+0200"]),
        ("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00", ["10-25 02:30+0200", "10-26 02:30+0100"]),
        ("30 1 * * *", "America/New_York", "2026-10-31T12:00", ["11-01 01:30-0400", "11-02 01:30-0500"]),
        ("15 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00", ["10-04 02:30+1100", "10-05 02:15+1100"]),
        ("45 1 * * *", "Australia/Lord_Howe", "2026-04-04T00:00", ["04-05 01:45+1100", "04-06 01:45+1030"]),
        ("0 0 * * *", "Africa/Cairo", "2026-04-23T12:00", ["04-24 01:00+0300", "04-25 00:00+0300"]),
        ("0 0 * * *", "Asia/Beirut", "2026-03-28T12:00", ["03-29 01:00+0300", "03-30 00:00+0300"]),
        ("0 0 * * *", "America/Santiago", "2026-09-05T12:00", ["09-06 01:00-0300", "09-07 00:00-0300"]),
        ("30 23 * * *", "Africa/Cairo", "2026-10-29T12:00", ["10-29 23:30+0300", "10-30 23:30+0200"]),
        # A whole day that does not exist becomes the first instant after it, and one fire with the one there.
        ("0 0 * * *", "Pacific/Apia", "2011-12-29T11:00", ["12-31 00:00+1400", "01-01 00:00+1400"]),
        # Two nominal times in one gap are one fire.
        ("*/15 2 * * *", "Europe/Berlin", "2026-03-28T12:00", ["03-29 03:00+0200", "03-30 02:00+0200"]),
        # Every hour: real time, so both passes, and only the hour that does not exist is lost.
        (
            "0 * * * *",
            "Europe/Berlin",
            "2026-10-24T23:30",
            ["10-25 02:00+0200", "10-25 02:00+0100", "10-25 03:00+0100"],
        ),
        ("0 * * * *", "Europe/Berlin", "2026-03-29T00:30", ["03-29 03:00+0200", "03-29 04:00+0200"]),
        ("0 */2 * * *", "Europe/Berlin", "2026-03-28T23:30", ["03-29 04:00+0200", "03-29 06:00+0200"]),
        ("45 * * * *", "Australia/Lord_Howe", "2026-04-04T14:40", ["04-05 01:45+1100", "04-05 01:45+1030"]),
        ("0 */2 * * *", "Africa/Cairo", "2026-04-23T19:30", ["04-23 22:00+0200", "04-24 02:00+0300"]),
        # Casablanca goes back for Ramadan and forward after it: February and March, the other way round.
        ("30 2 * * *", "Africa/Casablanca", "2026-02-14T12:00", ["02-15 02:30+0100", "02-16 02:30+0000"]),
        ("30 2 * * *", "Africa/Casablanca", "2026-03-21T12:00", ["03-22 03:00+0100", "03-23 02:30+0100"]),
        # In the very second of a change.
        ("59 59 1 * * *", "Europe/Berlin", "2026-03-29T00:59:58", ["03-29 01:59+0100", "03-30 01:59+0200"]),
    ],
)
def test_clock_changes_follow_the_rule(expression: str, zone: str, start: str, expected: list[str]) -> None:
    """Gaps shift a fixed hour, overlaps fire it once; with `*` or a step in the hour the rule is real time."""
    seconds = {"seconds": "first"} if len(expression.split()) == 6 else {}

    assert fires(expression, zone, start, len(expected), **seconds) == expected


@pytest.mark.parametrize(
    ("zone", "expression", "start", "gap", "overlap", "expected"),
    [
        ("Europe/Berlin", "30 2 * * *", "2026-03-28T12:00", "skip", "first", ["03-30 02:30+0200"]),
        ("Europe/Berlin", "30 2 * * *", "2026-10-24T12:00", "shift", "second", ["10-25 02:30+0100", "10-26 02:30+0100"]),
        ("Europe/Berlin", "30 2 * * *", "2026-10-24T12:00", "shift", "both", ["10-25 02:30+0200", "10-25 02:30+0100"]),
        ("Europe/Berlin", "0,45 2 * * *", "2026-10-25T00:50", "shift", "second", ["10-25 02:00+0100", "10-25 02:45+0100"]),
        ("America/New_York", "30 2 * * *", "2026-03-07T12:00", "skip", "first", ["03-09 02:30-0400"]),
        ("America/New_York", "30 1 * * *", "2026-10-31T12:00", "shift", "second", ["11-01 01:30-0500", "11-02 01:30-0500"]),
        ("Australia/Lord_Howe", "15 2 * * *", "2026-10-03T00:00", "skip", "first", ["10-05 02:15+1100"]),
        ("Australia/Lord_Howe", "45 1 * * *", "2026-04-04T00:00", "shift", "both", ["04-05 01:45+1100", "04-05 01:45+1030"]),
        ("Africa/Cairo", "0 0 * * *", "2026-04-23T12:00", "skip", "first", ["04-25 00:00+0300"]),
        ("Africa/Cairo", "30 23 * * *", "2026-10-29T12:00", "shift", "second", ["10-29 23:30+0200", "10-30 23:30+0200"]),
        ("Asia/Beirut", "0 0 * * *", "2026-03-28T12:00", "skip", "first", ["03-30 00:00+0300"]),
        ("America/Santiago", "0 0 * * *", "2026-09-05T12:00", "skip", "first", ["09-07 00:00-0300"]),
        ("Africa/Casablanca", "30 2 * * *", "2026-02-14T12:00", "shift", "both", ["02-15 02:30+0100", "02-15 02:30+0000"]),
        ("Africa/Casablanca", "30 2 * * *", "2026-03-21T12:00", "skip", "first", ["03-23 02:30+0100"]),
        ("Pacific/Apia", "0 12 * * *", "2011-12-29T11:00", "skip", "first", ["12-29 12:00-1000", "12-31 12:00+1400"]),
        ("Pacific/Apia", "0 12 * * *", "2011-12-29T11:00", "shift", "first", ["12-29 12:00-1000", "12-31 00:00+1400", "12-31 12:00+1400"]),
    ],
)  # fmt: skip
def test_options_say_what_a_change_of_the_clocks_does(
    zone: str, expression: str, start: str, gap: str, overlap: str, expected: list[str]
) -> None:
    """`dst_gap` shifts or skips what does not exist; `dst_overlap` chooses the pass of what comes twice."""
    assert fires(expression, zone, start, len(expected), dst_gap=gap, dst_overlap=overlap) == expected


@pytest.mark.parametrize("key", ["dst_gap", "dst_overlap"])
@pytest.mark.parametrize("expression", ["0 * * * *", "*/5 * * * *", "0 8-20/2 * * *"])
def test_rule_of_real_time_takes_no_option_of_the_clocks(expression: str, key: str) -> None:
    """It fires whenever its time passes, so that an option would be a promise that nobody keeps."""
    value = {"dst_gap": "skip", "dst_overlap": "both"}[key]
    with pytest.raises(TriggerInvalid, match="follows real time") as refused:
        CronTrigger(expression, "Europe/Berlin", **{key: value})

    assert refused.value.key == key


@pytest.mark.parametrize(
    ("expression", "seconds", "expected"),
    [
        ("*/20 0 7 * * *", "first", ["07:00:00", "07:00:20", "07:00:40"]),
        ("0 7 * * * */20", "last", ["07:00:00", "07:00:20", "07:00:40"]),
        ("30 0 7-9 * * mon-sun", "first", ["07:00:30", "08:00:30", "09:00:30"]),
    ],
)
def test_seconds_stand_where_the_rule_says(expression: str, seconds: str, expected: list[str]) -> None:
    """The sixth field is the first or the last one, as is said, never guessed."""
    trigger = CronTrigger(expression, seconds=seconds)
    first = trigger.next_after(at("2026-11-21T00:00"))
    second = trigger.next_after(first)

    assert [f"{fire:%H:%M:%S}" for fire in (first, second, trigger.next_after(second))] == expected


@pytest.mark.parametrize(
    ("day_match", "expected"), [("or", ["11-27", "12-04", "12-11", "12-13"]), ("and", ["08-13", "10-13"])]
)
def test_day_match_says_whether_one_day_is_enough(day_match: str, expected: list[str]) -> None:
    """The 13th or a Friday; or a Friday the 13th alone."""
    found = fires("0 0 13 * fri", "UTC", "2026-11-21T00:00", len(expected), day_match=day_match)

    assert [fire[:5] for fire in found] == expected


@pytest.mark.parametrize(("key", "value"), [("seconds", "middle"), ("day_match", "xor"), ("dst_gap", "shfit")])
def test_unknown_word_is_refused_with_those_that_are_known(key: str, value: str) -> None:
    """The error is of the option's own key."""
    with pytest.raises(TriggerInvalid, match="write one of") as refused:
        CronTrigger("0 7 13 * fri", **{key: value})

    assert refused.value.key == key


@pytest.mark.parametrize(
    ("expression", "moment", "marks"),
    [
        ("30 2 * * *", "2026-03-29T01:00", ("gap:shifted",)),
        ("30 2 * * *", "2026-10-25T00:30", ("overlap:first",)),
        ("30 2 * * *", "2026-10-26T01:30", ()),
        ("0 3 * * *", "2026-03-29T01:00", ()),
        ("0 * * * *", "2026-10-25T01:00", ("overlap:second",)),
        ("0 * * * *", "2026-03-29T01:00", ()),
    ],
)
def test_unusual_fires_are_marked(expression: str, moment: str, marks: tuple[str, ...]) -> None:
    """A fire that was shifted out of a gap, or stands in an overlap, says so."""
    assert CronTrigger(expression, "Europe/Berlin").marks(at(moment)) == marks


@pytest.mark.parametrize("moment", [datetime.max, datetime.min])
def test_the_ends_of_time_answer_and_do_not_raise(moment: datetime) -> None:
    """After the last moment there is no fire; before the first there is one."""
    following = CronTrigger("0 7 * * *", "Asia/Tokyo").next_after(moment.replace(tzinfo=UTC))

    assert (following is None) == (moment == datetime.max)


def test_equal_rules_are_equal_triggers() -> None:
    """Two triggers are the same when expression and zone are, whatever the spacing and case."""
    first, second = CronTrigger("0 7 * * MON", "UTC"), CronTrigger(" 0  7 * * mon", "UTC")

    assert first == second
    assert len({first, second, CronTrigger("0 7 * * mon", "Asia/Tokyo")}) == 2
    assert first != CronTrigger("0 7 * * mon", dst_gap="skip")
    assert first == CronTrigger("0 7 * * mon", dst_gap="shift", day_match="and")


def test_description_names_the_rule_and_its_zone() -> None:
    """A person reads when it fires, and by whose clocks."""
    assert CronTrigger("0 7 * * mon", "Europe/Madrid").describe() == "at 07:00 on Monday, Europe/Madrid"


@pytest.mark.parametrize("expression", ["0 0 30 2 *", "0 0 31 4,6 *", "0 0 31 2,4,6,9,11 *"])
def test_rule_that_never_occurs_is_refused(expression: str) -> None:
    """A date that no year has is refused when the rule is read, not waited for."""
    with pytest.raises(TriggerInvalid, match="never occurs"):
        CronTrigger(expression)

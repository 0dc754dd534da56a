"""Recurrence rules: against dateutil from their beginning, against equal crons, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from dateutil.rrule import rrulestr
from hypothesis import given
from hypothesis import strategies as st

from automation.triggers.base import TriggerInvalid
from automation.triggers.cron import CronTrigger
from automation.triggers.rrule import RRuleTrigger

START = "DTSTART:20200131T023000"
RULES = [
    "FREQ=YEARLY", "FREQ=YEARLY;INTERVAL=3;BYMONTH=2,7;BYDAY=-1FR", "FREQ=YEARLY;BYWEEKNO=1,53;BYDAY=TU",
    "FREQ=YEARLY;BYYEARDAY=-1,100", "FREQ=MONTHLY", "FREQ=MONTHLY;INTERVAL=5;BYMONTHDAY=-1,1",
    "FREQ=MONTHLY;BYDAY=2MO;BYHOUR=1,9", "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", "FREQ=WEEKLY",
    "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,SU", "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,SU;WKST=SU", "FREQ=DAILY;INTERVAL=10",
    "FREQ=DAILY;BYHOUR=1,13;BYMONTH=3", "FREQ=HOURLY;INTERVAL=7", "FREQ=HOURLY;BYDAY=SA;BYMINUTE=0,30",
    "FREQ=MINUTELY;INTERVAL=45", "FREQ=MINUTELY;INTERVAL=50;BYHOUR=2", "FREQ=SECONDLY;INTERVAL=4000",
]  # fmt: skip
CRONS = [
    ("FREQ=DAILY", "30 2 * * *"),
    ("FREQ=DAILY;BYHOUR=0,12;BYMINUTE=15", "15 0,12 * * *"),
    ("FREQ=WEEKLY;BYDAY=MO,FR", "30 2 * * mon,fri"),
    ("FREQ=MONTHLY;BYMONTHDAY=15", "30 2 15 * *"),
    ("FREQ=MONTHLY;BYDAY=-1FR", "30 2 * * 5L"),
    ("FREQ=YEARLY;BYMONTH=6;BYMONTHDAY=1", "30 2 1 6 *"),
    ("FREQ=HOURLY", "30 * * * *"),
    ("FREQ=MINUTELY;INTERVAL=15", "*/15 * * * *"),
]
MOMENTS = st.datetimes(datetime(2020, 3, 1), datetime(2024, 3, 1), timezones=st.just(UTC))


@given(st.sampled_from(RULES), MOMENTS)
def test_next_fire_is_that_of_the_whole_series(rule: str, moment: datetime) -> None:
    """Counted from the beginning, however far the moment is from it."""
    whole = rrulestr(f"{START}\nRRULE:{rule}").after(moment.replace(tzinfo=None))

    assert RRuleTrigger(f"{START} RRULE:{rule}").next_after(moment) == whole.replace(tzinfo=UTC)


@given(
    st.sampled_from(CRONS),
    st.sampled_from(["Europe/Berlin", "America/Santiago", "Australia/Lord_Howe", "Africa/Cairo"]),
    st.datetimes(datetime(2021, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC)),
)
def test_rule_does_what_the_equal_cron_does(pair: tuple[str, str], zone: str, moment: datetime) -> None:
    """In every zone, through gaps and overlaps, with the same marks."""
    rule, cron = RRuleTrigger(f"{START} RRULE:{pair[0]}", zone), CronTrigger(pair[1], zone)
    fire = cron.next_after(moment)

    assert rule.next_after(moment) == fire
    assert rule.marks(fire) == cron.marks(fire)


def test_options_of_the_clocks_hold_as_for_cron() -> None:
    """Both passes of the repeated hour, when that is said."""
    trigger = RRuleTrigger(f"{START} RRULE:FREQ=DAILY", "Europe/Berlin", dst_overlap="both")
    first = trigger.next_after(datetime(2026, 10, 24, 12, tzinfo=UTC))

    assert trigger.next_after(first) - first == timedelta(hours=1)


def test_nothing_fires_before_the_beginning() -> None:
    """The first fire is at or after DTSTART, though the rule would name an earlier day of its first month."""
    trigger = RRuleTrigger("DTSTART:20200131T023000 RRULE:FREQ=MONTHLY;BYMONTHDAY=1,31")

    assert trigger.next_after(datetime(1990, 1, 1, tzinfo=UTC)) == datetime(2020, 1, 31, 2, 30, tzinfo=UTC)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("moment", [datetime.max, datetime(9998, 12, 30), datetime.min])
def test_the_ends_of_time_answer_and_do_not_raise(rule: str, moment: datetime) -> None:
    """After the last moments there is no fire or a later one; before the first there is one."""
    moment = moment.replace(tzinfo=UTC)
    fire = RRuleTrigger(f"{START} RRULE:{rule}").next_after(moment)

    assert fire is None or fire > moment
    assert fire is not None or moment.year > 9000


def test_lines_and_small_letters_are_read() -> None:
    """As a calendar exports it, or as a person types it."""
    exported, typed = RRuleTrigger(f"{START}\nRRULE:FREQ=DAILY;"), RRuleTrigger("dtstart:20200131t023000 freq=daily")

    assert exported.recurrence.rule() == typed.recurrence.rule()
    assert typed.describe() == "FREQ=DAILY from 2020-01-31 02:30, UTC"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("FREQ=DAILY", "has no DTSTART; write both, as in"),
        ("DTSTART:20260105", "has no RRULE"),
        ("", "has no DTSTART"),
        ("every day", "'EVERY' is out of place"),
        (f"{START} RRULE:FREQ=DAILY EXDATE:20260105", "'EXDATE' is out of place"),
        (f"{START} {START} RRULE:FREQ=DAILY", "'DTSTART' is out of place"),
        ("DTSTART;TZID=Europe/Berlin:20260105T090000 RRULE:FREQ=DAILY", "write timezone"),
        ("DTSTART:20260105T090000Z RRULE:FREQ=DAILY", "without Z"),
        ("DTSTART:20260230T090000 RRULE:FREQ=DAILY", "no date of the calendar"),
        ("DTSTART:00010101 RRULE:FREQ=DAILY", "write a year from 1900 to 9000"),
        ("DTSTART:2026-01-05 RRULE:FREQ=DAILY", "such as 20260105T090000"),
        (f"{START} RRULE:FREQ=DAILY;COUNT=3", "say end_at"),
        (f"{START} RRULE:FREQ=DAILY;UNTIL=20270101", "write end_at"),
        (f"{START} RRULE:INTERVAL=2", "FREQ is ''; write one of: YEARLY"),
        (f"{START} RRULE:FREQ=DAYLY", "FREQ is 'DAYLY'"),
        (f"{START} RRULE:FREQ=DAILY;FREQ=WEEKLY", "FREQ is there twice"),
        (f"{START} RRULE:FREQ=DAILY;INTERVAL=0", "INTERVAL '0' is out of place; write 1 to 10000"),
        (f"{START} RRULE:FREQ=DAILY;BYHOURS=7", "did you mean BYHOUR"),
        (f"{START} RRULE:FREQ=DAILY;BYHOUR=24", "BYHOUR '24' is out of place; write 0 to 23"),
        (f"{START} RRULE:FREQ=MONTHLY;BYMONTHDAY=0", "or -31 to -1 from the end"),
        (f"{START} RRULE:FREQ=MONTHLY;BYDAY=6XX", "BYDAY '6XX'"),
        (f"{START} RRULE:FREQ=WEEKLY;BYDAY=2MO", "write 'MO'"),
        (f"{START} RRULE:FREQ=WEEKLY;BYMONTHDAY=2", "BYMONTHDAY does not go with FREQ=WEEKLY"),
        (f"{START} RRULE:FREQ=MONTHLY;BYSETPOS=1", "add one"),
        (f"{START} RRULE:FREQ=DAILY;BYMONTH=2,4;BYMONTHDAY=31", "never occurs"),
        (f"{START} RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "never occurs"),
        ("\x1b[2J", "out of place"),
    ],
)
def test_rule_that_cannot_be_used_is_refused_with_the_way_out(text: str, said: str) -> None:
    """One sentence, for the key `rrule`, and no control character passes."""
    with pytest.raises(TriggerInvalid, match=said) as refused:
        RRuleTrigger(text)

    assert refused.value.key == "rrule"
    assert str(refused.value).isprintable()


@given(st.text(alphabet="DTSARULEFQ:;=,0123456789-+ MOWKYBCINP\n", max_size=80))
def test_any_text_is_a_rule_or_is_refused(text: str) -> None:
    """Nothing else is raised."""
    key = "rrule"
    try:
        RRuleTrigger(f"{START} RRULE:FREQ=MONTHLY;{text}")
    except TriggerInvalid as error:
        key = error.key

    assert key == "rrule"

"""The grammar of the five fields, and the sentences for what is outside of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.triggers.base import TriggerInvalid
from automation.triggers.cron import CronTrigger
from automation.triggers.cronfields import fields_of


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the cron is empty"),
        ("  \t ", "the cron is empty"),
        ("* * * *", "has 4 fields, and a cron has 5"),
        ("0 0 12 * * ? 2027", "has 7 fields, and a cron has 5.*no year: write start_at and end_at, or at"),
        ("* * * * * *", 'has 6 fields, and a cron has 5.*seconds = "first" or seconds = "last"'),
        ("*/0 * * * *", "minute '\\*/0': the step '0' must be a whole number of at least 1"),
        ("*/90 * * * *", "minute.*the step 90 is longer than the field"),
        ("60 * * * *", "minute '60'.*0 to 59"),
        ("0 25 * * *", "hour '25'.*0 to 23"),
        ("1.5 * * * *", "minute '1.5'"),
        ("-1 * * * *", "minute '-1': a value is missing"),
        ("0,,5 * * * *", "minute '0,,5': a value is missing"),
        ("0 0 0 * *", "day of month '0'.*1 to 31"),
        ("0 0 32 * *", "day of month '32'"),
        ("0 0 * 13 *", "month '13'.*1 to 12 or jan to dec"),
        ("0 0 * * funday", "day of week 'funday'.*0 to 7 or sun to sat"),
        ("0 0 * * 8", "day of week '8'"),
        ("0 0 * * 5-3", "day of week '5-3': the range '5-3' runs backwards"),
        ("0 0 ? * *", "day of month '\\?'.*write '\\*' for any"),
        ("0 0 * * ?/2", "day of week '\\?/2'.*write '\\*' for any"),
        ("0 0 15w * *", "day of month '15w'"),
        ("0 0 * * mon#6", "day of week 'mon#6'"),
        ("٣ * * * *", "minute"),
        ("@reboot", "run_on_start"),
        ("@fortnightly", "one of: @yearly"),
        ("0 0 1 1 * 2027", "has 6 fields"),
        ("99999999999999999999 * * * *", "minute"),
    ],
)
def test_what_cannot_be_read_is_named(text: str, said: str) -> None:
    """The message names the field, shows the value and says what is allowed."""
    with pytest.raises(TriggerInvalid, match=said) as refused:
        fields_of(text)

    assert refused.value.key == "cron"


@pytest.mark.parametrize(
    ("seconds", "fields"),
    [
        ("first", "second minute hour day-of-month month day-of-week"),
        ("last", "minute hour day-of-month month day-of-week second"),
    ],
)
def test_five_fields_where_seconds_were_promised_are_refused_with_the_six(seconds: str, fields: str) -> None:
    """The message lists them in their order, and names the other way out."""
    with pytest.raises(TriggerInvalid) as refused:
        fields_of("0 7 * * *", seconds)

    said = (
        f"'0 7 * * *' has 5 fields, and seconds = \"{seconds}\" makes it 6: {fields}; write them all, or remove seconds"
    )
    assert str(refused.value) == said


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("0 0 * * 7", "0 0 * * 0"),
        ("0 0 * * SUN", "0 0 * * sun"),
        ("0 0 * * sun", "0 0 * * 0"),
        ("0 0 * * mon-fri/2", "0 0 * * 1,3,5"),
        ("0 0 * * sat-sun", "0 0 * * 6,0"),
        ("@daily", "0 0 * * *"),
        (" 0\t0  * *  * ", "@midnight"),
    ],
)
def test_spellings_of_one_rule_fire_alike(text: str, same: str) -> None:
    """7 is Sunday, names are their numbers in any case, steps count from the first name."""
    one, other = CronTrigger(text), CronTrigger(same)
    moment, fires = datetime(2026, 11, 21, tzinfo=UTC), []
    for _ in range(8):
        fires.append(moment := one.next_after(moment))

    assert fires == [other.next_after(fire - timedelta(seconds=1)) for fire in fires]
    assert other.next_after(datetime(2026, 11, 21, tzinfo=UTC)) == fires[0]


def test_control_characters_are_not_passed_on() -> None:
    """An expression that would move the cursor is shown escaped."""
    with pytest.raises(TriggerInvalid) as refused:
        fields_of("\x1b[2J * * * *")

    assert "\x1b" not in str(refused.value)


TERMS = st.from_regex(r"(\*|[0-9]{1,2}|[0-9]-[0-9]{1,2}|mon|jan|l|lw|5l|fri#2|mon-fri)(/[0-9]{1,2})?", fullmatch=True)
FIELDS = st.lists(TERMS, min_size=1, max_size=2).map(",".join)
NAMES = ("minute", "hour", "day of month", "month", "day of week")


@given(st.lists(FIELDS, min_size=5, max_size=5).map(" ".join))
def test_accepted_fields_are_understood_by_the_calendar(text: str) -> None:
    """Whatever the grammar accepts can be described, or never occurs; nothing else goes wrong later."""
    said = ""
    try:
        CronTrigger(text).describe()
    except TriggerInvalid as error:
        said = str(error)

    assert not said or "never occurs" in said or said.split(" '")[0] in NAMES


@given(st.tuples(st.integers(0, 59), st.integers(0, 23), st.integers(1, 28), st.integers(1, 12), st.integers(0, 7)))
def test_expression_reads_back_what_it_prints(values: tuple[int, ...]) -> None:
    """The normal form of an expression is an expression with the same meaning."""
    trigger = CronTrigger(" ".join(map(str, values)))

    assert CronTrigger(trigger.expression) == trigger

"""Words for people, and what they read of theirs."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.text import (
    cause,
    count,
    ended,
    format_duration,
    instant,
    nearest,
    parse_duration,
    parse_size,
    printable,
    size,
    storable,
)

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202e]")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("15m", 900), ("1h30m", 5400), ("2d", 172800), ("1w2d", 777600), ("250ms", 0.25), ("1.5h", 5400)],
)
def test_duration_is_read_as_written(text: str, seconds: float) -> None:
    """A number and a unit, or several, the largest first."""
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text", ["", "90", "s", "1m1h", "1h1h", "-5s", "5 s", "1h 30m", "5S", "٥s", "1e3s", "0x1s", "5s\n", "1.s", ".5s"]
)
def test_what_is_no_duration_gets_the_grammar(text: str) -> None:
    """The message shows what was found, and what to write."""
    with pytest.raises(ValueError, match=r"is not a duration; write a number and a unit") as refused:
        parse_duration(text)

    assert not CONTROL.search(str(refused.value))


def test_duration_of_more_than_a_century_is_refused() -> None:
    """A slip of the finger is no schedule."""
    assert parse_duration("36525d") == timedelta(days=36525)
    with pytest.raises(ValueError, match="longer than 100 years"):
        parse_duration("36526d")


@given(st.integers(1, 36525 * 86400 - 1))
def test_duration_of_whole_seconds_is_shown_within_its_second_unit(seconds: int) -> None:
    """What is shown is what was meant, to the second largest unit, and can be typed again without its space."""
    shown = format_duration(timedelta(seconds=seconds))
    units = {"d": 86400, "h": 3600, "m": 60, "s": 1}
    largest = next(unit for unit, span in units.items() if seconds >= span)
    second = {"d": 3600, "h": 60, "m": 1, "s": 1}[largest]

    assert (
        0 <= seconds - parse_duration(shown.replace(" ", "")).total_seconds() < second * (24 if largest == "d" else 60)
    )


@given(st.integers(0, 999))
def test_milliseconds_go_round(milliseconds: int) -> None:
    """A short span is shown exactly."""
    span = timedelta(milliseconds=milliseconds)

    assert parse_duration(format_duration(span)) == span


@given(st.text(max_size=20) | st.text("0123456789.smhdw", max_size=20))
def test_any_text_is_a_duration_or_a_sentence(text: str) -> None:
    """Nothing else comes out of reading one."""
    try:
        span = parse_duration(text)
    except ValueError as error:
        refused = str(error)
    else:
        refused = ""
        assert timedelta() <= span <= timedelta(days=36525)

    assert not refused or "; write" in refused


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0s"), (0.0004, "0ms"), (0.9996, "1s"), (1.5, "1.5s"), (9.97, "10s"), (59.7, "1m"), (5400, "1h 30m"), (90061, "1d 1h"), (-90, "-1m 30s")],
)  # fmt: skip
def test_span_is_shown_in_its_two_largest_units(seconds: float, shown: str) -> None:
    """Rounded so that no unit is full."""
    assert format_duration(seconds) == shown


def test_nearest_name_is_found_whatever_its_case() -> None:
    """A slip of the finger finds what was meant, and another word finds nothing."""
    assert nearest("Scrpe", ["scrape", "report"]) == "scrape"
    assert nearest("BOOKS", ["books"]) == "books"
    assert nearest("zzz", ["scrape", "report"]) is None
    assert nearest("x", []) is None


def test_count_has_its_plural() -> None:
    """One job, many jobs, and thousands with a comma."""
    assert (count(1, "job"), count(0, "job"), count(1204, "page")) == ("1 job", "0 jobs", "1,204 pages")
    assert count(2, "entry", "entries") == "2 entries"


@pytest.mark.parametrize(
    ("number", "shown"), [(0, "0 B"), (812, "812 B"), (1500, "1.5 kB"), (10**7, "10.0 MB"), (5 * 10**15, "5000.0 TB")]
)
def test_size_is_in_powers_of_a_thousand(number: int, shown: str) -> None:
    """With one decimal beyond bytes."""
    assert size(number) == shown


@given(st.text(), st.integers(1, 40))
def test_printable_text_moves_no_cursor(text: str, limit: int) -> None:
    """No control character survives, and no end of line, and a long text is cut."""
    shown = printable(text, limit)

    assert not CONTROL.search(shown)
    assert len(shown.splitlines()) <= 1
    assert len(text) <= limit or (len(shown) == limit + 1 and shown.endswith("…"))


@given(st.text(st.characters(exclude_categories=["C", "Z"]) | st.just(" "), max_size=50))
def test_ordinary_text_is_left_as_it_is(text: str) -> None:
    """Letters of every script and signs pass."""
    assert printable(text) == text


@given(st.text(st.characters(exclude_categories=[]), max_size=20))
def test_storable_text_is_taken_by_every_database(text: str) -> None:
    """It can be encoded and has no NUL; a text that could be stored before is left alone."""
    kept = storable(text)

    assert "\0" not in kept
    kept.encode()
    assert kept == text or "\\" in kept


def test_a_sentence_has_one_full_stop() -> None:
    """Some errors close with a sentence of their own."""
    assert ended("There is no run 'x'") == "There is no run 'x'."
    assert ended("There is no job 'x'. See `automation list`.") == "There is no job 'x'. See `automation list`."


def test_instant_is_utc_with_a_z() -> None:
    """The same moment reads the same, from wherever it was seen."""
    seen = datetime(2026, 3, 29, 3, 0, tzinfo=timezone(timedelta(hours=2)))

    assert instant(seen) == instant(seen.astimezone(UTC)) == "2026-03-29T01:00:00Z"
    assert instant(seen.replace(microsecond=500)) == "2026-03-29T01:00:00.000500Z"


@pytest.mark.parametrize(
    ("text", "size"),
    [("812B", 812), ("500MB", 500_000_000), ("1.5 GB", 1_500_000_000), ("2GiB", 2 * 1024**3), (" 64KiB ", 65536)],
)
def test_sizes_are_read(text: str, size: int) -> None:
    """Powers of 1000, or with an i of 1024."""
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "500", "MB", "500mb", "-1MB", "1e3MB", "1.2345MB", "٣MB"])
def test_what_is_no_size_is_refused(text: str) -> None:
    """With an example of one."""
    with pytest.raises(ValueError, match="write a size such as"):
        parse_size(text)


@pytest.mark.parametrize(
    ("failure_class", "code", "said"),
    [
        ("transport", "http:503", "transport http:503"),
        ("unknown", "exit:3", "exit:3"),
        ("unknown", None, "unknown"),
        (None, None, ""),
    ],
)
def test_cause_leaves_out_a_class_that_says_nothing(failure_class: str | None, code: str | None, said: str) -> None:
    """A command's exit code is all there is to know of its failure."""
    assert cause(failure_class, code) == said

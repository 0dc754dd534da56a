"""Tables on terminals of any width: what gives way, and what never does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.cli.tables import lay_out

RUNS = ("id", "job", "kind", "nominal time", "state", "attempt", "duration", "reason")
SPARE = ("attempt", "kind", "duration")
REASON = "overlap: run ji6k22r4b4477ga5yvxa is at work, and the job says that a fire that finds it so is skipped"
ROWS = (
    ("ggo3effsq22ab5o5meca", "price-report", "scheduled", "2026-11-21 18:24:00Z", "succeeded", "1/3", "510ms", ""),
    ("nakojrhabutr3vai2ywa", "scrape-shop", "scheduled", "2026-11-21 18:24:00Z", "skipped", "", "", REASON),
)
WORDS = st.text(st.characters(codec="utf-8", categories=("L", "N", "P")), max_size=60)


def test_where_there_is_room_it_is_a_plain_table() -> None:
    """The same as off a terminal: a column each, as wide as it needs to be."""
    laid = lay_out(RUNS, ROWS, 300, SPARE)

    assert laid.left_out == ()
    assert [len(line.split("  ")) >= 7 for line in laid.lines] == [True] * 3
    assert laid.lines[2].endswith(REASON)


def test_a_text_is_folded_between_words_beside_its_row() -> None:
    """As long as it keeps a bearable width; nothing else is touched."""
    first, *rest = lay_out(RUNS, ROWS, 130, SPARE).lines[2:]

    assert first.startswith("nakojrhabutr3vai2ywa  scrape-shop   scheduled  2026-11-21 18:24:00Z  skipped")
    assert all(line.startswith(" " * 90) for line in rest)
    assert " ".join([first, *rest]).split()[-len(REASON.split()) :] == REASON.split()


def test_a_text_stands_below_its_row_where_that_would_be_too_narrow() -> None:
    """At 100 columns all of the others stay, and its line is as wide as the terminal."""
    laid = lay_out(RUNS, ROWS, 100, SPARE)

    assert laid.left_out == ()
    assert laid.lines[3].startswith("  reason: overlap: run ji6k22r4b4477ga5yvxa is at work")
    assert " ".join(line.strip() for line in laid.lines[3:]) == f"reason: {REASON}"


def test_short_words_below_a_row_share_a_line() -> None:
    """The column is too wide for one of its values only; the others need no paragraph of their own."""
    rows = [("a" * 20, "every 1m", "enabled"), ("b" * 20, "w " * 40, "paused: " + "y " * 40)]
    lines = lay_out(("job", "rule", "state"), rows, 40).lines

    assert lines[:3] == ("job", "a" * 20, "  rule: every 1m  state: enabled")
    assert [line[:9] for line in lines[4:]].count("  rule: w") == 1


def test_at_eighty_columns_the_spare_ones_go_and_ids_stay_whole() -> None:
    """In the order in which they are named, and no more of them than it takes."""
    laid = lay_out(RUNS, ROWS, 80, SPARE)

    assert laid.left_out == ("attempt", "kind")
    assert [line.split("  ")[0] for line in laid.lines[:3]] == ["id".ljust(20).rstrip(), ROWS[0][0], ROWS[1][0]]
    assert max(map(len, laid.lines)) <= 80


def test_a_column_without_a_word_goes_before_any_other() -> None:
    """A list without reasons needs no room for them."""
    laid = lay_out(RUNS, ROWS[:1], 97, SPARE)

    assert (laid.left_out, laid.lines[0].split()[-1]) == ((), "duration")


@pytest.mark.parametrize("room", [1, 20, 40])
def test_nothing_is_cut_off_where_nothing_fits(room: int) -> None:
    """The terminal breaks the lines; each value is there whole."""
    text = "\n".join(lay_out(RUNS, ROWS, room, SPARE).lines)

    assert all(value in text for row in ROWS for value in (row[0], row[1], row[3], row[4]))


def test_signs_of_two_columns_are_aligned_as_they_are_seen() -> None:
    """A job may have a Japanese name."""
    lines = lay_out(("job", "state"), [("日本", "dead"), ("books", "dead")], 80).lines

    assert lines == ("job    state", "日本   dead", "books  dead")


@given(st.lists(st.tuples(WORDS, WORDS, WORDS), min_size=1, max_size=5), st.integers(1, 200))
def test_every_value_can_be_read_in_the_order_of_its_signs(rows: list[tuple[str, str, str]], room: int) -> None:
    """Whatever is folded or stands below: of each row no sign is lost."""
    laid = lay_out(("a", "b", "c"), rows, room)
    shown = sorted("".join("\n".join(laid.lines[1:]).split()))
    named = [f"{title}:" for row in rows for title, value in zip("abc", row, strict=True) if value]

    for sign in {sign for row in rows for value in row for sign in value}:
        needed = sum(value.count(sign) for row in rows for value in row)
        assert needed <= shown.count(sign) <= needed + sum(name.count(sign) for name in named)

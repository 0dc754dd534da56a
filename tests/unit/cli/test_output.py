"""The two forms of every list."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest

from automation.cli.output import cell, choose, emit, emit_json, parse_moment
from automation.errors import InvalidInput
from automation.text import plain


class State(StrEnum):
    DEAD = "dead"


@pytest.mark.parametrize(
    ("value", "form"),
    [
        (datetime(2026, 3, 29, 1, tzinfo=UTC), "2026-03-29T01:00:00Z"),
        (timedelta(minutes=5), 300.0),
        (Path("a/b"), "a/b"),
        (State.DEAD, "dead"),
        (float("nan"), "nan"),
        ({1: (True, None)}, {"1": [True, None]}),
    ],
)
def test_values_become_json_of_one_form(value: Any, form: Any) -> None:
    """Instants in UTC, durations in seconds, nothing that JSON cannot say."""
    assert plain(value) == form
    json.dumps(plain(value), allow_nan=False)


def test_json_holds_whole_rows(capsys: pytest.CaptureFixture[str]) -> None:
    """A program gets every key, and an empty array where there is nothing."""
    emit([{"a": 1, "b": "é"}], as_json=True, columns=("a",))
    emit([], as_json=True, empty="Nothing.")
    out, err = capsys.readouterr()

    assert (out, err) == ('[\n  {\n    "a": 1,\n    "b": "é"\n  }\n]\n[]\n', "")


def test_table_is_aligned_and_never_wrapped(capsys: pytest.CaptureFixture[str]) -> None:
    """Off a terminal each row is one line, whatever its length and whatever is in it."""
    emit([{"name": "x" * 200, "next_time": None}, {"name": "a\nb\x1b[2J", "next_time": True}], as_json=False)
    lines = capsys.readouterr().out.splitlines()

    assert lines == ["name".ljust(202) + "next time", "x" * 200, "a\\nb\\x1b[2J".ljust(202) + "yes"]


def test_empty_table_is_a_sentence_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    """Standard output stays empty for what reads it."""
    emit([], as_json=False, empty="No runs yet.")

    assert capsys.readouterr() == ("", "No runs yet.\n")


def test_terminal_gets_a_table(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal the same rows are shown, without markup being read into them."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    emit([{"name": "[bold]x[/bold]", "state": "dead"}], as_json=False)

    assert "[bold]x[/bold]" in capsys.readouterr().out


def test_span_and_list_in_a_cell_are_words() -> None:
    """People read `1h 30m` and `a, b`."""
    assert (cell(timedelta(minutes=90)), cell(["a", "b"]), cell(None)) == ("1h 30m", "a, b", "")


def test_moment_in_a_cell_says_by_whose_clocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine may stand in another zone than the one who reads the table."""
    moment = datetime(2026, 7, 1, 12, 30, 5, 999, tzinfo=UTC)
    shown = []
    for zone in ("UTC", "Asia/Tokyo"):
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        shown.append(cell(moment))
    monkeypatch.undo()
    time.tzset()

    assert shown == ["2026-07-01 12:30:05Z", "2026-07-01 21:30:05+09:00"]


def test_moment_without_offset_is_local_time() -> None:
    """With one it is that instant."""
    assert parse_moment("2026-03-29T01:00:00Z") == datetime(2026, 3, 29, 1, tzinfo=UTC)
    assert parse_moment("2026-07-01") == datetime(2026, 7, 1).astimezone()


def test_json_refuses_nothing_that_rows_hold(capsys: pytest.CaptureFixture[str]) -> None:
    """A value of a kind of its own is shown as text."""
    emit_json({"error": ValueError("boom"), "state": State.DEAD})

    assert json.loads(capsys.readouterr().out) == {"error": "boom", "state": "dead"}


@pytest.mark.parametrize("text", ["", "tomorrow", "2026-02-30", "2026-03-29T25:00"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    """The message shows what to write."""
    with pytest.raises(InvalidInput, match="write 2026-03-29"):
        parse_moment(text)


def test_choice_offers_the_nearest_word() -> None:
    """A state that is none gets the one that was perhaps meant."""
    assert choose("state", "dead", ["dead", "queued"]) == "dead"
    with pytest.raises(InvalidInput, match="'daed' is no state; did you mean 'dead'"):
        choose("state", "daed", ["dead", "queued"])

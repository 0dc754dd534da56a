"""How moments, files and results are worded on the pages."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from automation.artifacts import Artifact
from automation.web.words import Viewer, file_line, result_words, tally

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("ago", "words"),
    [
        (timedelta(seconds=12), "12s ago"),
        (timedelta(seconds=-12), "in 12s"),
        (timedelta(milliseconds=200), "now"),
        (timedelta(minutes=3, seconds=5), "3m 5s ago"),
        (timedelta(hours=3, seconds=2), "3h ago"),
        (timedelta(days=3, hours=4, minutes=59), "3d 4h ago"),
    ],
)
def test_ages_are_as_fine_as_they_matter(ago, words):
    """Seconds are told while they matter, and the exact instant always stands beside."""
    moment = Viewer(NOW, ZoneInfo("Europe/Madrid")).at(NOW - ago)

    assert moment.away == words
    assert moment.exact.endswith(" UTC")


@pytest.mark.parametrize(
    ("media_type", "shown"), [("text/html", True), ("text/html; charset=utf-8", True), ("application/zip", False)]
)
def test_only_documents_are_opened_in_place(media_type, shown):
    """What a browser can show safely has an address to look at; everything can be downloaded."""
    file = Artifact("a b?.html", Path("x"), media_type, 1500, "", "run/1", "job", NOW)

    line = file_line(file)

    assert line.show == ("/runs/run%2F1/files/a%20b%3F.html" if shown else None)
    assert (line.download, line.size) == ("/runs/run%2F1/files/a%20b%3F.html?download=1", "1.5 kB")


def test_states_without_a_run_are_left_out():
    """The tally shows what there is, open states first."""
    assert tally({"succeeded": 1200, "running": 1, "dead": 0}) == [
        ("running", "1 running"),
        ("succeeded", "1,200 succeeded"),
    ]


@pytest.mark.parametrize(
    ("result", "words"),
    [
        ({"pages": 12, "items": 1288, "gone": 0, "table": "products"}, "12 pages, 1,288 items"),
        ({"title": "Prices", "rows": {"a": 1}, "empty": False}, "Prices"),
        ({}, ""),
        (None, ""),
        ([1], ""),
    ],
)
def test_a_result_is_told_in_short(result, words):
    """A list shows what a run counted, not its zeros."""
    assert result_words(result) == words

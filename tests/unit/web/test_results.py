"""What a run returned, as its page shows it."""

from __future__ import annotations

from automation.web.views.results import result_of


def test_a_long_result_shows_its_first_names_and_what_says_something() -> None:
    """A scrape counts much, of which most is nothing; all of it is in the JSON below."""
    names = ["pages", "items", "new", "changed", *(f"nothing_{n}" for n in range(10)), "refused"]
    counts = dict.fromkeys(names, 0) | {"pages": 12, "refused": 3}
    shown = result_of({**counts, "samples": {"new": [], "changed": [{"sku": "A"}]}})

    assert [name for name, _ in shown.figures] == ["pages", "items", "new", "changed", "refused"]
    assert [row[0] for row in shown.tables[0].rows] == ["changed"]
    assert "nothing_9" in shown.whole


def test_a_short_result_is_shown_as_it_is() -> None:
    """Nothing sent is worth a word where there are few."""
    assert result_of({"sent": 0, "rows": 7}).figures == (("sent", "0"), ("rows", "7"))

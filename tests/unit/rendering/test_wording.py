"""What documents say by themselves, in each language."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from markupsafe import Markup

from automation.rendering.locales import Forms
from automation.rendering.wording import check_words, languages, shipped

REPORTS = (Path(__file__).resolve().parents[3] / "docs" / "reports.md").read_text("utf-8")
OTHERS = [name for name in languages() if name != "en"]


def test_languages_that_are_shipped():
    """Those that the documentation names."""
    assert languages() == ["de", "en", "es", "fr", "it", "ja", "nl", "pl", "pt"]


@pytest.mark.parametrize("name", OTHERS)
def test_a_language_is_whole(name):
    """Every word of English, with the same things to fill in, and nothing that no document asks for."""
    check_words(shipped(name))
    english, words = shipped("en"), Forms(name).words
    assert set(shipped(name)) == set(english)
    filled = dict.fromkeys(
        ("n", "found", "file", "value", "job", "run", "moment", "reason", "query", "size", "title", "low", "low_at", "high",
         "high_at", "sheet", "most"), "~"
    )  # fmt: skip
    for key in english:
        ours, theirs = words.say(key, **filled).count("~"), Forms().words.say(key, **filled).count("~")
        # "The first row" has its number in it.
        assert ours == theirs, key


@pytest.mark.parametrize(
    ("language", "number", "said"),
    [
        ("pl", 1, "1 wiersz"), ("pl", 3, "3 wiersze"), ("pl", 5, "5 wierszy"), ("pl", 22, "22 wiersze"),
        ("fr", 0, "0 ligne"), ("de-AT", 1, "1 Zeile"), ("pt_BR", 2, "2 linhas"), ("ja", 1, "1 行"),
        ("de", 1234567, "1.234.567 Zeilen"), ("sv", 2, "2 rows"), ("", 1, "1 row"),
    ],
)  # fmt: skip
def test_numbers_have_their_plural_forms(language, number, said):
    """As CLDR has them; a language that is not shipped says it in English."""
    assert Forms(language).words.say("rows", n=number) == said


def test_words_of_ones_own_come_first():
    """Those of the language behind them; a language of one's own needs nobody."""
    forms = Forms("sv", own_words={"total": "Summa", "rows": {"one": "{n} rad", "other": "{n} rader"}})

    assert (forms.words["total"], forms.words.say("rows", n=1), forms.words.say("rows", n=2)) == (
        "Summa", "1 rad", "2 rader"
    )  # fmt: skip
    assert forms.words["nothing"] == "Nothing found."


def test_markup_stays_and_text_is_escaped():
    """A sentence with markup in it is markup; what is filled in beside it is text."""
    said = Forms().words.say("made_by", job=Markup("<b>x</b>"), run="<i>", moment="&")

    assert said == "Made by the job <b>x</b>, run &lt;i&gt;, for &amp;."
    assert isinstance(said, Markup)
    assert Forms().words.say("data_of", job="<b>", moment="{x}") == "Data of <b>: {x}"


@pytest.mark.parametrize(
    ("language", "form", "shown"),
    [
        ("", "%B %Y", "November 2026"), ("de", "%A, %d. %B", "Montag, 02. November"), ("pl", "%d %B", "02 listopada"),
        ("pl", "%B %Y", "listopad 2026"), ("es", "%a %d %b %%B", "lun 02 nov %B"),
    ],
)  # fmt: skip
def test_names_of_months_and_days_are_the_languages(language, form, shown):
    """Also where a format of one's own asks for them."""
    assert Forms(language).formatted(datetime(2026, 11, 2, tzinfo=UTC), form) == shown


def test_the_document_has_every_word():
    """Each key with what it says in English."""
    for key, phrase in shipped("en").items():
        text = phrase if isinstance(phrase, str) else f"{phrase['one']} / {phrase['other']}"
        assert f"| `{key}` | {text} |" in REPORTS

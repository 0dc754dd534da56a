"""When a run is good, and what it is called when it is not."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from automation.errors import FailureClass, JobFailed
from automation.scraping.errand import Errand
from automation.scraping.outset import beyond
from automation.scraping.params import Quality, ScrapeParams
from automation.scraping.quality import Findings, judge
from automation.scraping.sitemaps import SitemapFile

FIELDS = ScrapeParams(start="https://x.example/", fields={"title": "h1", "price": "p"}).all_fields


NOW = datetime(2026, 1, 1, tzinfo=UTC)


def found(kept=0, dropped=0, **filled):
    findings = Findings(dropped=dropped)
    for number in range(kept):
        findings.keep({name: "x" for name, times in filled.items() if number < times}, FIELDS)
    findings.lacking.update({"price": dropped})
    return findings


def classes(findings, **quality):
    return [(one.failure_class, one.code) for one in judge(findings, Quality(**quality))]


def test_no_item_is_empty_unless_allowed():
    """Nothing at all is a failure of its own kind."""
    assert classes(found()) == [(FailureClass.EMPTY, "empty")]
    assert classes(found(), min_items=0) == []


def test_half_of_the_items_may_be_dropped_and_no_more():
    """One item more, and the page has changed."""
    assert classes(found(kept=2, dropped=2, title=2)) == []
    assert classes(found(kept=2, dropped=3, title=2)) == [(FailureClass.PARSE_DRIFT, "parse_drift")]


def test_a_field_that_cannot_be_read_is_drift():
    """Texts that are there and of another kind than the field."""
    findings = found(kept=3, title=3, price=1)
    for _ in range(2):
        findings.misread("price", "'free' holds no amount of money")

    assert classes(findings) == [(FailureClass.PARSE_DRIFT, "parse_drift")]
    assert "2 of 3 values" in str(judge(findings, Quality())[0])


def test_thresholds_are_the_jobs_own():
    """min_items and coverage are told with what was found."""
    findings = found(kept=4, title=4, price=2)

    assert classes(findings, min_items=5) == [(FailureClass.DATA_INVALID, "quality:min_items")]
    assert classes(findings, coverage={"price": 0.5}) == []
    assert classes(findings, coverage={"price": 0.51}) == [(FailureClass.DATA_INVALID, "quality:coverage")]


def test_fields_that_nobody_has_are_named():
    """A selector that never matches is worth a word."""
    assert found(kept=2, title=2).never_found(FIELDS) == ["price"]
    assert found().never_found(FIELDS) == []


def test_patterns_are_those_of_every_other_regex():
    """Letters of all scripts are known to them as to the check before the run."""
    findings, quality = Findings(), Quality(patterns={"title": r"\p{L}+"})
    findings.keep({"title": "Ñandú"}, FIELDS, quality)
    findings.keep({"title": "4711"}, FIELDS, quality)

    assert findings.wrong["title"] == 1


def test_a_regex_without_end_is_named(monkeypatch):
    """A text of a site cannot hold the run by what a pattern makes of it."""
    monkeypatch.setattr("automation.scraping.selectors.REGEX_SECONDS", 0.02)
    endless, text = "(x+x+)+y", "https://a.example/" + "x" * 5000
    source = ScrapeParams(sitemap={"url": "https://a.example/s.xml", "match": endless}, fields={"t": "h1"})

    with pytest.raises(JobFailed, match=r"quality\.patterns: the regex .* took more than"):
        Findings().keep({"title": "x" * 5000}, FIELDS, Quality(patterns={"title": endless}))
    with pytest.raises(JobFailed, match=r"sitemap\.match: the regex .* took more than"):
        [*beyond(source, Errand(0, "sitemap"), 0, SitemapFile(pages=[(text, None)]), NOW)]

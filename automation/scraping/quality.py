"""Whether a run found what it should have: a green run with wrong data must not exist.

Owns: the counts of a run, the rules on empty runs, missing and unreadable values, coverage.
Never: reads a page or a table.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from automation.errors import FailureClass, JobFailed
from automation.scraping.params import Quality
from automation.scraping.selectors import FieldRule
from automation.text import count


@dataclass
class Findings:
    """What a run found, counted.

    Parameters
    ----------
    dropped: items without a required field or a key.
    lacking: field → items dropped for want of it.
    unreadable: field → items whose text was there and not of the field's type; `examples` has the first sentence.
    """

    kept: int = 0
    dropped: int = 0
    filled: Counter[str] = field(default_factory=Counter)
    lacking: Counter[str] = field(default_factory=Counter)
    unreadable: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)

    def misread(self, name: str, sentence: str) -> None:
        """A text was there and could not be read."""
        self.unreadable[name] += 1
        self.examples.setdefault(name, sentence)

    def never_found(self, fields: Mapping[str, FieldRule]) -> list[str]:
        """Fields that no kept item has, though there are items."""
        return [name for name in fields if self.kept and not self.filled[name]]

    def keep(self, values: Mapping[str, Any], fields: Mapping[str, FieldRule]) -> None:
        """An item was kept with these values."""
        self.kept += 1
        self.filled.update(name for name in fields if values.get(name) not in (None, [], ""))


def judge(findings: Findings, quality: Quality, passed_over: int = 0) -> list[JobFailed]:
    """What is wrong with a run, worst first; nothing when it is good.

    Parameters
    ----------
    passed_over: pages that were gone, disallowed or refused; named when nothing was found.

    1. No item at all, unless `min_items` is 0: EMPTY. When items were there and all were dropped: PARSE_DRIFT.
    2. More than half of the items lack a required field: PARSE_DRIFT.
    3. More than half of the texts of a field cannot be read as its type: PARSE_DRIFT.
    4. Fewer items than `min_items`, or a field below its coverage: DATA_INVALID.
    """
    total = findings.kept + findings.dropped
    problems: list[JobFailed] = []
    if total == 0 and quality.min_items > 0:
        problems.append(
            JobFailed(
                "No item was found; look at the selectors and the page, or set quality.min_items = 0 if that can be right"
                + (f" ({count(passed_over, 'page')} passed over: gone, disallowed or refused)" if passed_over else ""),
                FailureClass.EMPTY,
                code="empty",
            )
        )
        return problems
    if findings.dropped * 2 > total:
        worst = ", ".join(f"{name} ({times})" for name, times in findings.lacking.most_common(3))
        found = f"{findings.dropped} of {count(total, 'item')} lack a required field: {worst}"
        examples = "; ".join(findings.examples[name] for name in findings.lacking if name in findings.examples)
        problems.append(_drift(found + (f"; {examples}" if examples else "")))
    for name, times in findings.unreadable.items():
        if times * 2 > times + findings.filled[name]:
            of = times + findings.filled[name]
            problems.append(
                _drift(f"{name}: {times} of {count(of, 'value')} cannot be read: {findings.examples[name]}")
            )
    return problems + _thresholds(findings, quality)


def _thresholds(findings: Findings, quality: Quality) -> list[JobFailed]:
    problems = []
    if findings.kept < quality.min_items:
        problems.append(
            _bad(f"{count(findings.kept, 'item')} found, and quality.min_items is {quality.min_items}", "min_items")
        )
    for name, least in quality.coverage.items():
        share = findings.filled[name] / findings.kept if findings.kept else 1.0
        if share < least:
            problems.append(
                _bad(f"{name}: {share:.0%} of the items have it, and quality.coverage asks for {least:.0%}", "coverage")
            )
    return problems


def _drift(message: str) -> JobFailed:
    return JobFailed(f"The page is not what the fields expect: {message}", FailureClass.PARSE_DRIFT, code="parse_drift")


def _bad(message: str, code: str) -> JobFailed:
    return JobFailed(message, FailureClass.DATA_INVALID, code=f"quality:{code}")

"""Whether a run found what it should have: a green run with wrong data must not exist.

Owns: the counts of a run, the rules on empty runs, missing and unreadable values, coverage.
Never: reads a page or a table.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from automation.errors import FailureClass, JobFailed
from automation.scraping.fields import FieldRule
from automation.scraping.gates import Quality
from automation.scraping.selectors import regex_matches
from automation.text import count, printable


@dataclass
class Findings:
    """What a run found, counted.

    Parameters
    ----------
    dropped: items without a required field or a key.
    lacking: field → items dropped for want of it.
    wrong: field → values outside of its range or unlike its pattern; `examples` has the first, too.
    duplicates: items with the key of another one of the run.
    unreadable: field → items whose text was there and not of the field's type; `examples` has the first sentence.
    """

    kept: int = 0
    dropped: int = 0
    filled: Counter[str] = field(default_factory=Counter)
    lacking: Counter[str] = field(default_factory=Counter)
    unreadable: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    wrong: Counter[str] = field(default_factory=Counter)
    duplicates: int = 0

    def misread(self, name: str, sentence: str) -> None:
        """A text was there and could not be read."""
        self.unreadable[name] += 1
        self.examples.setdefault(name, sentence)

    def never_found(self, fields: Mapping[str, FieldRule]) -> list[str]:
        """Fields that no kept item has, though there are items."""
        return [name for name in fields if self.kept and not self.filled[name]]

    def keep(self, values: Mapping[str, Any], fields: Mapping[str, FieldRule], quality: Quality | None = None) -> None:
        """An item was kept with these values."""
        self.kept += 1
        if quality is not None:
            self._look(values, quality)
        filled = self.filled
        for name in fields:
            value = values.get(name)
            if value or value not in (None, [], ""):
                filled[name] += 1

    def _look(self, values: Mapping[str, Any], quality: Quality) -> None:
        for name, bounds in quality.ranges.items():
            value = values.get(name)
            if value is not None and not bounds.holds(float(value)):
                self._miss(name, f"{float(value):.12g} is outside of {bounds}")
        for name, pattern in quality.patterns.items():
            texts = values.get(name)
            for text in texts if isinstance(texts, list) else [texts]:
                if text is not None and not _is_like(pattern, str(text)):
                    self._miss(name, f"'{printable(str(text), 60)}' is not like {pattern}")

    def _miss(self, name: str, sentence: str) -> None:
        self.wrong[name] += 1
        self.examples.setdefault(f"wrong {name}", sentence)


def _is_like(pattern: str, text: str) -> bool:
    try:
        return regex_matches(pattern, text, whole=True)
    except ValueError as error:
        raise JobFailed(f"quality.patterns: {error}", FailureClass.DATA_INVALID, code="regex") from error


def judge(findings: Findings, quality: Quality, passed_over: int = 0, history: Sequence[int] = ()) -> list[JobFailed]:
    """What is wrong with a run, worst first; nothing when it is good.

    Parameters
    ----------
    passed_over: pages that were gone, disallowed or refused; named when nothing was found.
    history: how many items earlier good runs had; empty where this one may not be compared.

    1. No item at all, unless `min_items` is 0: EMPTY. When items were there and all were dropped: PARSE_DRIFT.
    2. More than half of the items lack a required field: PARSE_DRIFT.
    3. More than half of the texts of a field cannot be read as its type: PARSE_DRIFT.
    4. Any bound of `quality` that is missed: DATA_INVALID.
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
    return problems + _thresholds(findings, quality) + _shares(findings, quality, history)


def _thresholds(findings: Findings, quality: Quality) -> list[JobFailed]:
    problems = []
    if findings.kept < quality.min_items:
        problems.append(
            _bad(f"{count(findings.kept, 'item')} found, and quality.min_items is {quality.min_items}", "min_items")
        )
    if quality.max_items is not None and findings.kept > quality.max_items:
        problems.append(
            _bad(f"{count(findings.kept, 'item')} found, and quality.max_items is {quality.max_items}", "max_items")
        )
    for name, least in quality.coverage.items():
        share = findings.filled[name] / findings.kept if findings.kept else 1.0
        if share < least:
            problems.append(
                _bad(f"{name}: {share:.0%} of the items have it, and quality.coverage asks for {least:.0%}", "coverage")
            )
    return problems


def _shares(findings: Findings, quality: Quality, history: Sequence[int]) -> list[JobFailed]:
    problems = []
    usual = median(history) if history and quality.max_drop is not None else 0
    if quality.max_drop is not None and findings.kept < usual * (1 - quality.max_drop):
        problems.append(
            _bad(
                f"{count(findings.kept, 'item')} found where the last {count(len(history), 'good run')} had {usual:g} "
                f"(median), and quality.max_drop is {quality.max_drop:.0%}; if there really are fewer now, let it "
                'through with on_bad = "warn" until its history has caught up',
                "max_drop",
            )
        )
    for name, times in findings.wrong.items():
        if times > quality.max_wrong * findings.filled[name]:
            found = f"{name}: {times} of {count(findings.filled[name], 'value')} cannot be right"
            problems.append(_bad(f"{found}: {findings.examples[f'wrong {name}']}", "wrong"))
    total = findings.kept + findings.duplicates
    if quality.max_duplicates is not None and findings.duplicates > quality.max_duplicates * total:
        problems.append(
            _bad(
                f"{findings.duplicates} of {count(total, 'item')} have the key of another one, and "
                f"quality.max_duplicates is {quality.max_duplicates:.0%}",
                "max_duplicates",
            )
        )
    return problems


def _drift(message: str) -> JobFailed:
    return JobFailed(f"The page is not what the fields expect: {message}", FailureClass.PARSE_DRIFT, code="parse_drift")


def _bad(message: str, code: str) -> JobFailed:
    return JobFailed(message, FailureClass.DATA_INVALID, code=f"quality:{code}")

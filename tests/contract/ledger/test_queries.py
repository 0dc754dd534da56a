"""What the faces ask of the ledger, on every database."""

from __future__ import annotations

from datetime import timedelta

import pytest

from automation.errors import UnknownName
from automation.ledger.states import State


def test_a_run_is_found_by_the_beginning_of_its_id(desk):
    """In capitals, too; not where two begin so, nor by signs that mean something in a pattern."""
    for name in ("aaaa2", "aaaa3", "aab", "zzz7", "zzz"):
        desk.queued(id=name)
    find = desk.ledger.queries.run
    assert [find(text).id for text in ("aaaa2", " AAB ", "aab", "zzz", "zzz7", "aaaa3")] == [
        "aaaa2",
        "aab",
        "aab",
        "zzz",
        "zzz7",
        "aaaa3",
    ]
    for text in ("aaaa", "aa", "z", "zz", "b", "", "%", "aa_b", "aab0"):
        with pytest.raises(UnknownName):
            find(text)


def test_runs_of_a_state_are_listed_as_all_runs_are(desk):
    """The last that was asked for first, whatever the order in which they fell due."""
    start = desk.clock.now()
    asked = []
    for number in range(6):
        desk.clock.advance(minutes=1)
        later = timedelta(hours=9 - number)
        asked.append(desk.queued(state=State.MISSED if number % 2 else State.SKIPPED, due_at=start + later))
    listed = [run.id for run in desk.ledger.queries.runs(state="missed", limit=2)]
    assert listed == [asked[5], asked[3]]
    assert len(desk.ledger.queries.runs(state="skipped", since=start + timedelta(minutes=2))) == 2

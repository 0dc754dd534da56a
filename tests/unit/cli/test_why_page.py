"""The page on `why`: what it shows is what the command prints, and it knows every reason."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from automation.clock import FrozenClock
from automation.dispatch.reasons import RULES
from automation.ledger.ids import occurrence_id
from automation.ledger.occurrences import Decided
from automation.ledger.runs import Claimant, Verdict
from automation.ledger.states import Kind, Outcome, State
from automation.project.definition import definition
from automation.project.order import run_of
from automation.services import build_services

Run = Callable[..., tuple[int, str, str]]
PAGE = (Path(__file__).resolve().parents[3] / "docs" / "why.md").read_text("utf-8")
EIGHT = datetime(2026, 3, 10, 7, tzinfo=UTC)  # eight o'clock in Madrid


def blocks(language: str) -> list[str]:
    """The page's blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def morning(tmp_path: Path, give_ledger: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """The page's project, with a run of eight o'clock that took until twenty past."""
    (tmp_path / "schedules").mkdir()
    (tmp_path / "schedules" / "a.toml").write_text(blocks("toml")[0])
    give_ledger(tmp_path)
    monkeypatch.chdir(tmp_path)
    clock = FrozenClock(EIGHT - timedelta(hours=1))
    services = build_services(tmp_path, clock=clock, environ={})
    job = services.project.job("books")
    ledger = services.ledger
    ledger.occurrences.activate(
        "d", {("books", "main"): job.schedules[0].spec}, "s", definitions={"books": definition(job)}
    )
    runs = []
    for minutes in (0, 15):
        nominal = EIGHT + timedelta(minutes=minutes)
        clock.advance(seconds=(nominal - clock.now()).total_seconds())
        busy = f"overlap: run {runs[0].id} of this job was still open" if runs else None
        run = run_of(job, kind=Kind.SCHEDULED, nominal_time=nominal, now=clock.now(), schedule="main")
        state = State.SKIPPED if busy else State.QUEUED
        runs.append(replace(run, id=occurrence_id("books", "main", nominal), state=state, reason=busy))
        ledger.occurrences.record([Decided("books", "main", runs[-1:], nominal)], 1)
        if not busy:
            clock.advance(seconds=2)
            ledger.runs.claim(
                runs[0].id, Claimant("worker-1@shop", 4711), timedelta(hours=1), lambda _: timedelta(hours=1)
            )
    clock.advance(minutes=5)
    ledger.runs.finish(runs[0].id, 1, Verdict(Outcome.SUCCEEDED, State.SUCCEEDED))
    services.close()


@pytest.mark.usefixtures("morning")
def test_the_page_shows_what_is_printed(run: Run) -> None:
    """Each command of the page, with its output to the letter."""
    commands = [shlex.split(block)[1:] for block in blocks("sh")]

    assert [run(*command)[1] for command in commands] == blocks("text")


def test_the_page_knows_every_reason() -> None:
    """Each word that a reason may begin with has its row."""
    assert {word for word in RULES if f"\n| `{word}` |" not in PAGE} == set()

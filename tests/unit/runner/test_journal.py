"""The log of a run: what is kept of a line, and when it is written."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from automation.ledger.rows import RunRow
from automation.runner.journal import RunLog
from automation.services import Services


@pytest.fixture
def journal(services: Services, running: Callable[..., RunRow]) -> RunLog:
    return RunLog(services.ledger.memory, running().id, 1, services.redactor, services.clock)


@pytest.fixture
def kept(services: Services, journal: RunLog) -> Callable[[], list[str]]:
    """`kept()`: the lines in the ledger."""
    return lambda: [line.message for line in services.ledger.queries.logs(journal._run_id, limit=100_000)]


def line(text: str, *args: Any, **values: Any) -> logging.LogRecord:
    return logging.LogRecord("automation.run.x", logging.INFO, __file__, 1, text, args, values.get("exc_info"))


def test_first_line_of_a_quiet_time_is_written_at_once(
    services: Services, journal: RunLog, kept: Callable[[], list[str]]
) -> None:
    """A burst waits for its end, for the next quiet line, or for a hundred."""
    journal.handle(line("one"))
    journal.handle(line("two"))
    assert kept() == ["one"]
    services.clock.sleep(0.3)
    journal.handle(line("three"))
    assert kept() == ["one", "two", "three"]
    for number in range(100):
        journal.handle(line("%d", number))
    assert len(kept()) == 103


def test_flush_leaves_nothing_behind(journal: RunLog, kept: Callable[[], list[str]]) -> None:
    """It is called before the verdict; a second one writes nothing twice."""
    for number in range(3):
        journal.handle(line("%d", number))
    journal.flush()
    journal.flush()

    assert kept() == ["0", "1", "2"]


def test_line_cannot_forge_or_move_anything(journal: RunLog, kept: Callable[[], list[str]]) -> None:
    """Line breaks stay, other control characters and half characters are escaped, backslashes are left alone."""
    journal.handle(line("a\nb\rc\x1b[2J\0 \udcff C:\\new"))

    assert kept() == ["a\nb\\rc\\x1b[2J\\x00 \\udcff C:\\new"]


def test_line_with_wrong_arguments_is_kept_as_written(journal: RunLog, kept: Callable[[], list[str]]) -> None:
    """A slip in a log line fails no run."""
    journal.handle(line("%d items", "many"))

    assert kept() == ["%d items ('many',)"]


def test_long_line_and_long_log_end(journal: RunLog, kept: Callable[[], list[str]]) -> None:
    """A run that writes without end fills no disk; its last line says so."""
    journal.handle(line("x" * 10_000))
    for number in range(20_100):
        journal.handle(line("%d", number))
    journal.flush()

    assert kept()[0] == "x" * 8_000 + "…"
    assert len(kept()) == 20_000
    assert kept()[-1] == "this log ends here: an attempt may write 20000 lines"


def test_traceback_is_masked(services: Services, journal: RunLog, kept: Callable[[], list[str]]) -> None:
    """As is the line."""
    services.redactor.learn("hunter2")
    try:
        int("hunter2")
    except ValueError:
        journal.handle(line("with %s", "hunter2", exc_info=sys.exc_info()))

    assert kept()[0].startswith("with ***\nTraceback")
    assert kept()[0].endswith("invalid literal for int() with base 10: '***'")


def test_lines_wait_for_a_ledger_that_does_not_answer(
    journal: RunLog, kept: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """None is lost, and the run goes on."""

    def away(*_given: object) -> None:
        raise OperationalError("INSERT", {}, Exception("away"))

    with monkeypatch.context() as patch:
        patch.setattr(journal._memory, "log", away)
        journal.handle(line("one"))
    journal.flush()

    assert kept() == ["one"]
    assert f"Log lines of run {journal._run_id} wait" in caplog.text

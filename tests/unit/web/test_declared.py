"""Which project the pages show while its files change, and what they say of it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from automation.errors import Problem
from automation.ledger.rows import ProcessRow
from automation.project.load import load_project
from automation.registry import Registry
from automation.web.declared import Declared
from automation.web.words import troubles

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
JOB = '[jobs.a]\nplugin = "none"\n'


@pytest.fixture
def declared(tmp_path):
    """The project of a folder; `reads` counts how often its files were read."""

    def read():
        made.reads += 1
        return load_project(tmp_path, Registry(), {})

    made = Declared(tmp_path, read)
    made.reads = 0
    (tmp_path / "schedules").mkdir()
    (tmp_path / "schedules" / "a.toml").write_text(JOB)
    return made


def test_files_are_read_when_they_have_changed(declared, tmp_path):
    """And not for each page."""
    assert [list(declared().jobs) for _ in range(3)] == [["a"]] * 3
    assert declared.reads == 1
    (tmp_path / "schedules" / "b.toml").write_text("# nothing yet\n")

    declared()
    assert declared.reads == 2


def test_jobs_of_before_are_shown_with_the_errors_of_now(declared, tmp_path):
    """As the scheduler goes on with them."""
    before = declared()
    (tmp_path / "schedules" / "a.toml").write_text("[jobs")

    found = declared()
    assert found.jobs == before.jobs
    assert "this is not TOML" in str(found.errors[0])


def scheduler(**info):
    return ProcessRow("s", "scheduler", "here", 1, NOON, NOON, None, info)


def test_the_page_says_that_changed_files_are_not_active():
    """With the reasons of the scheduler that leads, each once."""
    errors = [Problem("a.toml", "one"), Problem("a.toml", "two", line=2)]
    leader = scheduler(leader=True, revision=7, config_problem=["a.toml:1:1: one"])

    assert troubles(errors, [scheduler(leader=False), leader]) == [
        "Changed files are not active; configuration revision 7 goes on as it was.", "a.toml:1:1: one", "a.toml:2:1: two",
    ]  # fmt: skip


def test_errors_that_were_there_at_the_start_are_told_as_they_are():
    """Their jobs are off, and nothing waits to become active."""
    leader = scheduler(leader=True, revision=7, config_problem=[])

    assert troubles([Problem("a.toml", "one")], [leader]) == ["a.toml:1:1: one"]

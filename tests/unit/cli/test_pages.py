"""The pages on pausing and on backfills: what they show is typed, and what they say comes of it does."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., tuple[int, str, str]]
DOCS = Path(__file__).resolve().parents[3] / "docs"
BOOKS = """
[jobs.books]
plugin = "shell"
tags = ["shop"]
params.command = "true"
[[jobs.books.schedules]]
id = "nightly"
cron = "0 2 * * *"
"""


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", (DOCS / page).read_text("utf-8"), re.MULTILINE | re.DOTALL)


def typed(block: str) -> list[list[str]]:
    """The arguments of each command of a block."""
    return [shlex.split(line, comments=True)[1:] for line in block.splitlines()]


@pytest.fixture
def project_of(
    tmp_path: Path, give_ledger: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], None]:
    """`project_of(toml)`: stand in a project with a ledger."""

    def make(toml: str) -> None:
        (tmp_path / "schedules").mkdir()
        (tmp_path / "schedules" / "a.toml").write_text(toml)
        give_ledger(tmp_path)
        monkeypatch.chdir(tmp_path)

    return make


def test_commands_of_the_page_on_pausing_work(run: Run, project_of: Callable[[str], None]) -> None:
    """Each pauses something, and what it says ends that does."""
    project_of(BOOKS)
    pauses, (resume,) = (typed(block) for block in blocks("pausing.md", "sh"))
    said = [run(*command) for command in pauses]
    ends = [re.search(r"End it with: automation (.+)", out)[1].split() for _, out, _ in said]

    assert [code for code, _, _ in said] == [0] * len(pauses)
    assert resume in ends
    assert [run(*end)[0] for end in ends] == [0] * len(ends)
    assert run("pauses", "--json")[1].strip() == "[]"


def test_backfill_of_the_page_prints_what_it_shows(run: Run, project_of: Callable[[str], None]) -> None:
    """The list of the dry run, to the letter."""
    project_of(blocks("backfill.md", "toml")[0])
    ((command,), _) = (typed(block) for block in blocks("backfill.md", "sh"))
    code, out, err = run(*command)

    assert (code, out + err) == (0, blocks("backfill.md", "text")[0])

"""`approve`: from the first run of a clean-up, which deletes nothing, to the one that does."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

Run = Callable[..., tuple[int, str, str]]

JOBS = """
[jobs.tidy]
plugin = "cleanup"
[jobs.tidy.params]
database   = "sqlite:///shop.db"
table      = "visit"
older_than = { column = "made", age = "1d" }
"""


@pytest.fixture
def shop(project: Path, give_ledger: Callable[[Path], None]) -> Path:
    """A database with two old rows, and a job that is to delete them."""
    give_ledger(project)
    with closing(sqlite3.connect(project / "shop.db")) as connection, connection:
        connection.execute("CREATE TABLE visit (id INTEGER PRIMARY KEY, made TEXT)")
        connection.execute("INSERT INTO visit VALUES (1, '2020-01-01'), (2, '2021-01-01'), (3, '2999-01-01')")
    return project


def rows(project: Path) -> int:
    with closing(sqlite3.connect(project / "shop.db")) as connection:
        return int(connection.execute("SELECT count(*) FROM visit").fetchone()[0])


def result(run: Run) -> dict[str, object]:
    code, out, _ = run("run", "tidy", "--here", "--json")
    assert code == 0
    found: dict[str, object] = json.loads(out)["result"]
    return found


def test_a_job_that_nobody_approved_makes_a_plan_and_deletes_when_it_is_approved(shop: Path, run: Run) -> None:
    """What would go is shown, who approved it is kept, and the approval can be taken back."""
    code, _, err = run("approve", "tidy")
    assert (code, err) == (
        3,
        "Job 'tidy' has no plan; make one and look at it: automation run tidy --dry-run\n",
    )

    held = result(run)
    assert (held["deleted"], held["matched"], rows(shop)) == (0, 2, 3)
    code, out, _ = run("approve", "tidy", "--by", "ann")
    assert code == 0
    assert out.splitlines()[0].startswith(f"Plan {held['plan']} of 'tidy', made ")
    assert out.splitlines()[1] == "  2 rows of 'visit', 66.67 % of 3; 2020-01-01 to 2021-01-01"
    assert "Approved by ann: from now on 'tidy' deletes" in out

    assert (result(run)["deleted"], rows(shop)) == (2, 1)
    listed = json.loads(run("approve", "--json")[1])
    assert [(one["job"], one["plan"], "by ann" in one["approved"]) for one in listed] == [("tidy", held["plan"], True)]
    assert run("approve", "tidy", "--withdraw")[1].startswith("1 approval of 'tidy' taken back")
    assert result(run)["dry_run"] is True


def test_a_plan_that_a_guard_would_refuse_is_not_approved(shop: Path, run: Run) -> None:
    """Its reason is said, before anybody counts on it."""
    text = (shop / "schedules" / "a.toml").read_text() + "max_rows = 1\n"
    (shop / "schedules" / "a.toml").write_text(text)
    assert run("run", "tidy", "--here", "--dry-run")[0] == 0

    code, _, err = run("approve", "tidy")

    assert (code, "would be refused: 2 rows of 'visit' would go, more than max_rows = 1" in err) == (3, True)

"""What a watched page was, told by the command line."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime, timedelta

import pytest

from automation.scraping.versions import Versions
from automation.services import build_services

JOBS = """
[jobs.kettle]
plugin = "watch"
[jobs.kettle.params]
url = "https://shop.example/kettle"
"""
DAY = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def looks(project):
    """Three looks at one page, and one at another one."""
    services = build_services(project, environ={})
    engine = services.database(None)
    page = Versions(engine, "kettle", "a", url="https://shop.example/kettle", kind="text")
    other = Versions(engine, "kettle", "b", url="https://shop.example/pot", kind="value")
    for number, text in enumerate(("Kettle\n£20", "Kettle\n£25", "Kettle\n£25\nSold out")):
        assert page.last(f"r{number}") is None or number
        page.keep(f"r{number}", DAY + timedelta(days=number), text, 20)
    other.keep("r9", DAY + timedelta(days=9), "9 GBP", 20)
    services.close()


def test_the_versions_of_a_page_newest_first(looks, run):
    """Each with what it brought."""
    code, out, _ = run("versions", "kettle", "https://shop.example/kettle", "--json")
    rows = json.loads(out)

    assert code == 0
    assert [(row["run"], row["added"], row["removed"]) for row in rows] == [
        ("r2", 1, 0),
        ("r1", 1, 1),
        ("r0", None, None),
    ]
    assert rows[0]["content"] == "Kettle\n£25\nSold out"
    assert "Kettle £25 Sold out" in run("versions", "kettle")[1]


def test_what_changed_between_two(looks, run):
    """By default since the one before; any two otherwise. Lines without a sign stand beside a change."""
    page = ("kettle", "https://shop.example/kettle", "--diff")
    first, _, last = (row["version"] for row in reversed(json.loads(run("versions", *page[:2], "--json")[1])))

    assert run("versions", *page)[1] == "  £25\n+ Sold out\n"
    assert run("versions", *page, "--old", str(first), "--new", str(last))[1] == "  Kettle\n- £20\n+ £25\n+ Sold out\n"
    assert json.loads(run("versions", *page, "--json")[1])["lines"] == ["  £25", "+ Sold out"]
    assert run("versions", "kettle", "--show", str(first))[1] == "Kettle\n£20\n"


def test_what_is_not_there_is_told(looks, run, project):
    """A version, the one before the first, a page, a job."""
    assert "kept are: 4, 3, 2, 1" in run("versions", "kettle", "--show", "77")[2]
    code, _, told = run("versions", "kettle", "https://shop.example/pot", "--diff")
    assert (code, "no version before" in told) == (2, True)
    assert "Nothing is kept yet" in run("versions", "kettle", "https://shop.example/other")[2]
    assert run("versions", "kettel")[0] == 2
    (project / "schedules" / "other.toml").write_text('[jobs.tidy]\nplugin = "shell"\nparams.command = "true"\n')
    assert "a job of the plugin shell, and keeps no versions" in run("versions", "tidy")[2]


def test_versions_of_an_earlier_release_are_listed(project, run):
    """Their table knew neither address nor kind."""
    (project / ".automation").mkdir()
    with sqlite3.connect(project / ".automation" / "data.db") as connection:
        connection.execute(
            "CREATE TABLE automation_watched (id INTEGER PRIMARY KEY, job TEXT, what TEXT, run_id TEXT, at TEXT, content TEXT)"
        )
        for text in ("a", "b"):
            row = ("kettle", "x", f"run-{text}", "2026-01-01 00:00:00.000000", text)
            connection.execute(
                "INSERT INTO automation_watched (job, what, run_id, at, content) VALUES (?, ?, ?, ?, ?)", row
            )

    assert run("versions", "kettle", "--diff")[1] == "- a\n+ b\n"

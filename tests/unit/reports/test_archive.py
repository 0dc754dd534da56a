"""A folder of reports: versions, the newest, the feed, and nothing half."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from automation.errors import JobFailed
from automation.reports.archive import publish
from automation.reports.params import Archive
from automation.reports.stored import Origin

START = datetime(2026, 1, 1, tzinfo=UTC)
ATOM = "{http://www.w3.org/2005/Atom}"


@pytest.fixture
def archive(tmp_path):
    """`archive(day, text)`: publish a report of that day; returns the folder."""

    def put(day, text="page", *, title="Sales <1>", **how):
        page = tmp_path / "made.html"
        page.write_text(text)
        moment = START + timedelta(days=day)
        origin = Origin("sales", "r", moment, moment, moment)
        params = Archive(folder="reports", **how)
        publish(tmp_path / "reports", params, title, origin, {"report.html": page, "a.csv": page})
        return tmp_path / "reports"

    return put


def test_latest_leads_to_the_newest_occurrence(archive):
    """Also when an older one is made later, as a backfill does."""
    archive(5, "new")
    folder = archive(1, "old")

    assert (folder / "latest" / "report.html").read_text() == "new"
    assert (folder / "2026-01-02T000000Z" / "report.html").read_text() == "old"


def test_the_same_occurrence_is_one_version(archive):
    """Made again, it takes the place of the first."""
    archive(1, "first")
    folder = archive(1, "second")

    assert (folder / "latest" / "report.html").read_text() == "second"
    assert len([one for one in folder.iterdir() if one.is_dir() and not one.is_symlink()]) == 1


def test_the_oldest_versions_go(archive):
    """So many stay; what is not ours stays too."""
    folder = archive(0)
    (folder / "notes.txt").write_text("mine")
    for day in range(1, 6):
        archive(day, keep=3)

    kept = sorted(one.name for one in folder.iterdir() if one.is_dir() and not one.is_symlink())
    assert kept == ["2026-01-04T000000Z", "2026-01-05T000000Z", "2026-01-06T000000Z"]
    assert (folder / "notes.txt").read_text() == "mine"
    assert [one.name for one in folder.iterdir() if one.name.startswith(".")] == []


def test_the_feed_names_every_version(archive):
    """Atom that a reader parses, newest first, with ids that stay."""
    archive(1)
    folder = archive(2, link="https://example.com/r/")
    feed = ET.fromstring((folder / "feed.xml").read_text())

    entries = feed.findall(f"{ATOM}entry")
    assert [entry.findtext(f"{ATOM}title") for entry in entries] == ["Sales <1>"] * 2
    assert entries[0].find(f"{ATOM}link").get("href") == "https://example.com/r/2026-01-03T000000Z/report.html"
    first = [entry.findtext(f"{ATOM}id") for entry in entries]
    archive(2)
    again = ET.fromstring((folder / "feed.xml").read_text())
    assert [entry.findtext(f"{ATOM}id") for entry in again.findall(f"{ATOM}entry")] == first
    assert "&lt;1&gt;" in (folder / "index.html").read_text()


def test_a_folder_that_cannot_be_written_is_told(archive, tmp_path):
    """A file stands where the folder should be."""
    (tmp_path / "reports").write_text("x")
    with pytest.raises(JobFailed, match=r"archive: .*reports: File exists"):
        archive(1)


def test_a_failed_replacement_leaves_the_first(archive, monkeypatch):
    """The old files come back where the new ones cannot take their place."""
    folder = archive(1, "first")
    rename = Path.rename

    def failing(self, target):
        if self.name.endswith(".part"):
            raise OSError(28, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(JobFailed, match="No space left on device"):
        archive(1, "second")

    assert (folder / "latest" / "report.html").read_text() == "first"
    assert [one.name for one in folder.iterdir() if one.name.startswith(".")] == []


def test_what_a_killed_attempt_left_goes(archive):
    """The next attempt of the occurrence clears it away; a folder whose new files never came is whole again."""
    folder = archive(1, "first")
    (folder / "2026-01-02T000000Z").rename(folder / ".2026-01-02T000000Z.77.old")
    (folder / ".2026-01-02T000000Z.77.part").mkdir()

    archive(1, "again")

    assert (folder / "latest" / "report.html").read_text() == "again"
    assert [one.name for one in folder.iterdir() if one.name.startswith(".")] == []

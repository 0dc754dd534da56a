"""Files that runs leave: their names, and that no half one is seen."""

from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.artifacts import check_name, media_type_of, remove_files, write_file
from automation.errors import InvalidInput


@pytest.mark.parametrize("name", ["a", "page 1.html", "Bücher_2026-03-01.csv", "a(1)+b@2=c,d.tar.gz", "x" * 200])
def test_name_of_a_file_anywhere_is_taken(name: str) -> None:
    """Letters of any script, digits, spaces and a few signs."""
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name",
    ["", ".hidden", "../x", "a/b", "a\\b", "/etc/passwd", "a..b", "a.", "a ", "a\n", "-rf", "a\0", "C:x", "x" * 201],
)
def test_name_that_leads_elsewhere_is_refused(name: str) -> None:
    """Out of its folder, hidden, or unusable on another system."""
    with pytest.raises(InvalidInput, match="cannot be an artifact's name; use letters"):
        check_name(name)


@given(st.text(max_size=12) | st.text("./\\ab ", max_size=8))
def test_any_name_that_is_taken_stays_in_its_folder(name: str) -> None:
    """Whatever it is made of."""
    try:
        taken = check_name(name)
    except InvalidInput:
        return
    assert Path("/f", taken).resolve().parent == Path("/f")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.HTML", "text/html"),
        ("a.jsonl", "application/x-ndjson"),
        ("a.csv", "text/csv"),
        ("a", "application/octet-stream"),
    ],
)
def test_suffix_tells_the_media_type(name: str, kind: str) -> None:
    """Whatever its case."""
    assert media_type_of(name) == kind


@pytest.mark.parametrize("content", [b"\x00\xff", "Grüße", ""])
def test_content_is_written_whole(tmp_path: Path, content: bytes | str) -> None:
    """Size and digest are those of the bytes; nothing else stays in the folder."""
    data = content if isinstance(content, bytes) else content.encode()
    path, size, digest = write_file(tmp_path / "new", "a.txt", content)

    assert (path.read_bytes(), size, digest) == (data, len(data), hashlib.sha256(data).hexdigest())
    assert [one.name for one in (tmp_path / "new").iterdir()] == ["a.txt"]


def test_finished_file_is_moved(tmp_path: Path) -> None:
    """And takes the place of the one before."""
    write_file(tmp_path, "a.txt", "old")
    (tmp_path / "draft").write_text("new")
    path, size, _ = write_file(tmp_path, "a.txt", tmp_path / "draft")

    assert (path.read_text(), size) == ("new", 3)
    assert not (tmp_path / "draft").exists()


def test_file_of_another_disk_is_copied_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a rename cannot reach, the copy is made beside its place first."""
    (tmp_path / "draft").write_text("new")
    rename = Path.replace

    def across(self: Path, target: Path) -> Path:
        if self.name == "draft":
            raise OSError(18, "Invalid cross-device link")
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", across)
    path, _, _ = write_file(tmp_path / "far", "a.txt", tmp_path / "draft")

    assert path.read_text() == "new"
    assert [one.name for one in tmp_path.rglob("*") if one.is_file()] == ["a.txt"]


def test_removed_files_take_their_folders_with_them(tmp_path: Path) -> None:
    """A folder that still has a file stays, one that was removed before is no error, and nothing outside is touched."""
    root, run = tmp_path / "artifacts", tmp_path / "artifacts" / "books" / "r1"
    first, second = (write_file(run, name, "x")[0] for name in ("a.csv", "b.csv"))
    outside = tmp_path / "a.csv"
    outside.write_text("mine")
    assert remove_files(root, [first, first, outside, run / ".." / ".." / ".." / "a.csv"]) == 1
    assert second.exists()
    assert outside.exists()
    assert remove_files(root, [second]) == 1
    assert not run.exists()


def test_full_disk_leaves_no_half(tmp_path, monkeypatch):
    """What was written of a file that found no room is taken away, and the error tells."""

    def full(_descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_file(tmp_path / "a", "page.html", b"half")
    assert list((tmp_path / "a").iterdir()) == []

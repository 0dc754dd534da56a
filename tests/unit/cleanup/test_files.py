"""Files of a folder: which go, which never do, and the trash."""

from __future__ import annotations

import logging
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from automation.cleanup.files import Found, clean_files, remove
from automation.cleanup.guards import file_guards
from automation.cleanup.rule import CleanupParams
from automation.errors import GiveUp, JobFailed

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """Five files of 10 bytes, 1 to 5 days old, one of them in a folder below; and a link out of it."""
    (tmp_path / "logs" / "deep").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    for path, days in (
        ("a.log", 1),
        ("b.log", 2),
        ("c.txt", 3),
        ("deep/d.log", 4),
        ("e.log", 5),
        ("../outside/x.log", 9),
    ):
        file = tmp_path / "logs" / path
        file.write_bytes(b"0123456789")
        moment = (NOW - timedelta(days=days)).timestamp()
        os.utime(file, (moment, moment))
    (tmp_path / "logs" / "link").symlink_to(tmp_path / "outside")
    (tmp_path / "logs" / "x.log").symlink_to(tmp_path / "outside" / "x.log")
    return tmp_path / "logs"


def tidy(base: Path, *, now: datetime = NOW, dry_run: bool = False, guard: Any = None, **files: Any) -> dict[str, Any]:
    params = CleanupParams.model_validate({"files": {"folder": "logs", **files}, "guard": guard or {}})
    assert params.files is not None
    return clean_files(
        params.files, base, now=now, log=logging.getLogger("test"), dry_run=dry_run, cancelled=lambda: False,
        guards=lambda total, matched: file_guards(params, total, matched), progress=lambda _done, _total: None,
    )  # fmt: skip


def left(logs: Path) -> list[str]:
    return sorted(str(path.relative_to(logs)) for path in logs.rglob("*") if path.is_file() and not path.is_symlink())


@pytest.mark.parametrize(
    ("files", "stay"),
    [
        ({"age": "60h"}, ["a.log", "b.log"]),
        ({"age": "60h", "pattern": "*.log"}, ["a.log", "b.log", "c.txt"]),
        ({"age": "60h", "pattern": ["*.txt", "e*"]}, ["a.log", "b.log", "deep/d.log"]),
        ({"age": "60h", "recursive": False}, ["a.log", "b.log", "deep/d.log"]),
        ({"age": "12h", "keep_last": 3}, ["a.log", "b.log", "c.txt"]),
        ({"max_count": 2}, ["a.log", "b.log"]),
        ({"max_size": "35B"}, ["a.log", "b.log", "c.txt"]),
        ({"max_size": "0B", "keep_last": 1}, ["a.log"]),
    ],
)
def test_these_files_stay(logs: Path, files: dict[str, Any], stay: list[str]) -> None:
    """A dry run counts what then goes; what a link points at is never touched."""
    planned = tidy(logs.parent, dry_run=True, **files)
    assert len(left(logs)) == 5
    result = tidy(logs.parent, **files)

    assert left(logs) == stay
    assert planned["matched"] == result["deleted"] == 5 - len(stay)
    assert (planned["bytes"], (logs.parent / "outside" / "x.log").exists()) == (10 * planned["matched"], True)


def test_trash_keeps_files_for_a_while(logs: Path) -> None:
    """They lie where they lay, below the run's moment, inside the folder too; later they go for good."""
    trash = {"folder": "logs/trash", "age": "7d"}
    assert tidy(logs.parent, age="84h", trash=trash)["deleted"] == 2
    assert left(logs) == [
        "a.log", "b.log", "c.txt", "trash/20260101T120000Z/deep/d.log", "trash/20260101T120000Z/e.log",
    ]  # fmt: skip
    (logs / "trash" / "mine").mkdir()

    assert tidy(logs.parent, now=NOW + timedelta(days=6), age="30d", trash=trash)["emptied_from_trash"] == 0
    assert tidy(logs.parent, now=NOW + timedelta(days=8), age="30d", trash=trash)["emptied_from_trash"] == 2
    assert [path.name for path in (logs / "trash").iterdir()] == ["mine"]


def test_guards_count_files(logs: Path) -> None:
    """Nothing goes when one refuses."""
    with pytest.raises(GiveUp, match=r"3 of 5 files of 'logs' would go, that is 60\.0 %"):
        tidy(logs.parent, age="60h", guard={"max_percent": 50})
    assert len(left(logs)) == 5


def test_file_that_was_written_meanwhile_stays(logs: Path) -> None:
    """What takes the name of a judged file, or a link in the place of its folder, is something else."""
    info = (logs / "a.log").stat()
    found = Found(Path("a.log"), info.st_mtime, info.st_size, info.st_ino)
    (logs / "a.log").write_text("new")
    assert remove(logs, found, None) is False
    assert remove(logs, Found(Path("link/x.log"), 0, 0, 0), None) is False
    assert (logs.parent / "outside" / "x.log").exists()


def test_folder_that_is_none_or_everything_is_refused(logs: Path) -> None:
    """A mistyped name, the root, the home."""
    with pytest.raises(JobFailed, match="there is no folder"):
        tidy(logs.parent, folder="lgos", age="1d")
    for folder in ("/", "/tmp", str(Path.home())):
        with pytest.raises(JobFailed, match="too near to the root"):
            tidy(logs.parent, folder=folder, age="1d")

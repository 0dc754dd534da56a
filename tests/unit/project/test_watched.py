"""What a running process sees of a change in the project's folder."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.clock import FrozenClock
from automation.project.watched import Settling, changed_names, code_files, declared_files, digest_of, stamp_of

QUIET = 0.5


@pytest.fixture
def folder(tmp_path):
    """A project of three files, and some that are nobody's business."""
    files = {
        "schedules/shop/a.toml": "[jobs.a]", "automation.toml": "", "calendars/spain.ics": "BEGIN:VCALENDAR",
        "jobs/hello.py": "", "jobs/parts/rates.py": "", "schedules/a.toml~": "", "schedules/.hidden/a.toml": "",
        "jobs/__pycache__/hello.pyc": "", "templates/a.html": "",
    }  # fmt: skip
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def look(folder):
    return stamp_of(folder, [*declared_files(folder), *code_files(folder)])


def test_declarations_and_plugins_are_looked_at(folder):
    """Schedules, automation.toml, calendar files and code; not what editors, tools and templates leave."""
    assert sorted(look(folder)) == [
        "automation.toml", "calendars/spain.ics", "jobs/hello.py", "jobs/parts/rates.py", "schedules", "schedules/shop/a.toml",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["schedules/shop/a.toml", "jobs/hello.py"])
def test_a_file_replaced_by_renaming_is_a_change(folder, name):
    """Even where size and time are those of before, as some editors and copying tools leave them."""
    before, path = look(folder), folder / name
    other = folder / "other"
    other.write_bytes(path.read_bytes())
    told = path.stat()
    os.utime(other, ns=(told.st_atime_ns, told.st_mtime_ns))
    other.replace(path)

    assert changed_names(before, look(folder)) == [name]


def test_new_and_deleted_files_and_folders_are_changes(folder):
    """And a folder that is gone is no reason to fail."""
    before = look(folder)
    (folder / "schedules/new.toml").write_text("")
    (folder / "schedules/shop/a.toml").unlink()
    (folder / "calendars").rename(folder / "elsewhere")

    assert changed_names(before, look(folder)) == ["calendars/spain.ics", "schedules/new.toml", "schedules/shop/a.toml"]
    assert stamp_of(folder / "nowhere", declared_files(folder / "nowhere")) == {}


def test_same_content_has_the_same_digest(folder):
    """Written again it is the same; another text or another name is not."""
    before = digest_of(folder, declared_files(folder))
    path = folder / "schedules/shop/a.toml"
    path.write_text(path.read_text())
    assert digest_of(folder, declared_files(folder)) == before

    path.rename(folder / "schedules/shop/b.toml")
    assert digest_of(folder, declared_files(folder)) != before


def test_a_change_counts_once_it_has_come_to_rest():
    """Each further change begins the wait anew, and one that is taken back is none."""
    clock, settling = FrozenClock(datetime(2026, 3, 1, tzinfo=UTC)), Settling({}, QUIET)
    told = []
    for size in (1, 2, 3, 3, 3, 3, 4, 3, 3, 3):
        told.append(settling.look({"a": (0, size, 0)}, clock.monotonic()))
        clock.advance(seconds=QUIET / 2)

    assert told == [False, False, False, False, True, False, False, False, False, False]
    assert not settling.stirring


@given(st.lists(st.tuples(st.integers(0, 2), st.floats(0, 1)), max_size=30))
def test_what_has_settled_is_what_was_seen_last_for_long_enough(steps):
    """Whatever comes in whatever pace: in the end a quiet look has the last state, and no state is told twice in a row."""
    settling, now, told = Settling({"a": (0, 0, 0)}, QUIET), 0.0, [0]
    for size, pause in [*steps, (steps[-1][0] if steps else 0, 0.0), (steps[-1][0] if steps else 0, 1.0)]:
        now += pause
        if settling.look({"a": (0, size, 0)}, now):
            told.append(size)

    assert told[-1] == (steps[-1][0] if steps else 0)
    assert all(one != other for one, other in pairwise(told))

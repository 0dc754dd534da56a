"""Which versions of the files a running scheduler takes, and what it says of the others."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from concurrent.futures import Executor, Future
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from automation.clock import FrozenClock
from automation.project.model import Project
from automation.scheduler.activate import digest
from automation.scheduler.reload import Reload
from automation.services import build_services

JOB = '[jobs.{name}]\nplugin = "shell"\nevery = "{every}"\nparams.command = "true"\n'
PLUGIN = 'from automation import Context, plugin\n\n\n@plugin\ndef greet(ctx: Context) -> None:\n    """Greet."""\n'


class Inline(Executor):
    """Reads at once, in the calling thread."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except Exception as error:
            done.set_exception(error)
        return done


class Folder:
    """A project, and the reload of a scheduler that leads with what it had at first."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.write("schedules/a.toml", JOB.format(name="a", every="1h"))
        self.services = build_services(root, clock=FrozenClock(datetime(2026, 3, 1, 12, tzinfo=UTC)), environ={})
        self.reload = Reload(self.services, Inline())
        self.active: Project = self.reload.begin("")

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    def settle(self) -> Project | None:
        """Rounds of the scheduler for some seconds; what it is given to activate in the end."""
        found = None
        for _ in range(20):
            found = self.reload.changed()
            self.services.clock.advance(seconds=self.reload.hurry(1.0))
        return found

    def problems(self) -> list[str]:
        self.settle()
        return [str(problem) for problem in self.reload.problems]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    made = Folder(tmp_path)
    yield made
    made.reload.close()
    made.services.close()


def test_untouched_files_are_nothing_new(folder: Folder) -> None:
    """Nor are they when they are written again as they were."""
    assert folder.settle() is None
    folder.write("schedules/a.toml", JOB.format(name="a", every="1h"))

    assert folder.settle() is None


def test_a_changed_file_is_a_new_version_until_it_was_taken(folder: Folder) -> None:
    """It is given again while the ledger does not answer."""
    folder.write("schedules/b.toml", JOB.format(name="b", every="2h"))

    assert list(folder.settle().jobs) == list(folder.settle().jobs) == ["a", "b"]
    folder.reload.taken()
    assert folder.settle() is None


def test_one_error_keeps_all_files_from_being_active(folder: Folder) -> None:
    """Good changes beside it wait for it to be corrected."""
    folder.write("schedules/b.toml", JOB.format(name="b", every="2h"))
    folder.write("schedules/c.toml", '[jobs.c]\nplugin = "shell"\nevery = "soon"\nparams.command = "true"\n')
    assert folder.settle() is None
    assert [each.partition(": ")[0] for each in folder.problems()] == ["schedules/c.toml:3:9"]
    assert folder.reload.info["config_problems"] == 1

    folder.write("schedules/c.toml", JOB.format(name="c", every="2h"))
    assert list(folder.settle().jobs) == ["a", "b", "c"]
    folder.reload.taken()
    assert folder.reload.info == {"config_problems": 0, "config_problem": []}


def test_a_file_that_is_half_written_is_read_again_when_it_is_whole(folder: Folder) -> None:
    """What is no TOML yet is a problem, and not the end of anything."""
    whole = JOB.format(name="a", every="2h")
    folder.write("schedules/a.toml", whole[:20])
    assert "schedules/a.toml:2" in folder.problems()[0]

    folder.write("schedules/a.toml", whole)
    assert digest(folder.settle()) != digest(folder.active)


def test_a_broken_version_is_told_once(folder: Folder, caplog: pytest.LogCaptureFixture) -> None:
    """With the place of each problem; again for another content, or when somebody asks."""
    told = []
    for text in ("x = [", "x = [", "y = ["):
        folder.write("schedules/a.toml", text)
        folder.settle()
        told.append(len(caplog.records))
    folder.reload.ask()
    folder.settle()

    assert [*told, len(caplog.records)] == [2, 2, 4, 6]
    assert {record.levelno for record in caplog.records} == {logging.ERROR}
    assert "schedules/a.toml:1:" in caplog.text
    assert "the configuration of before stays as it is" in caplog.text


def test_a_folder_that_is_gone_is_no_empty_project(folder: Folder) -> None:
    """An unmounted disk must not end every schedule."""
    shutil.rmtree(folder.root / "schedules")

    assert folder.settle() is None
    assert folder.problems() == ["schedules:1:1: the folder is gone; make it again, empty if no job is to run"]
    (folder.root / "schedules").mkdir()
    assert folder.settle().jobs == {}


def test_changed_plugins_wait_for_new_processes(folder: Folder, caplog: pytest.LogCaptureFixture) -> None:
    """A job of a new plugin must not be sent to workers that do not have it; that is said once."""
    folder.write("jobs/greet.py", PLUGIN)
    folder.write("schedules/b.toml", '[jobs.b]\nplugin = "greet"\nevery = "1h"\n')
    assert folder.settle() is None
    assert folder.problems() == [
        "jobs:1:1: the plugins have changed; scheduler and workers have to begin anew, which `automation up` sees to by itself"
    ]

    assert [line for line in caplog.messages if "plugins have changed" in line or "not active" in line] == [
        "the plugins have changed; scheduler and workers have to begin anew, which `automation up` sees to by itself."
    ]

    (folder.root / "jobs/greet.py").unlink()
    (folder.root / "schedules/b.toml").unlink()
    assert folder.problems() == []


def test_a_rule_that_never_fires_is_not_taken(folder: Folder) -> None:
    """What `check` refuses is refused here too."""
    folder.write("schedules/b.toml", JOB.format(name="b", every="1h").replace('every = "1h"', 'cron = "0 0 30 2 *"'))

    assert folder.settle() is None
    assert "schedules/b.toml:3" in folder.problems()[0]


def test_a_scheduler_that_leads_again_keeps_the_active_version_whole(folder: Folder) -> None:
    """A moment without Redis, while a file is broken, changes nothing; a process that begins leaves the broken job out."""
    folder.write("schedules/b.toml", JOB.format(name="b", every="2h"))
    active = folder.settle()
    folder.reload.taken()
    folder.write("schedules/b.toml", JOB.format(name="b", every="soon"))

    assert folder.reload.begin(digest(active)) is active
    assert "schedules/b.toml:3" in folder.problems()[0]
    begun = Reload(folder.services, Inline()).begin(digest(active))
    assert {name: job.active for name, job in begun.jobs.items()} == {"a": True, "b": False}

"""Which processes of `automation up` begin anew when files change, and what is said."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from automation.cli.watching import ProjectWatch
from automation.clock import FrozenClock
from automation.settings import read_settings
from automation.supervise.process import Order, Spec

NAMES = ("web", "scheduler", "worker", "worker-mail", "shop", "broker")


class Folder:
    """A project that is watched."""

    def __init__(self, root):
        self.root = root
        self.clock = FrozenClock(datetime(2026, 3, 1, tzinfo=UTC))
        self.write("schedules/a.toml", '[jobs.a]\nqueue = "mail"\n')
        self.write("automation.toml", '[databases.shop]\nurl = "sqlite:///shop.db"\n')
        self.write("jobs/hello.py", "one")
        self.write("Procfile", "worker: automation worker\n")
        settings, procfile = read_settings(root), root / "Procfile"
        self.watch = ProjectWatch(settings, procfile, self.specs, lambda _: self.spec("check"), self.clock)

    def write(self, name, text):
        (self.root / name).parent.mkdir(exist_ok=True)
        (self.root / name).write_text(text)

    def specs(self, settings):
        return [self.spec(name, WORKERS=str(settings.workers)) for name in NAMES]

    def spec(self, name, **environ):
        return Spec(name, (name,), self.root, environ, Order.of(name))

    def settle(self):
        """The renewals within some seconds."""
        found = []
        for _ in range(20):
            found.append(self.watch.look(asked=False))
            self.clock.advance(seconds=0.5)
        return [renewal for renewal in found if renewal]


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


@pytest.mark.parametrize(
    ("name", "text", "anew"),
    [
        ("jobs/hello.py", "two", {"web", "scheduler", "worker", "worker-mail"}),
        ("jobs/parts/rates.py", "new", {"web", "scheduler", "worker", "worker-mail"}),
        (".env", "AUTOMATION_WORKERS=5\n", {"web", "scheduler", "worker", "worker-mail"}),
        ("automation.toml", '[databases.shop]\nurl = "sqlite:///new.db"\n', {"worker", "worker-mail"}),
        ("schedules/a.toml", '[jobs.a]\nqueue = "slow"\n', {"worker", "worker-mail"}),
    ],
)
def test_processes_that_hold_what_has_changed_begin_anew(folder, name, text, anew):
    """Once, and after the project was checked."""
    (folder.root / name).parent.mkdir(exist_ok=True)
    folder.write(name, text)

    [renewal] = folder.settle()
    assert (renewal.why, renewal.first.name, set(renewal.specs)) == (f"{name} changed", "check", anew)
    folder.watch.took()
    folder.write("schedules/b.toml", "")
    assert folder.settle() == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("schedules/a.toml", '[jobs.a]\nqueue = "mail"\nevery = "1h"\n'),
        ("schedules/b.toml", "[jobs.b]\n"),
        ("automation.toml", '[defaults]\nretry.max_attempts = 2\n[databases.shop]\nurl = "sqlite:///shop.db"\n'),
        ("automation.toml", "[databases"),
        ("jobs/hello.py", "one"),
        ("templates/a.html", "new"),
    ],
)
def test_other_changes_interrupt_no_run(folder, name, text):
    """Schedules are the scheduler's; what is half-written or written again as it was is no reason."""
    folder.write(name, text)

    assert folder.settle() == []


def test_a_refused_change_is_tried_again_with_the_next_one(folder):
    """While the check fails nothing begins anew; the plugin is not forgotten when the schedule is corrected."""
    folder.write("jobs/hello.py", "two")
    assert len(folder.settle()) == 1
    folder.write("schedules/a.toml", '[jobs.a]\nqueue = "mail"\n# corrected\n')

    assert [renewal.why for renewal in folder.settle()] == ["jobs/hello.py, schedules/a.toml changed"]


def test_new_settings_reach_the_processes(folder):
    """`.env` is read again."""
    folder.write(".env", "AUTOMATION_WORKERS=7\n")

    [renewal] = folder.settle()
    assert renewal.specs["worker"].environ == {"WORKERS": "7"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("PORT=8123\n", ".env changed (port); stop and start this command for that"),
        ("AUTOMATION_WORKERS=many\n", ".env changed; everything runs on as it is, for: AUTOMATION_WORKERS"),
    ],
)
def test_settings_that_cannot_be_taken_are_told(folder, text, told):
    """What `up` itself stands on, and what is wrong."""
    folder.write(".env", text)

    [renewal] = folder.settle()
    assert renewal.why.startswith(told)
    assert not renewal.specs


def test_another_procfile_is_told_once(folder):
    """Which processes there are is decided when `up` begins; a later change of something else does not tell it again."""
    folder.write("Procfile", "worker: automation worker\nextra: sleep 9\n")
    [renewal] = folder.settle()
    folder.write("schedules/b.toml", "")

    assert (renewal.why, renewal.specs) == ("Procfile changed; stop and start this command for that", {})
    assert folder.settle() == []


def test_another_procfile_beside_a_plugin_is_told_with_it(folder):
    """What can begin anew does."""
    folder.write("Procfile", "extra: sleep 9\n")
    folder.write("jobs/hello.py", "two")

    [renewal] = folder.settle()
    assert renewal.why == "jobs/hello.py, Procfile changed (stop and start this command for Procfile)"
    assert "worker" in renewal.specs


def test_a_procfile_that_is_as_it_was_at_the_start_is_not_told(folder):
    """Somebody thought better of it."""
    was = (folder.root / "Procfile").read_text()
    folder.write("Procfile", "extra: sleep 9\n")
    folder.settle()
    folder.write("Procfile", was)

    assert folder.settle() == []


def test_a_look_that_was_asked_for_is_answered(folder):
    """At once, also when there is nothing to do."""
    assert folder.watch.look(asked=True).why == "asked to look, and nothing has changed that a process holds"
    folder.write("jobs/hello.py", "two")
    assert set(folder.watch.look(asked=True).specs) == {"web", "scheduler", "worker", "worker-mail"}

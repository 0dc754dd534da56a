"""What a deploy changes: jobs, keys and fires, against the definitions that were active before."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from automation.project.change import Change, changes
from automation.project.definition import definition
from automation.project.model import Project

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
WEEK = timedelta(days=7)
BOOKS = '[jobs.books]\nplugin = "scrape"\ncron = "0 7 * * *"\nparams.start = "https://x.example/"\n'


@pytest.fixture
def deployed(load: Callable[..., Project], tmp_path: Path) -> Callable[..., list[Change]]:
    """`deployed(before, after)`: what differs between two texts of a schedule file; `meanwhile` is done between them."""

    def compare(before: str, after: str, meanwhile: Callable[[], object] = lambda: None) -> list[Change]:
        old = load(before or "[defaults]\n").jobs.values()
        stored = {job.name: json.loads(json.dumps(definition(job), default=str)) for job in old}
        specs: dict[tuple[str, str], Any] = {
            (job.name, schedule.id): schedule.spec for job in old if job.active for schedule in job.schedules
        }
        meanwhile()
        return changes(stored, load(after or "[defaults]\n").jobs, specs, NOW, WEEK, tmp_path)

    return compare


def keys(change: Change) -> list[tuple[str, Any, Any]]:
    """The changed keys as triples."""
    return [(one.key, one.old, one.new) for one in change.keys]


def test_the_same_files_change_nothing(deployed: Callable[..., list[Change]]) -> None:
    """Neither does another order of jobs, or a comment."""
    other = '[jobs.a]\nplugin = "scrape"\nparams.start = "x"\n'

    assert deployed(BOOKS + other, f"# mine\n{other}{BOOKS}") == []


def test_an_hour_later_moves_every_fire(deployed: Callable[..., list[Change]]) -> None:
    """Seven fires of the week vanish, seven appear; the schedule counts from the deploy on."""
    (change,) = deployed(BOOKS, BOOKS.replace("0 7", "0 8"))

    assert (change.job, change.kind, keys(change)) == ("books", "changed", [("cron", "0 7 * * *", "0 8 * * *")])
    assert (len(change.fires.appear), len(change.fires.vanish)) == (7, 7)
    assert [(sign, fire.day, fire.hour) for sign, fire in change.fires.first(2)] == [("−", 11, 7), ("+", 11, 8)]
    assert change.anew == ("main",)


def test_a_changed_limit_moves_no_fire(deployed: Callable[..., list[Change]]) -> None:
    """The rule is the same, so that its cursor stays; keys are named as the files name them."""
    (change,) = deployed(BOOKS, BOOKS + 'timeout = "5m"\nparams.pages = 3\nretry.max_attempts = 5\n')

    assert keys(change) == [
        ("params.pages", None, 3), ("timeout", 3600.0, 300.0), ("retry.max_attempts", 3, 5)
    ]  # fmt: skip
    assert (change.fires.appear, change.fires.vanish, change.anew) == ((), (), ())


FREE = '[calendars.free]\nweekly = ["sat-sun"]\n'


def test_a_new_calendar_takes_the_fires_that_it_keeps_from_running(deployed: Callable[..., list[Change]]) -> None:
    """Saturday and Sunday of the week vanish; without the calendar they are there again."""
    limited = FREE + BOOKS + 'not_during = ["free"]\n'
    (change,), (back,) = deployed(BOOKS, limited), deployed(limited, BOOKS)

    assert [fire.day for fire in change.fires.vanish] == [fire.day for fire in back.fires.appear] == [14, 15]
    assert (change.fires.appear, back.fires.vanish, change.anew) == ((), (), ())


def test_other_days_of_a_calendar_are_other_fires(deployed: Callable[..., list[Change]]) -> None:
    """The calendar as it was is kept with the job; one that defers runs once for what it holds back."""
    limited = FREE + BOOKS + 'not_during = ["free"]\n'
    (moved,) = deployed(limited, limited.replace("sat-sun", "sun-mon"))
    (kept,) = deployed(limited, limited + 'on_blackout = "defer"\n')

    assert [(sign, fire.day) for sign, fire in moved.fires.first()] == [("+", 14), ("−", 16)]
    assert [(sign, fire.day) for sign, fire in kept.fires.first()] == [("+", 15)]


def test_an_earlier_calendar_whose_file_has_changed_is_left_out_of_the_comparison(
    deployed: Callable[..., list[Change]], tmp_path: Path
) -> None:
    """Which fires it kept from running is no longer known, so that neither side is held against it."""
    free = '[calendars.free]\nics = "free.ics"\n' + BOOKS + 'not_during = ["free"]\n'
    event = "BEGIN:VEVENT\nUID:1\nDTSTAMP:20260101T000000Z\nDTSTART;VALUE=DATE:202603{0}\nEND:VEVENT\n"
    whole = f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\n{event}END:VCALENDAR\n"
    (tmp_path / "free.ics").write_text(whole.format(12))
    (new,) = deployed(BOOKS, free)
    (changed,) = deployed(free, free, lambda: (tmp_path / "free.ics").write_text(whole.format(13)))

    assert [fire.day for fire in new.fires.vanish] == [12]
    assert (changed.fires.appear, changed.fires.vanish) == ((), ())


def test_jobs_that_come_and_go_bring_and_take_their_fires(deployed: Callable[..., list[Change]]) -> None:
    """In the order of names, each with all its fires of the week."""
    gone, new = deployed(BOOKS, BOOKS.replace("books", "toys"))

    assert (gone.job, gone.kind, len(gone.fires.vanish), gone.fires.appear) == ("books", "removed", 7, ())
    assert (new.job, new.kind, len(new.fires.appear), new.fires.vanish) == ("toys", "added", 7, ())


def test_a_renamed_job_keeps_its_fires(deployed: Callable[..., list[Change]], load: Callable[..., Project]) -> None:
    """`replaces` names the earlier one: no fire appears or vanishes, and it goes on counting."""
    (change,) = deployed(BOOKS, BOOKS.replace("books", "toys") + 'replaces = "books"\n')

    assert (change.job, change.kind, change.before, change.keys) == ("toys", "renamed", "books", ())
    assert (change.fires.appear, change.fires.vanish, change.anew) == ((), (), ())


def test_a_second_schedule_is_one_line(deployed: Callable[..., list[Change]]) -> None:
    """It is told as its rule, and only its own fires appear."""
    text = BOOKS.replace('cron = "0 7 * * *"', 'schedules = [{id = "a", cron = "0 7 * * *"}SECOND]')
    (change,) = deployed(text.replace("SECOND", ""), text.replace("SECOND", ', {id = "b", every = "12h"}'))

    assert keys(change) == [("schedules.b", None, 'every = "12h"')]
    assert (len(change.fires.appear), len(change.fires.vanish), change.anew) == (13, 0, ("b",))


def test_a_disabled_job_fires_no_more(deployed: Callable[..., list[Change]]) -> None:
    """All that it had vanishes."""
    (change,) = deployed(BOOKS, BOOKS + "enabled = false\n")

    assert keys(change) == [("enabled", True, False)]
    assert (len(change.fires.vanish), change.anew) == (7, ())


def test_passwords_are_not_shown(deployed: Callable[..., list[Change]]) -> None:
    """Neither that of an address, nor one under its own name; references stay as they are written."""
    text = (
        "[defaults]\nallow_plain_secrets = true\n"
        + BOOKS
        + 'params.headers = {authorization = "Bearer AAAA", x = "${env:X:-1}"}\n'
    )
    other = text.replace("AAAA", "BBBB").replace("https://x", "https://me:word@x").replace("X:-1", "X:-2")
    (change,) = deployed(text, other)

    assert keys(change) == [
        ("params.start", "https://x.example/", "***"),
        ("params.headers.authorization", "***", "***"),
        ("params.headers.x", "${env:X:-1}", "${env:X:-2}"),
    ]


def test_very_many_fires_are_counted_up_to_a_moment(deployed: Callable[..., list[Change]]) -> None:
    """Of a rule of each second a thousand are looked at; both sides are compared up to there."""
    (change,) = deployed(BOOKS, BOOKS.replace('cron = "0 7 * * *"', 'every = "1s"'))

    assert (len(change.fires.appear), len(change.fires.vanish)) == (1000, 0)
    assert change.fires.until == NOW + timedelta(seconds=1001)


def test_a_rule_that_is_no_longer_read_has_no_fires(load: Callable[..., Project]) -> None:
    """What an earlier version of the program stored does not stop the comparison."""
    jobs = load(BOOKS).jobs
    stored = json.loads(json.dumps(definition(jobs["books"]), default=str))
    stored["schedules"]["main"]["spec"] = {"moon": "full"}
    (change,) = changes({"books": stored}, jobs, {}, NOW, WEEK, Path())

    assert (change.kind, len(change.fires.appear), change.fires.vanish) == ("changed", 7, ())

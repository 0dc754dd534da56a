"""Changed files are taken over whole or not at all, while the scheduler goes on and when it begins anew."""

from __future__ import annotations

from datetime import timedelta

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
HOURLY = 'cron = "0 * * * *"'
EVENING = '[calendars.day]\nweekly = ["mon 00:00-05:00"]\n'


def write(text, name="simulated"):
    """An edit: this text into a file."""
    return lambda folder: (folder / "schedules" / f"{name}.toml").write_text(text)


def hours(rows, start):
    return [(row.nominal_time - start) / HOUR for row in rows]


def test_a_broken_file_keeps_what_is_active(time_machine, job, utc):
    """No fire is missing, and a good file waits for the other one."""
    start = utc(2026, 3, 2)
    broken, good = write("[jobs.books"), write(job(HOURLY, "volumes"), "more")
    edits = [(start + 90 * MINUTE, broken), (start + 95 * MINUTE, good), (start + 190 * MINUTE, write(job(HOURLY)))]

    happened = time_machine(job(HOURLY), start, start + 6 * HOUR, edits=edits)

    assert hours(happened.of("books"), start) == [1, 2, 3, 4, 5]
    assert hours(happened.of("volumes"), start) == [4, 5]


def test_a_scheduler_that_begins_with_a_broken_file_loses_nothing(time_machine, job, utc):
    """It has no version of before; what fell due is decided when the file is in order."""
    start, text = utc(2026, 3, 2), job(HOURLY, catchup='"all"')
    edits = [(start + 90 * MINUTE, write("[jobs.books")), (start + 200 * MINUTE, write(text))]

    happened = time_machine(
        text, start, start + 6 * HOUR, edits=edits, down=[(start + 100 * MINUTE, start + 110 * MINUTE)]
    )

    assert hours(happened.of("books"), start) == [1, 2, 3, 4, 5]
    assert happened.states("books") == {"succeeded": 5}


def test_a_deferred_fire_outlives_the_change_of_its_rule(time_machine, job, utc):
    """It was due under the old rule, and runs once when its blackout ends; the new rule counts from the change."""
    start = utc(2026, 3, 2)
    before = EVENING + job(HOURLY, not_during='["day"]', on_blackout='"defer"')
    edits = [(start + 150 * MINUTE, write(EVENING + job('cron = "30 5 * * *"')))]

    happened = time_machine(before, start, start + 6 * HOUR, edits=edits)
    ran = [(row.nominal_time - start, row.started_at - start) for row in happened.ran("books")]

    assert ran == [(2 * HOUR, 5 * HOUR), (5.5 * HOUR, 5.5 * HOUR)]
    assert [row.reason.partition(":")[0] for row in happened.of("books") if not row.ran] == ["merged"]

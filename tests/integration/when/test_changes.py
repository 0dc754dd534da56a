"""Files change while something is due, waiting or running: nothing is lost, and nothing runs twice."""

from __future__ import annotations

from datetime import timedelta

import pytest

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture
def changed(time_machine, utc):
    """`changed(before, after, at)`: six hours with one edit after so many minutes; runs take a quarter of an hour."""

    def happened(before, after, at, hours=6, **options):
        def edit(folder):
            (folder / "schedules" / "simulated.toml").write_text(after)

        start = utc(2026, 3, 2)
        takes = dict.fromkeys(["books", "volumes"], 15 * MINUTE)
        return time_machine(
            before, start, start + hours * HOUR, edits=[(start + at * MINUTE, edit)], takes=takes, **options
        )

    return happened


HOURLY = 'cron = "0 * * * *"'


def hours(rows, start):
    return [(row.nominal_time - start) / HOUR for row in rows]


@pytest.mark.parametrize("at", [110, 120, 125])
def test_another_rule_counts_from_the_change(changed, job, utc, at):
    """Before a fire, at its very instant, and while its run is at work: what was due runs, the new rule follows."""
    happened = changed(job(HOURLY), job('cron = "30 * * * *"'), at)
    due = [1.0, 2.0] if at >= 120 else [1.0]
    first = 1.5 if at < 90 else 2.5

    assert hours(happened.of("books"), utc(2026, 3, 2)) == [*due, *(first + n for n in range(4))]
    assert happened.states("books") == {"succeeded": len(due) + 4}


@pytest.mark.parametrize("at", [110, 125])
def test_a_renamed_job_goes_on_where_it_was(changed, job, utc, at):
    """With `replaces`, what it is called makes no difference: each hour has one run, and the one at work ends."""
    happened = changed(job(HOURLY), job(HOURLY, "volumes", replaces='"books"'), at)
    rows = sorted(happened.rows, key=lambda row: row.nominal_time)

    assert hours(rows, utc(2026, 3, 2)) == [1, 2, 3, 4, 5]
    assert {row.state for row in rows} == {"succeeded"}
    assert [row.job for row in rows].count("books") == (2 if at >= 120 else 1)


def test_a_renamed_job_catches_up_what_its_old_name_left(changed, job, utc):
    """The outage began under the one and ends under the other."""
    start = utc(2026, 3, 2)
    happened = changed(
        job(HOURLY, catchup='"all"'), job(HOURLY, "volumes", replaces='"books"', catchup='"all"'), 180,
        down=[(start + 90 * MINUTE, start + 190 * MINUTE)],
    )  # fmt: skip
    rows = sorted(happened.rows, key=lambda row: row.nominal_time)

    assert [(row.job, row.state) for row in rows] == [("books", "succeeded")] + [("volumes", "succeeded")] * 4


def test_a_job_that_is_renamed_and_gets_another_rule_catches_up_what_its_old_name_left(changed, job, utc):
    """The outage began under the one name and rule, and ends under the others; what follows it has its runs, too."""
    start, follower = (
        utc(2026, 3, 2),
        '[jobs.told]\nplugin = "shell"\nafter = ["{}"]\nparams = {{ command = "true" }}\n',
    )
    new = job(
        'cron = "30 * * * *"', "volumes", replaces='"books"', overlap='"allow"', catchup='"all"', run_on_start="true"
    )
    happened = changed(
        job(HOURLY, catchup='"all"') + follower.format("books"), new + follower.format("volumes"), 180,
        down=[(start + 90 * MINUTE, start + 190 * MINUTE)],
    )  # fmt: skip
    due = [row for row in happened.rows if row.job != "told" and row.schedule != "start"]

    assert hours(sorted(due, key=lambda row: row.nominal_time), start) == [1, 2, 3, 3.5, 4.5, 5.5]
    assert [row.job for row in due].count("books") == 1
    assert {row.state for row in happened.rows} == {"succeeded"}
    assert len([row for row in happened.rows if row.schedule == "start"]) == 1
    assert set(hours(happened.of("told"), start)) >= {1, 2, 3, 3.5, 4.5, 5.5}


def test_a_renamed_job_does_not_run_beside_its_old_name(changed, job, utc):
    """The place of the run at work goes with the name."""
    happened = changed(job('every = "10m"'), job('every = "10m"', "volumes", replaces='"books"'), 12, hours=1)
    first, second = happened.of("books")[0], happened.of("volumes")[0]

    assert (first.state, second.state) == ("succeeded", "skipped")
    assert second.reason == f"overlap: run {first.id} of job books was still open"


def test_a_removed_job_ends_what_it_began(changed, job):
    """And has no run after that."""
    happened = changed(job(HOURLY) + job(HOURLY, "volumes"), job(HOURLY, "volumes"), 125)

    assert happened.states("books") == {"succeeded": 2}
    assert happened.states("volumes") == {"succeeded": 5}


def test_another_zone_counts_from_the_change(changed, job, utc):
    """Four o'clock in Kolkata lies half an hour before an hour of UTC; neither hour is lost or comes twice."""
    happened = changed(job(HOURLY), job(HOURLY, timezone='"Asia/Kolkata"'), 200)

    assert hours(happened.of("books"), utc(2026, 3, 2)) == [1, 2, 3, 3.5, 4.5, 5.5]
    assert happened.states("books") == {"succeeded": 6}


def test_another_policy_keeps_its_place_in_time(changed, job, utc):
    """Only a rule begins anew; what fell due during an outage is judged by the policy of its end."""
    start = utc(2026, 3, 2)
    happened = changed(
        job(HOURLY, catchup='"skip"'), job(HOURLY, catchup='"all"'), 180,
        down=[(start + 90 * MINUTE, start + 190 * MINUTE)],
    )  # fmt: skip

    assert hours(happened.of("books"), start) == [1, 2, 3, 4, 5]
    assert happened.states("books") == {"succeeded": 5}


def test_a_file_that_cannot_be_read_loses_nothing(time_machine, job, utc):
    """A scheduler that begins with it lets its schedules wait; what fell due is decided when it can be read again."""
    start, text = utc(2026, 3, 2), job(HOURLY, catchup='"all"')

    def write(content):
        return lambda folder: (folder / "schedules" / "simulated.toml").write_text(content)

    edits = [(start + 110 * MINUTE, write("[jobs.books")), (start + 200 * MINUTE, write(text))]
    down = [(start + 105 * MINUTE, start + 115 * MINUTE)]
    happened = time_machine(text, start, start + 6 * HOUR, edits=edits, down=down, takes={"books": 10 * MINUTE})

    assert hours(happened.of("books"), start) == [1, 2, 3, 4, 5]
    assert happened.states("books") == {"succeeded": 5}
    assert [row.kind for row in happened.of("books")] == ["scheduled", "catchup", "catchup", "scheduled", "scheduled"]


def test_a_change_waits_until_a_long_outage_is_decided(changed, job, utc):
    """A thousand fires are decided in rounds; a change between two of them neither forgets nor floods."""
    start = utc(2026, 3, 2)
    happened = changed(
        job('every = "10s"'), job(HOURLY), 180, down=[(start + MINUTE, start + 180 * MINUTE)], hours=3.5
    )  # fmt: skip

    assert len(happened.of("books")) == 180 * 6
    assert set(happened.reasons("books")) == {"missed", "overlap"}
    assert happened.states("books")["succeeded"] == 2


def test_all_that_is_put_off_is_owed_by_the_old_rule(changed, job, utc):
    """Also where that is more than is decided at a time: each fire has its record, the last runs."""
    calendar = '[calendars.night]\nweekly = ["mon 00:00-06:00"]\n'
    deferred = {"not_during": '["night"]', "on_blackout": '"defer"'}
    happened = changed(
        calendar + job('every = "1m"', **deferred), calendar + job('cron = "0 9 * * *"', **deferred), 300, hours=7
    )
    [ran] = happened.ran("books")

    assert (ran.nominal_time, ran.started_at) == (utc(2026, 3, 2, 5), utc(2026, 3, 2, 6))
    assert len(happened.of("books")) == 300


def test_a_new_schedule_takes_no_fire_from_before_it_was_there(changed, utc):
    """With `unite`, one that was not there yet does not run for the other."""
    head = '[jobs.books]\nplugin = "shell"\nunite = true\nparams.command = "true"\n'
    new, old = '[[jobs.books.schedules]]\nid = "new"\n', '[[jobs.books.schedules]]\nid = "old"\n'
    rules = f'{old}{HOURLY}\njitter = "30m"\njitter_mode = "stable"\n', f"{new}{HOURLY}\n"
    happened = changed(head + rules[0], head + rules[1] + rules[0], 61, hours=1.9)

    assert [(row.schedule, row.nominal_time) for row in happened.ran("books")] == [("old", utc(2026, 3, 2, 1))]


def test_an_instant_that_is_added_does_not_meet_those_that_ran(changed, job, utc):
    """`at` begins before its first instant again; what has run is in nobody's way, and does not run again."""
    lines = [f"at = [2026-03-02T01:00:00Z{more}]" for more in ("", ", 2026-03-02T01:16:00Z")]
    happened = changed(*(job(line, misfire_grace='"1h"') for line in lines), 76.5)

    assert [row.nominal_time.minute for row in happened.ran("books")] == [0, 16]
    assert happened.states("books") == {"succeeded": 2}


def test_max_fires_counts_on_under_a_new_name(changed, job):
    """Two of three runs were made under the old one."""
    happened = changed(job(HOURLY, max_fires=3), job(HOURLY, "volumes", replaces='"books"', max_fires=3), 150)

    assert (happened.states("books"), happened.states("volumes")) == ({"succeeded": 2}, {"succeeded": 1})


@pytest.mark.parametrize(("down", "due"), [((110, 125), 2), ((125, 190), 3)])
def test_what_fell_due_before_a_deploy_runs_although_the_rule_is_another(time_machine, job, utc, down, due):
    """Stop, new files, start: the fire of the hour between was the old rule's, and is lost to none."""
    start = utc(2026, 3, 2)
    stops, starts = (start + minutes * MINUTE for minutes in down)

    def edit(folder):
        (folder / "schedules" / "simulated.toml").write_text(job('cron = "30 * * * *"'))

    happened = time_machine(
        job(HOURLY), start, start + 5 * HOUR, down=[(stops, starts)], edits=[(stops + MINUTE, edit)]
    )

    assert hours(happened.of("books"), start)[:due] == [1, 2, 3][:due]
    assert hours(happened.of("books"), start)[due:] == [n + 0.5 for n in range(due if due == 2 else 3, 5)]
    assert happened.states("books") == {"succeeded": len(happened.of("books"))}

"""What a user of the time machine may rely on."""

from __future__ import annotations

from datetime import timedelta

import pytest

from automation.errors import ProjectInvalid
from automation.testing import simulate

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def test_a_project_with_an_error_is_refused(time_machine, job, utc):
    """With what `automation check` says, and where."""
    with pytest.raises(ProjectInvalid, match=r"schedules/simulated.toml:4:1: .*catchpu.*catchup"):
        time_machine(job('every = "1h"', catchpu='"all"'), utc(2026, 3, 2), utc(2026, 3, 3))


def test_a_project_folder_is_left_as_it_is(time_machine, job, utc, tmp_path):
    """It is copied, with its plugins; edits change the copy."""
    (tmp_path / "schedules").mkdir()
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "own.py").write_text(
        "from automation import plugin\n@plugin\ndef own(ctx) -> None:\n    '''Nothing.'''\n"
    )
    (tmp_path / "schedules" / "a.toml").write_text('[jobs.mine]\nplugin = "own"\nevery = "1h"\n')
    before = sorted(tmp_path.rglob("*"))
    start = utc(2026, 3, 2)
    edits = [(start + 90 * MINUTE, lambda folder: (folder / "schedules" / "a.toml").unlink())]
    happened = time_machine(tmp_path, start, start + 4 * HOUR, edits=edits)

    assert happened.states("mine") == {"succeeded": 1}
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("fails", "state", "attempts"),
    [(True, "dead", 3), (2, "succeeded", 3), (lambda run: run.attempt == 1, "succeeded", 2)],
)
def test_attempts_fail_as_they_are_told(time_machine, job, utc, fails, state, attempts):
    """And are repeated as the job's retries say."""
    start = utc(2026, 3, 2)
    text = job('cron = "0 1 * * *"', retry='{ max_attempts = 3, first = "1m", jitter = "none" }')
    [row] = time_machine(text, start, start + 3 * HOUR, fails={"books": fails}).of("books")

    assert (row.state, row.attempts) == (state, attempts)
    assert row.finished_at - row.started_at >= (attempts - 1) * MINUTE


def test_a_run_beyond_its_timeout_times_out(time_machine, job, utc):
    """As it would in a worker."""
    start = utc(2026, 3, 2)
    text = job('cron = "0 1 * * *"', timeout='"5m"', retry="{ max_attempts = 1 }")
    [row] = time_machine(text, start, start + 2 * HOUR, takes={"books": 6 * MINUTE}).of("books")

    assert (row.state, row.finished_at) == ("dead", start + 65 * MINUTE)
    assert "timeout" in row.reason


def test_somebody_may_act_in_the_middle(time_machine, job, utc):
    """A pause holds from the moment at which it is made up to its end; nothing of it is caught up."""
    start = utc(2026, 3, 2)
    acts = [
        (start + 90 * MINUTE, lambda ledger: ledger.pauses.pause("job", "books", "moving", "ana")),
        (start + 220 * MINUTE, lambda ledger: ledger.pauses.end("job", "books", "ana")),
    ]
    happened = time_machine(job('cron = "0 * * * *"'), start, start + 5 * HOUR, acts=acts)

    assert [row.state for row in happened.of("books")] == ["succeeded", "skipped", "skipped", "succeeded"]
    assert happened.reasons("books") == {"paused": 2}


def test_failures_in_a_row_pause_a_job(time_machine, job, utc):
    """From then on its fires are recorded as paused, with why."""
    start = utc(2026, 3, 2)
    text = job('every = "10m"', pause_after_failures=2, retry="{ max_attempts = 1 }")
    happened = time_machine(text, start, start + 45 * MINUTE, fails={"books": True})

    assert happened.states("books") == {"dead": 2, "skipped": 2}
    assert "2 runs in a row failed" in happened.of("books")[-1].reason


def test_history_reads_as_text(job, utc):
    """A line for each fire; without pytest, `simulate` has a server of its own."""
    start = utc(2026, 3, 2)
    happened = simulate(
        job('cron = "0 * * * *"'), start, start + 3 * HOUR, down=[(start + MINUTE, start + 125 * MINUTE)]
    )

    assert str(happened).splitlines() == [
        "2026-03-02T01:00:00Z books/main missed: missed: 1h 5m late, and a newer occurrence runs in its place",
        "2026-03-02T02:00:00Z books/main succeeded",
    ]


def test_max_fires_and_deferred_fires_go_together_with_deaths(time_machine, job, utc):
    """Counted in the ledger: a scheduler that comes after knows how many there were."""
    start = utc(2026, 3, 2)
    killed = [start + n * 15 * MINUTE for n in range(3)]
    happened = time_machine(job('every = "10m"', max_fires=3), start, start + 2 * HOUR, killed=killed)

    assert happened.states("books") == {"succeeded": 3}


def test_fires_wait_for_the_end_of_a_blackout(time_machine, job, utc):
    """Those of a night are one run in the morning; the others name it."""
    start = utc(2026, 3, 2, 20, 30)
    text = '[calendars.night]\nweekly = ["mon-sun 22:00-06:00"]\n'
    text += job('cron = "0 * * * *"', not_during='["night"]', on_blackout='"defer"')
    happened = time_machine(text, start, start + 11 * HOUR)
    ran = happened.ran("books")

    assert [f"{row.started_at:%H}" for row in ran] == ["21", "06", "07"]
    assert [f"{row.nominal_time:%H}" for row in ran] == ["21", "06", "07"]
    assert happened.reasons("books") == {"merged": 8}

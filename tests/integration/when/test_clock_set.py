"""The machine's clock is set: back, forward, to and fro, into another century."""

from __future__ import annotations

from datetime import timedelta

import pytest

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def nominals(happened, job="books"):
    return [row.nominal_time for row in happened.of(job)]


@pytest.fixture
def set_clock(time_machine, job, utc):
    """`set_clock(minutes, [(at, by)], rule)`: what happens from midnight on, when the clock is moved at a minute by so many."""

    def happened(minutes, moves, rule='every = "10m"', **keys):
        start, shown, steps = utc(2026, 3, 2), timedelta(), []
        for at, by in moves:
            shown += by * MINUTE
            steps.append((start + at * MINUTE, start + at * MINUTE + shown))
        return time_machine(
            job(rule, **keys), start, start + minutes * MINUTE, steps=steps, takes={"books": timedelta()}
        )

    return happened


def test_back_by_an_hour_repeats_nothing(set_clock, utc, caplog):
    """What was decided stays decided; the first fire after that runs when the clock has come there. The log tells of it."""
    happened = set_clock(150, [(35, -60)])

    assert nominals(happened) == [utc(2026, 3, 2) + n * 10 * MINUTE for n in range(1, 9)]
    assert happened.states("books") == {"succeeded": 8}
    assert "The clock has moved by -3600 s by itself" in caplog.text


def test_forward_by_an_hour_is_an_outage_of_an_hour(set_clock, utc):
    """Every fire of it is recorded; the newest runs."""
    happened = set_clock(60, [(35, 60)])

    assert nominals(happened) == [utc(2026, 3, 2) + n * 10 * MINUTE for n in range(1, 12)]
    assert happened.states("books") == {"succeeded": 6, "missed": 5}
    assert happened.of("books")[8].kind == "catchup"


def test_ten_seconds_to_and_fro_lose_and_double_nothing(set_clock, utc):
    """A clock that is corrected all the time, also just before and after a fire."""
    moves = [
        (at + shift, by)
        for at in range(10, 110, 10)
        for shift, by in ((-0.1, 1 / 6), (0.1, -1 / 6), (5, 0.1), (5.5, -0.1))
    ]
    happened = set_clock(115, sorted(moves))

    assert nominals(happened) == [utc(2026, 3, 2) + n * 10 * MINUTE for n in range(1, 12)]
    assert happened.states("books") == {"succeeded": 11}


def test_runs_at_work_keep_their_leases_when_the_clock_is_set(time_machine, job, utc):
    """Nobody judges a lease by a clock that was just set."""
    start = utc(2026, 3, 2)
    steps = [(start + 65 * MINUTE, start + 5 * HOUR), (start + 70 * MINUTE, start + 70 * MINUTE)]
    happened = time_machine(
        job('cron = "0 1 * * *"'), start, start + 2 * HOUR, steps=steps, takes={"books": 20 * MINUTE}
    )

    assert [(row.state, row.attempts) for row in happened.of("books")] == [("succeeded", 1)]


def test_far_into_the_future_is_one_run_and_a_record_of_the_rest(time_machine, job, utc):
    """Beyond 2038 too: each day of the years between is missed, and days go on."""
    start = utc(2037, 6, 1)
    happened = time_machine(
        job('cron = "0 12 * * *"'), start, start + timedelta(days=3), steps=[(start + HOUR, utc(2039, 1, 1))]
    )
    rows = happened.of("books")

    assert len({row.nominal_time for row in rows}) == len(rows) == 579 + 3
    assert [row.state for row in rows[-4:]] == ["succeeded"] * 4
    assert rows[-4].kind == "catchup"
    assert happened.states("books")["missed"] == 578


def test_back_to_1970_waits_until_the_clock_is_right_again(time_machine, job, utc):
    """Nothing fires in a time that is decided long ago; afterwards what fell due meanwhile is late."""
    start = utc(2026, 3, 2)
    steps = [(start + 2.5 * HOUR, utc(1970, 1, 1)), (start + 5.5 * HOUR, start + 5.5 * HOUR)]
    happened = time_machine(job('cron = "0 * * * *"', catchup='"all"'), start, start + 8 * HOUR, steps=steps)

    assert nominals(happened) == [start + n * HOUR for n in range(1, 8)]
    assert happened.states("books") == {"succeeded": 7}


def test_a_leap_that_is_taken_back_decides_nothing(time_machine, job, utc):
    """A clock that shows another century for ten seconds; nobody waits for that century afterwards."""
    start = utc(2026, 3, 2)
    leap, back = start + 90 * MINUTE, start + 90 * MINUTE + timedelta(seconds=10)
    steps = [(leap, utc(2038, 1, 19, 3, 14)), (back, back)]
    happened = time_machine(job('cron = "0 * * * *"'), start, start + 4.5 * HOUR, steps=steps)

    assert nominals(happened) == [start + n * HOUR for n in range(1, 5)]
    assert happened.states("books") == {"succeeded": 4}


def test_back_by_hours_does_not_hold_up_what_counts_from_the_end(set_clock, utc):
    """No instant of it can come twice, so it goes on at its pace, half a minute after the step."""
    happened = set_clock(150, [(65, -180)], 'fixed_delay = "10m"')
    rows = happened.of("books")

    assert happened.states("books") == {"succeeded": len(rows)}
    assert len(rows) >= 13
    assert min(nominals(happened)) < utc(2026, 3, 2)


def test_what_was_missed_in_a_future_that_is_taken_back_is_done_when_it_comes(time_machine, job, utc):
    """A clock that showed another month for an hour: of that month's fires one ran, and will not again; the others will."""
    start = utc(2026, 3, 2)
    steps = [(start + 2.5 * HOUR, utc(2026, 3, 4, 12, 30)), (start + 3.5 * HOUR, start + 3.5 * HOUR)]
    happened = time_machine(job('cron = "0 * * * *"'), start, start + timedelta(days=3), steps=steps)

    assert nominals(happened) == [start + n * HOUR for n in range(1, 72)]
    assert happened.states("books") == {"succeeded": 71}


def test_a_scheduler_that_begins_after_the_clock_was_set_back_goes_on_too(time_machine, job, utc):
    """Nobody was there to see it; the ledger tells."""
    start = utc(2026, 3, 2)
    steps = [(start + 2.5 * HOUR, utc(2026, 3, 4, 12, 30)), (start + 3.5 * HOUR, start + 3.5 * HOUR)]
    down = [(start + 3.4 * HOUR, start + 3.6 * HOUR)]
    happened = time_machine(job('cron = "0 * * * *"'), start, start + 6.5 * HOUR, steps=steps, down=down)

    assert [one for one in nominals(happened) if one < start + 12 * HOUR] == [start + n * HOUR for n in range(1, 7)]
    assert set(happened.states("books")) == {"succeeded"}

"""Nobody schedules for a while: what is run, what is missed, for each policy and each length."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest

MINUTES, NOTHING = timedelta(minutes=1), timedelta()


@pytest.mark.parametrize(("hours", "caught_up"), [(3, (0, 1, 3)), (72, (0, 1, 10))])
def test_outage_of_three_periods_and_of_three_days(time_machine, job, utc, hours, caught_up):
    """Every fire of it is recorded once: run as the policy says, or missed; then everything is as before."""
    policies = ("skip", "latest", "all")
    text = "".join(job('cron = "0 * * * *"', name, catchup=f'"{name}"') for name in policies)
    start = utc(2026, 3, 2, 6, 30)
    down, up = start + timedelta(hours=1), start + timedelta(hours=1 + hours)
    happened = time_machine(
        text, start, up + timedelta(hours=2), down=[(down, up)], takes=dict.fromkeys(policies, NOTHING)
    )

    for policy, ran in zip(policies, caught_up, strict=True):
        rows = happened.of(policy)
        within = [row for row in rows if down <= row.nominal_time < up]
        assert [row.nominal_time for row in rows] == [utc(2026, 3, 2, 7) + timedelta(hours=n) for n in range(hours + 3)]
        assert [row.state for row in within] == ["missed"] * (hours - ran) + ["succeeded"] * ran
        assert all(row.reason.startswith("missed:") for row in within if not row.ran)
        assert [row.state for row in rows if row not in within] == ["succeeded"] * 3


def test_fires_that_are_caught_up_run_one_after_the_other(time_machine, job, utc):
    """The oldest first, each when the one before it has ended; one that is due meanwhile finds the job at work."""
    start, up = utc(2026, 3, 2), utc(2026, 3, 2, 5, 50)
    text = job('cron = "0 * * * *"', catchup='"all"')
    happened = time_machine(
        text, start, start + timedelta(hours=9), down=[(start + MINUTES, up)], takes={"books": 5 * MINUTES}
    )
    ran = happened.ran("books")

    assert [row.nominal_time.hour for row in ran] == [1, 2, 3, 4, 5, 7, 8]
    assert all(sooner.finished_at <= later.started_at for sooner, later in itertools.pairwise(ran))
    assert happened.of("books")[5].reason.startswith("overlap: run ")


def test_whoever_dies_between_recording_and_publishing_leaves_nothing_undone(time_machine, job, utc):
    """Its successor publishes what was recorded, and decides nothing twice."""
    start = utc(2026, 3, 2)
    happened = time_machine(
        job('every = "10m"'), start, start + timedelta(hours=2), killed=[start + n * 25 * MINUTES for n in range(4)]
    )

    assert happened.states("books") == {"succeeded": 11}
    late = [row for row in happened.of("books") if row.started_at > row.nominal_time + timedelta(seconds=4)]
    assert len(late) == 4


def test_fixed_delay_goes_on_after_an_outage_with_one_run(time_machine, job, utc):
    """However many would have fitted into it, and from the end of a run that began before it."""
    start = utc(2026, 3, 2)
    down = (start + 45 * MINUTES, start + 300 * MINUTES)
    happened = time_machine(
        job('fixed_delay = "10m"'), start, start + 331 * MINUTES, down=[down], takes={"books": 10 * MINUTES}
    )
    begun = [(row.started_at - start) // MINUTES for row in happened.ran("books")]

    assert begun == [10, 30, 300, 320]
    assert happened.states("books") == {"succeeded": 4}


def test_a_start_deadline_lets_a_run_expire_that_no_worker_began(time_machine, job, utc):
    """While the workers are away; what falls due later is not touched."""
    start = utc(2026, 3, 2)
    happened = time_machine(
        job('cron = "0 * * * *"', start_deadline='"10m"', overlap='"queue_all"'),
        start, start + timedelta(hours=4), workers_down=[(start, start + timedelta(hours=2, minutes=5))],
    )  # fmt: skip

    assert [row.state for row in happened.of("books")] == ["expired", "succeeded", "succeeded"]
    assert happened.of("books")[0].reason.startswith("expired: ")

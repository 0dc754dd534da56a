"""No worker for thirty periods: what waits, what is skipped and what runs when they are back, for each overlap."""

from __future__ import annotations

from datetime import timedelta

MINUTE = timedelta(minutes=1)


#: What the job says; which of thirty fires run when the workers are back; why the others do not.
OVERLAPS = {
    "skip": ({"overlap": '"skip"'}, [0], "overlap"),
    "two": ({"overlap": '"skip"', "max_running": 2}, [0, 1], "overlap"),
    "newest": ({"overlap": '"queue_one"'}, [29], "superseded"),
    "cancels": ({"overlap": '"cancel_running"'}, [29], "superseded"),
    "five": ({"overlap": '"queue_all"', "max_queued": 5}, [0, 1, 2, 3, 4, 5], "queue full"),
    "all": ({"overlap": '"queue_all"', "max_queued": 30}, list(range(30)), None),
    "free": ({"overlap": '"allow"'}, list(range(30)), None),
}


def test_thirty_fires_without_a_worker(time_machine, job, utc):
    """As many run as the overlap lets wait; each of the others says why not; afterwards all is as before."""
    start = utc(2026, 3, 2)
    text = "".join(job('every = "1m"', name, **keys) for name, (keys, _, _) in OVERLAPS.items())
    away, takes = (start, start + 30.5 * MINUTE), dict.fromkeys(OVERLAPS, timedelta())
    happened = time_machine(text, start, start + 33 * MINUTE, workers_down=[away], takes=takes)

    for name, (_, ran, reason) in OVERLAPS.items():
        rows = happened.of(name)
        assert len(rows) == 32
        assert [number for number, row in enumerate(rows[:30]) if row.ran] == ran
        assert {row.reason.partition(":")[0] for row in rows[:30] if not row.ran} == ({reason} if reason else set())
        assert [row.state for row in rows[30:]] == ["succeeded"] * 2


def test_runs_that_wait_for_a_place_take_it_in_turn(time_machine, job, utc):
    """Never more at once than `max_running`; each begins within a second of a place that is free."""
    start = utc(2026, 3, 2)
    text = job('every = "1m"', overlap='"queue_all"', max_running=2, max_queued=30)
    happened = time_machine(text, start, start + 10 * MINUTE, takes={"books": 150 * timedelta(seconds=1)})
    ran = happened.ran("books")

    for row in ran:
        at_once = [
            one for one in ran if one.started_at <= row.started_at < (one.finished_at or row.started_at + MINUTE)
        ]
        assert len(at_once) <= 2
    assert [row.nominal_time for row in ran] == sorted(row.nominal_time for row in ran)
    assert [(row.started_at - start).total_seconds() for row in ran[:4]] == [60, 120, 210, 270]


def test_a_newer_fire_stops_the_run_at_work_where_that_is_wanted(time_machine, job, utc):
    """It is asked to stop, and the newer one begins when it has."""
    start = utc(2026, 3, 2)
    text = job('every = "1m"', overlap='"cancel_running"')
    happened = time_machine(text, start, start + 3.5 * MINUTE, takes={"books": 10 * MINUTE})

    assert [row.state for row in happened.of("books")] == ["cancelled", "cancelled", "running"]


def test_runs_at_work_as_the_workers_die_are_begun_again(time_machine, job, utc):
    """When their leases have run out, and workers are there again."""
    start = utc(2026, 3, 2)
    happened = time_machine(
        job('cron = "0 * * * *"'), start, start + timedelta(hours=2),
        takes={"books": 10 * MINUTE}, workers_down=[(start + 65 * MINUTE, start + 80 * MINUTE)],
    )  # fmt: skip
    [row] = happened.of("books")

    assert (row.state, row.attempts) == ("succeeded", 2)
    assert row.finished_at == start + 90 * MINUTE

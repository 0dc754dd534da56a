"""Retries and dead letters over hours, with the real scheduler."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

from automation.ledger.dead import Wanted

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def retry(first, **more):
    """A policy whose waits are known to the second."""
    keys = {"max_attempts": "9", "backoff": '"constant"', "first": f'"{first}"', "jitter": '"none"', **more}
    return "{ " + ", ".join(f"{key} = {value}" for key, value in keys.items()) + " }"


def test_no_attempt_begins_after_the_total_deadline(time_machine, job, utc):
    """Of those that would follow every 20 minutes three begin within the 45 that there are."""
    start = utc(2026, 3, 2)
    text = job('cron = "0 1 * * *"', retry=retry("20m", total_deadline='"45m"'))
    [row] = time_machine(text, start, start + 3 * HOUR, fails={"books": True}).of("books")

    assert (row.state, row.attempts) == ("dead", 3)
    assert row.reason.startswith("no attempt can begin within its total_deadline of 45m; last: ")
    assert row.finished_at - row.started_at < 45 * MINUTE


def test_a_waiting_retry_makes_way_for_the_next_fire(time_machine, job, utc):
    """Without the word for it the next fire is skipped, as its job is at work."""
    start = utc(2026, 3, 2)

    def happened(word):
        text = job('every = "1h"', retry=retry("90m", retry_until_next=word))
        return time_machine(text, start, start + 3 * HOUR + MINUTE, fails={"books": lambda run: run.attempt == 1})

    with_it, without = happened("true"), happened("false")
    assert [(row.state, row.attempts) for row in with_it.of("books")] == [("skipped", 1)] * 2 + [("retrying", 1)]
    assert with_it.of("books")[0].reason.startswith("superseded: a newer run of this job")
    assert with_it.of("books")[0].finished_at - start < 2 * HOUR + MINUTE
    assert [row.state for row in without.of("books")] == ["succeeded", "skipped", "retrying"]


def test_dead_runs_come_back_one_by_one_between_the_fires(time_machine, job, utc):
    """They keep their times, each fire runs as if they were not there, and nothing is at work beside another."""
    start, back = utc(2026, 3, 2), utc(2026, 3, 2, 5, 30)
    sick = {"books": lambda run: run.attempt == 1 and run.nominal_time < utc(2026, 3, 2, 5, 30)}

    def bring_back(ledger):
        ids = ledger.dead.ids(Wanted(job="books"))
        assert len(ids) == 5
        ledger.dead.replay(ids, "ana", 20 * MINUTE)

    text = job('every = "1h"', retry=retry("1m", max_attempts="1"))
    happened = time_machine(
        text, start, start + 8 * HOUR, fails=sick, takes={"books": 10 * MINUTE}, acts=[(back, bring_back)]
    )
    rows = happened.of("books")

    assert {row.state for row in rows} == {"succeeded"}
    assert [row.nominal_time for row in rows] == [start + number * HOUR for number in range(1, 8)]
    assert [row.attempts for row in rows] == [2] * 5 + [1] * 2
    spans = sorted((row.started_at, row.finished_at) for row in rows)
    assert all(one[1] <= other[0] for one, other in pairwise(spans))
    assert [row.started_at - row.nominal_time < MINUTE for row in rows[5:]] == [True] * 2

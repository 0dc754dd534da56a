"""Which fires of the past run again: against the rule, the records and the clock."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automation.dispatch import backfill
from automation.dispatch.backfill import bound, past_fires, runs_of, schedules_of, select
from automation.errors import InvalidInput, Refused
from automation.ledger.rows import RunRow
from automation.ledger.states import FINAL, OPEN, Kind, State
from automation.project.model import Job, Schedule
from automation.retry import RetryPolicy
from automation.triggers.parse import parse_trigger
from automation.triggers.planning import Planned, Planning

MARCH = datetime(2026, 3, 1, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
LATER = MARCH + 400 * DAY


def schedule(spec: dict[str, Any], name: str = "main", planning: Planning | None = None) -> Schedule:
    return Schedule(name, parse_trigger(spec), spec.get("timezone", "UTC"), spec, planning=planning or Planning())


def job(*schedules: Schedule, **values: Any) -> Job:
    known: dict[str, Any] = {
        "name": "books", "plugin": "report", "params": {}, "schedules": schedules, "enabled": True, "run_on_start": False,
        "queue": "default", "priority": 5, "timeout": timedelta(minutes=1), "kill_after": timedelta(seconds=30),
        "retry": RetryPolicy(), "tags": (), "description": "", "path": Path("a.toml"), "line": 1,
    }  # fmt: skip
    return Job(**{**known, **values})


def row(state: State, nominal: datetime, attempt: int = 1) -> RunRow:
    return RunRow(
        "r", "books", "report", "main", Kind.SCHEDULED, nominal, nominal, nominal, nominal, None, None, state, attempt,
        0, 0, 1, None, "default", 5, {}, None,
    )  # fmt: skip


def daily(**planning: Any) -> Job:
    return job(schedule({"cron": "0 7 * * *", "timezone": "UTC"}, planning=Planning(**planning)))


class Blackouts(Planning):
    """The first ten days of March are a blackout, skipped or deferred to its end."""

    def plan(self, trigger: Any, nominal: datetime) -> Planned:
        end = MARCH + 10 * DAY
        if nominal >= end:
            return Planned(nominal)
        return Planned(end, deferred=True) if self.seed == "defer" else Planned(nominal, blackout="calendar 'closed'")


@pytest.mark.parametrize(
    ("text", "timezone", "moment"),
    [
        ("2026-03-01", "UTC", MARCH),
        ("2026-03-01", "Europe/Madrid", MARCH - HOUR),
        ("2026-03-01T07:30", "America/New_York", MARCH + timedelta(hours=12, minutes=30)),
        ("2026-03-01T07:30:00Z", "America/New_York", MARCH + timedelta(hours=7, minutes=30)),
        ("2026-09-06", "America/Santiago", datetime(2026, 9, 6, 4, tzinfo=UTC)),  # midnight does not exist: its gap
    ],
)
def test_bounds_are_of_the_schedules_zone(text: str, timezone: str, moment: datetime) -> None:
    """A bare date is midnight there; an offset says its own."""
    assert bound(text, timezone) == moment


@given(st.text(max_size=25))
def test_any_bound_is_a_moment_or_a_sentence(text: str) -> None:
    """Nothing else comes out of reading one."""
    try:
        found: object = bound(text, "Europe/Madrid").tzinfo
    except InvalidInput as error:
        found = "is no moment" in str(error)

    assert found in (UTC, True)


@settings(max_examples=60)
@given(
    st.sampled_from([{"every": "7h"}, {"cron": "30 2 * * *", "timezone": "Europe/Madrid"}, {"cron": "0 0 29 2 *"}]),
    st.integers(0, 40 * 24),
    st.integers(1, 40 * 24),
    st.integers(-24, 24),
)
def test_span_is_half_open_and_ends_now(spec: dict[str, str], start: int, hours: int, ahead: int) -> None:
    """Every instant of the rule from the first to before the last, none twice, none to come; windows touch."""
    one = job(schedule({"timezone": "UTC", **spec} if "cron" in spec else spec))
    begin, end = MARCH + start * HOUR, MARCH + (start + hours) * HOUR
    now = end + ahead * HOUR
    found = past_fires(one, one.schedules[0], begin, end, now)
    trigger, expected = one.schedules[0].trigger, []
    moment = trigger.next_after(begin - timedelta(microseconds=1))
    while moment is not None and moment < end and moment <= now:
        expected.append(moment)
        moment = trigger.next_after(moment)

    assert [fire.nominal_time for fire in found] == expected
    assert [fire.window_start for fire in found[1:]] == expected[:-1]
    assert all(fire.window_start < begin for fire in found[:1])


def test_changed_clocks_are_counted_as_the_rule_counts_them() -> None:
    """02:30 of the night without one is 03:00 of that night, and each day has one fire."""
    one = job(schedule({"cron": "30 2 * * *", "timezone": "Europe/Madrid"}))
    start, end = (bound(text, "Europe/Madrid") for text in ("2026-03-28", "2026-03-31"))
    found = past_fires(one, one.schedules[0], start, end, LATER)

    assert [f"{fire.nominal_time:%d %H:%M}" for fire in found] == ["28 01:30", "29 01:00", "30 00:30"]


def test_what_has_yet_to_start_is_the_schedulers() -> None:
    """A fire whose jitter has not passed runs by itself."""
    one = daily(seed="books/main", jitter=timedelta(hours=2))
    first = MARCH + 7 * HOUR

    assert past_fires(one, one.schedules[0], MARCH, MARCH + DAY, first) == []
    assert len(past_fires(one, one.schedules[0], MARCH, MARCH + DAY, first + 2 * HOUR)) == 1


def test_blackout_keeps_fires_out() -> None:
    """They are in the list with the reason; or run all the same, if that is asked for."""
    one = job(schedule({"cron": "0 7 * * *", "timezone": "UTC"}, planning=Blackouts()))
    found = past_fires(one, one.schedules[0], MARCH, MARCH + 12 * DAY, LATER)
    ignored = past_fires(one, one.schedules[0], MARCH, MARCH + 12 * DAY, LATER, ignore_calendars=True)

    assert [fire.kept_out for fire in found] == ["calendar 'closed'"] * 10 + [None] * 2
    assert all(fire.runs for fire in ignored)


def test_deferred_fires_are_one() -> None:
    """The last before the end of the blackout runs for those before it."""
    one = job(schedule({"cron": "0 7 * * *", "timezone": "UTC"}, planning=Blackouts(seed="defer")))
    found = past_fires(one, one.schedules[0], MARCH, MARCH + 12 * DAY, LATER)

    assert [fire.nominal_time.day for fire in found if fire.runs] == [10, 11, 12]
    assert all(fire.kept_out is None or fire.kept_out.startswith("merged: ") for fire in found)


def test_span_that_holds_nothing_or_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the way out."""
    one = job(schedule({"every": "1h"}))
    monkeypatch.setattr(backfill, "MOST", 24)
    assert len(past_fires(one, one.schedules[0], MARCH, MARCH + DAY, LATER)) == 24

    with pytest.raises(InvalidInput, match=r"is not after --from .*swap them"):
        past_fires(one, one.schedules[0], MARCH, MARCH, LATER)
    with pytest.raises(InvalidInput, match=r"more than 24 times .* shorter span"):
        past_fires(one, one.schedules[0], MARCH, MARCH + DAY + HOUR, LATER)


@pytest.mark.parametrize(
    ("one", "chosen", "kind", "said"),
    [
        (job(schedule({"fixed_delay": "5m"})), None, Refused, "fixed_delay.*automation run books"),
        (job(), None, InvalidInput, "no schedule to fill"),
        (daily(), "mian", InvalidInput, "no schedule 'mian'; write one of: main"),
        (replace(daily(), problem="no plugin"), None, Refused, "does not run: no plugin"),
    ],
)
def test_job_without_times_is_refused(one: Job, chosen: str | None, kind: type[Exception], said: str) -> None:
    """Each with why."""
    with pytest.raises(kind, match=said):
        schedules_of(one, chosen)


@given(st.lists(st.sampled_from(list(State)), max_size=4), st.sampled_from(backfill.SELECTIONS))
def test_selection_follows_the_records(states: list[State], wanted: str) -> None:
    """Missing: no success; failed: dead or expired besides; all: every one. Nothing of which a run is open."""
    one = daily()
    found = past_fires(one, one.schedules[0], MARCH, MARCH + DAY, LATER)
    runs = [row(state, found[0].nominal_time, 0 if state is State.SKIPPED else 1) for state in states]
    (fire,) = select(found, {"main": runs}, {}, wanted)

    expected = {
        "missing": State.SUCCEEDED not in states,
        "failed": State.SUCCEEDED not in states and bool({State.DEAD, State.EXPIRED} & set(states)),
        "all": True,
    }
    assert fire.runs is (expected[wanted] and not set(OPEN) & set(states))


def test_run_that_found_nothing_to_do_is_done() -> None:
    """It began and skipped itself; one that was skipped for a pause never began."""
    one = daily()
    found = past_fires(one, one.schedules[0], MARCH, MARCH + 2 * DAY, LATER)
    runs = [row(State.SKIPPED, found[0].nominal_time), row(State.SKIPPED, found[1].nominal_time, 0)]

    assert [fire.runs for fire in select(found, {"main": runs}, {}, "missing")] == [False, True]


def test_what_is_not_decided_is_left_to_the_scheduler() -> None:
    """It was away, and catches up by its own rules; a schedule that it does not know has no such bound."""
    one = daily()
    found = past_fires(one, one.schedules[0], MARCH, MARCH + 3 * DAY, LATER)
    selected = select(found, {}, {"main": found[1].nominal_time}, "all")

    assert [fire.settled for fire in selected] == [None, None, "the scheduler has yet to decide it"]


def test_united_schedules_have_one_run_for_an_instant() -> None:
    """Of the schedule that stands first; a success of either is one."""
    hourly, midnight = schedule({"every": "6h"}, "often"), schedule({"cron": "0 0 * * *", "timezone": "UTC"}, "nightly")
    one = job(hourly, midnight, unite=True)
    found = [fire for each in one.schedules for fire in past_fires(one, each, MARCH, MARCH + 2 * DAY, LATER)]
    selected = select(found, {"nightly": [row(State.SUCCEEDED, MARCH)]}, {}, "missing", unite=True)

    assert [fire.nominal_time for fire in selected] == [MARCH + number * 6 * HOUR for number in range(8)]
    assert {fire.schedule.id for fire in selected} == {"often"}
    assert [fire.runs for fire in selected] == [False] + [True] * 7


@pytest.mark.parametrize("newest_first", [False, True])
def test_runs_start_in_the_wanted_order(newest_first: bool) -> None:
    """One place after the other, below everything else, mute, with the moment and the window of their fire."""
    one = daily(seed="s", jitter=HOUR)
    found = past_fires(one, one.schedules[0], MARCH, MARCH + 3 * DAY, LATER)
    runs = runs_of(one, found, LATER, batch="b", max_parallel=2, mute=True, newest_first=newest_first)

    assert sorted(runs, key=lambda run: run.due_at) == runs
    assert [run.nominal_time.day for run in runs] == ([3, 2, 1] if newest_first else [1, 2, 3])
    assert all(run.nominal_time - run.window_start == DAY for run in runs)
    kept = {(run.kind, run.priority, run.overlap_key, run.max_running, run.batch, run.expires_at) for run in runs}
    assert kept == {(Kind.BACKFILL, 0, "backfill/b", 2, "b", None)}
    assert [run.spec["mute"] for run in runs] == [True] * 3
    assert {run.state for run in runs}.isdisjoint(FINAL)

"""From nominal to planned times: what jitter and calendars promise."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automation.triggers.calendar import Calendar, parse_calendar
from automation.triggers.parse import parse_trigger
from automation.triggers.planning import Planned, Planning

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
TICK = timedelta(microseconds=1)
RULES = [
    {"cron": "*/7 * * * *"},
    {"cron": "0,1,30 8-18 * * *"},
    {"every": "45s"},
    {"cron": "0 3 * * *"},
    {"every": "5h"},
]
JITTERS = st.sampled_from([0, 1, 20, 59, 600, 7200, 100_000]).map(lambda seconds: timedelta(seconds=seconds))


def calendar(name: str = "x", **spec: Any) -> Calendar:
    return parse_calendar(name, spec, Path())


CALENDARS = [
    calendar("nights", weekly=["mon-sun 22:00-06:00"], timezone="Europe/Berlin"),
    calendar("minutes", weekly=["12:00-12:01", "12:02-12:05", "03:00-03:01"]),
    calendar("office", weekly=["mon-fri 08:00-18:00"], timezone="America/New_York"),
    calendar("days", dates=["2026-11-21", "2026-11-22", "2026-11-25"]),
    calendar("weeks", ranges=["2026-11-10/2026-11-20"]),
]
SOME = st.lists(st.sampled_from(CALENDARS), max_size=2, unique_by=lambda one: one.name).map(tuple)
PLANNINGS = st.builds(
    Planning, st.sampled_from(["a/main", "b/main"]), JITTERS, st.sampled_from(["random", "stable"]), SOME, SOME,
    st.sampled_from(["skip", "defer"]),
)  # fmt: skip
MOMENTS = st.datetimes(datetime(2026, 11, 8), datetime(2026, 11, 27), timezones=st.just(UTC))


@st.composite
def places(draw: st.DrawFn) -> tuple[Planning, datetime]:
    """A planning and a moment, often little before the end of one of its blackouts."""
    planning, moment = draw(PLANNINGS), draw(MOMENTS)
    end = planning.allowed_from(moment)
    if end is not None and end > moment and draw(st.integers(0, 3)):
        moment = end - timedelta(seconds=draw(st.integers(0, 300)))
    return planning, moment


def fires(rule: dict[str, str], start: datetime, number: int) -> list[datetime]:
    found = [start]
    for _ in range(number):
        found.append(parse_trigger(rule).next_after(found[-1]))
    return found[1:]


@settings(max_examples=70)
@given(st.sampled_from(RULES), places())
def test_planned_times_follow_the_nominal_ones(rule: dict[str, str], place: tuple[Planning, datetime]) -> None:
    """Never before the nominal time, never back, before the next nominal time unless deferred, never in a blackout."""
    planning, start = place
    trigger, nominals = parse_trigger(rule), fires(rule, start, 12)
    planned = [planning.plan(trigger, nominal) for nominal in nominals]

    assert all(one.time <= other.time for one, other in pairwise(planned))
    for nominal, following, one in zip(nominals, nominals[1:], planned, strict=False):
        assert nominal <= one.time
        assert one.deferred or one.time < following
        assert (planning.blocked(one.time) or None) == one.blackout
        assert planning.on_blackout == "defer" or not one.deferred


@given(st.sampled_from(RULES), PLANNINGS, MOMENTS)
def test_plan_is_the_same_on_a_second_call(rule: dict[str, str], planning: Planning, start: datetime) -> None:
    """Whoever takes over computes what the preview showed."""
    trigger = parse_trigger(rule)
    nominal = trigger.next_after(start)

    assert planning.plan(trigger, nominal) == planning.plan(parse_trigger(rule), nominal)


@settings(max_examples=40)
@given(places())
def test_fires_that_wait_for_the_same_end_get_one_time(place: tuple[Planning, datetime]) -> None:
    """What was deferred to the end of one blackout is planned for one instant, so that it can be one run."""
    planning, start = place
    trigger = parse_trigger({"every": "45s"})
    groups: dict[datetime, set[datetime]] = {}
    for nominal in fires({"every": "45s"}, start, 12):
        one = planning.plan(trigger, nominal)
        if one.deferred:
            end = planning.allowed_from(planning_without_calendars(planning).plan(trigger, nominal).time)
            groups.setdefault(end, set()).add(one.time)

    assert all(len(times) == 1 for times in groups.values())


def test_what_waits_for_an_end_at_which_the_schedule_fires_anyway_is_one_run_with_it() -> None:
    """The night's fires are not begun a minute beside that of eight o'clock."""
    night = parse_calendar("night", {"weekly": ["mon-sun 20:00-08:00"]}, Path())
    planning = Planning("job/main", timedelta(minutes=5), not_during=(night,), on_blackout="defer")
    trigger = parse_trigger({"cron": "*/30 * * * *"})
    seven, eight = (planning.plan(trigger, datetime(2026, 3, 11, hour, tzinfo=UTC)) for hour in (7, 8))

    assert seven.time == eight.time > datetime(2026, 3, 11, 8, tzinfo=UTC)
    assert (seven.deferred, eight.deferred) == (True, False)


def planning_without_calendars(planning: Planning) -> Planning:
    return Planning(planning.seed, planning.jitter, planning.jitter_mode)


@given(MOMENTS, SOME, SOME)
def test_first_allowed_instant_is_the_first(
    moment: datetime, only: tuple[Calendar, ...], never: tuple[Calendar, ...]
) -> None:
    """Allowed itself; right before it, and where it began to look, it was not."""
    planning = Planning(only_during=only, not_during=never)
    found = planning.allowed_from(moment)
    if found is None:
        samples = [moment + timedelta(hours=hours) for hours in range(400)]
        assert all(planning.blocked(one) for one in samples)
        return

    assert planning.blocked(found) is None
    assert found == moment or (planning.blocked(moment) and planning.blocked(found - TICK))


def test_jitter_is_the_same_in_another_process() -> None:
    """It is hashed from the words of the occurrence, with nothing that a process draws for itself."""
    code = (
        "from datetime import *; from automation.triggers.planning import Planning\n"
        "from automation.triggers.parse import parse_trigger\n"
        "planning = Planning('books/main', timedelta(minutes=5))\n"
        "print(planning.plan(parse_trigger({'every': '1h'}), datetime(2026, 11, 21, 12, tzinfo=UTC)).time.isoformat())"
    )
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()

    assert (
        other
        == Planning("books/main", timedelta(minutes=5)).plan(parse_trigger({"every": "1h"}), NOON).time.isoformat()
    )


def test_stable_jitter_is_one_offset_for_a_schedule() -> None:
    """Each occurrence is moved by as much; another schedule by another amount; the random one differs each time."""
    trigger, nominals = parse_trigger({"every": "1h"}), fires({"every": "1h"}, NOON, 20)

    def offsets(planning: Planning) -> set[timedelta]:
        return {planning.plan(trigger, nominal).time - nominal for nominal in nominals}

    stable = offsets(Planning("a/main", timedelta(minutes=10), "stable"))
    assert len(stable) == 1
    assert stable != offsets(Planning("b/main", timedelta(minutes=10), "stable"))
    assert len(offsets(Planning("a/main", timedelta(minutes=10)))) == 20


def test_calendars_look_at_the_planned_time() -> None:
    """A fire before a blackout that jitter would push into it does not run in it."""
    closed = calendar("closed", weekly=["sat 12:00-12:10"])
    planning = Planning("a/main", timedelta(minutes=10), not_during=(closed,))
    nominal = NOON - timedelta(microseconds=1)

    assert planning.plan(parse_trigger({"cron": "0 3 * * *"}), nominal).blackout == "not_during closed"


def test_not_during_wins_and_the_words_name_the_calendar() -> None:
    """Inside both it does not run; outside of all that would allow it, they are named."""
    office, nights, day = (
        calendar("office", weekly=["mon-fri 08:00-18:00"]), calendar("nights", weekly=["22:00-24:00"]),
        calendar("holidays-es", dates=["2026-11-23"]),
    )  # fmt: skip
    planning = Planning(only_during=(office, nights), not_during=(day,))
    trigger = parse_trigger({"every": "1h"})

    monday = planning.plan(trigger, NOON + timedelta(days=2))
    assert (monday.blackout, monday.marks(monday.time)) == ("not_during holidays-es", ("blackout:holidays-es",))
    saturday = planning.plan(trigger, NOON)
    assert (saturday.blackout, saturday.marks(NOON)) == (
        "outside only_during office, nights",
        ("blackout:office,nights",),
    )
    assert planning.plan(trigger, NOON + timedelta(hours=10)) == Planned(NOON + timedelta(hours=10))


def test_deferred_fire_waits_for_the_end_of_the_last_of_several_blackouts() -> None:
    """Where one blackout runs into the next, the end is that of all of them."""
    day, morning = calendar("day", dates=["2026-11-21"]), calendar("morning", weekly=["sun 00:00-08:00"])
    planning = Planning(not_during=(day, morning), on_blackout="defer")
    planned = planning.plan(parse_trigger({"cron": "0 3 * * *"}), NOON)

    assert planned == Planned(datetime(2026, 11, 22, 8, tzinfo=UTC), deferred=True, calendar="day")
    assert planned.marks(NOON) == ("deferred",)


def test_what_waits_is_spread_after_the_blackout() -> None:
    """Fifty jobs that waited for one end do not start at once, and none starts in the next blackout."""
    day, later = calendar("day", dates=["2026-11-21"]), calendar("later", weekly=["sun 00:30-01:00"])
    midnight = datetime(2026, 11, 22, tzinfo=UTC)
    plans = [
        Planning(f"{number}/main", timedelta(hours=1), not_during=(day, later), on_blackout="defer")
        for number in range(50)
    ]
    times = {one.plan(parse_trigger({"cron": "0 3 * * *"}), NOON).time for one in plans}

    assert len(times) > 15
    assert all(midnight <= time < midnight + timedelta(minutes=30) for time in times)


def test_what_may_never_run_is_said_and_not_waited_for() -> None:
    """Without an allowed moment in 400 days a fire is not deferred."""
    past = calendar("past", ranges=["2020-01-01/2020-12-31"])
    planning = Planning(only_during=(past,), on_blackout="defer")

    assert planning.plan(parse_trigger({"every": "1h"}), NOON).blackout == "outside only_during past"
    assert planning.allowed_from(NOON) is None


@pytest.mark.parametrize("rule", [{"every": "45s"}, {"cron": "0,1,30 * * * *"}, {"cron": "58 * * * *"}])
@pytest.mark.parametrize("mode", ["random", "stable"])
def test_what_waited_starts_before_what_comes_next(rule: dict[str, str], mode: str) -> None:
    """However long the jitter is, a fire after the blackout does not overtake those that waited for its end."""
    day, trigger = calendar("day", dates=["2026-11-21"]), parse_trigger(rule)
    nominals = fires(rule, datetime(2026, 11, 21, 23, 52, tzinfo=UTC) - timedelta(hours="58" in str(rule)), 20)
    for number in range(20):
        planning = Planning(f"{number}/main", timedelta(hours=1), mode, not_during=(day,), on_blackout="defer")
        times = [planning.plan(trigger, nominal).time for nominal in nominals]
        assert times == sorted(times)

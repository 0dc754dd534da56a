"""How large a batch is, and when there is no further one."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automation.cleanup.pace import Pacer, in_window, rest_after
from automation.cleanup.rule import Pace
from automation.clock import FrozenClock

NOON = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)


def pacer(most: int = 20_000, *, asked: bool = False, clock: FrozenClock | None = None, **pace: str) -> Pacer:
    return Pacer(Pace(**pace), "postgresql", most, clock or FrozenClock(NOON), lambda: asked)


@pytest.mark.parametrize(("rows_a_second", "size"), [(100_000, 5_000), (1_000_000, 20_000), (1_000, 1_000)])
def test_size_fits_the_latency(rows_a_second: int, size: int) -> None:
    """Within the most rows of a batch and the fewest that make a difference."""
    one = pacer(target_latency="50ms")
    for _ in range(20):
        one.took(one.size / rows_a_second, one.size)
    assert one.size == size


def test_one_slow_batch_changes_nothing() -> None:
    """A machine that was busy for a moment is no reason to go slowly from then on."""
    one = pacer(target_latency="50ms")
    for seconds_a_row in [0.00001] * 9 + [0.01]:
        one.took(one.size * seconds_a_row, one.size)
    assert one.size == 5_000


@settings(max_examples=50)
@given(st.lists(st.tuples(st.floats(0, 100), st.integers(0, 20_000)), max_size=30), st.integers(1, 50_000))
def test_size_stays_in_its_limits(batches: list[tuple[float, int]], most: int) -> None:
    """Whatever batches take, and after lock conflicts."""
    one = pacer(most)
    for seconds, rows in batches:
        one.took(seconds, rows)
        assert 1 <= one.size <= most
    one.shrink()
    assert 1 <= one.size <= most


@pytest.mark.parametrize("held", [0.0005, 0.003, 0.006, 0.0079, 0.012, 0.03])
def test_whoever_waited_for_sqlites_lock_gets_a_turn(held: float) -> None:
    """A writer that came at any moment of a batch tries again, as SQLite does, before the next batch begins."""
    rest = rest_after(held)
    for arrived in [held * share / 20 for share in range(20)]:
        tries, now = [], arrived
        for pause in (0.001, 0.002, 0.005, 0.010, 0.015, 0.020, 0.025, 0.025):
            now += pause
            tries.append(now)
        assert any(held <= at < held + rest for at in tries)


def test_rest_is_short_while_nobody_else_writes() -> None:
    """And as long as it has to be again as soon as somebody does; on a server, which lets writers queue up, there is none."""

    def rested(one: Pacer, version: int) -> float:
        one.took(0.005, 5_000, held=0.006)
        one.saw(version)
        before = clock.monotonic()
        one.rest()
        return clock.monotonic() - before

    clock = FrozenClock(NOON)
    one = Pacer(Pace(), "sqlite", 20_000, clock, lambda: False)
    first = rested(one, 1)
    clock.advance(minutes=1)
    alone = rested(one, 1)
    shared = rested(one, 2)

    assert (first, shared) == pytest.approx((rest_after(0.006),) * 2)
    assert 0 < alone < shared / 2
    assert rested(pacer(clock=clock), 0) == 0


def test_it_says_why_it_stops() -> None:
    """Asked, out of time, out of the window; otherwise it goes on."""
    clock = FrozenClock(NOON)
    one = pacer(clock=clock, budget="45m", window="13:00-15:00", zone="Europe/Madrid")
    assert one.stop_reason() is None
    clock.advance(minutes=45)
    assert one.stop_reason() == "its budget of 45m is used up"
    assert pacer(window="03:00-05:00").stop_reason() == "its window 03:00-05:00 (UTC) is closed"
    assert pacer(asked=True).stop_reason() == "it was asked to stop"


@pytest.mark.parametrize(
    ("window", "inside"),
    [
        ("14:00-15:00", True),
        ("13:00-14:00", False),
        ("22:00-14:01", True),
        ("22:00-14:00", False),
        ("14:01-22:00", False),
    ],
)
def test_window_is_of_the_zones_clocks_and_may_span_midnight(window: str, inside: bool) -> None:
    """Noon in UTC is 14 o'clock in Madrid in summer; the end is outside."""
    assert in_window(window, NOON, "Europe/Madrid") is inside

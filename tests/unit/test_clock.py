"""The clock, and its twin that stands still."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from automation.clock import ClockLeapt, FrozenClock, StepWatch, SystemClock

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_system_clock_tells_utc_and_grows() -> None:
    """Aware instants, and seconds that never go back; a span below zero does not wait."""
    clock = SystemClock()
    before = clock.monotonic()
    clock.sleep(-1)

    assert clock.now().tzinfo is UTC
    assert clock.monotonic() >= before


def test_frozen_clock_stands_still_until_told() -> None:
    """Sleeping and advancing move both of its times by the same span."""
    clock = FrozenClock(NOON)
    assert (clock.now(), clock.now()) == (NOON, NOON)
    clock.sleep(90)
    clock.advance(minutes=1)

    assert clock.now() - NOON == timedelta(seconds=150)
    assert clock.monotonic() == 150


def test_wall_clock_may_go_back_and_monotonic_time_does_not() -> None:
    """As on a machine whose time is set."""
    clock = FrozenClock(NOON)
    clock.sleep(-5)
    clock.advance(hours=-1)

    assert clock.now() == NOON - timedelta(hours=1)
    assert clock.monotonic() == 0


def test_frozen_clock_speaks_utc_only() -> None:
    """A moment of another zone is the same moment in UTC; one without a zone is refused."""
    clock = FrozenClock(NOON.astimezone(timezone(timedelta(hours=5))))

    assert clock.now().tzinfo is UTC
    assert clock.now() == NOON
    with pytest.raises(ValueError, match="aware datetime"):
        FrozenClock(datetime(2026, 3, 1))


def test_a_clock_that_was_set_is_not_trusted_for_a_while():
    """After a step of the wall clock nobody judges a lease until all holders had time to renew."""

    class Set(FrozenClock):
        def step(self, **span: float) -> None:
            self._now += timedelta(**span)

    clock = Set(datetime(2026, 1, 1, tzinfo=UTC))
    watch = StepWatch(clock, timedelta(seconds=20))
    clock.advance(hours=1)
    assert watch.steady()
    clock.step(hours=1)
    assert not watch.steady()
    clock.advance(seconds=19)
    assert not watch.steady()
    clock.advance(seconds=2)
    assert watch.steady()
    clock.step(minutes=-5)
    assert not watch.steady()


def test_a_clock_that_leapt_ahead_is_believed_after_a_while():
    """By more than an hour; set back meanwhile, it is believed at once."""

    class Set(FrozenClock):
        def step(self, **span: float) -> None:
            self._now += timedelta(**span)

    clock = Set(datetime(2026, 1, 1, tzinfo=UTC))
    watch = StepWatch(clock, timedelta(seconds=20))
    clock.step(minutes=59)
    assert watch.believed() == clock.now()
    clock.step(days=4000)
    with pytest.raises(ClockLeapt):
        watch.believed()
    clock.step(days=-4000)
    assert watch.believed() == clock.now()
    clock.step(days=4000)
    with pytest.raises(ClockLeapt, match="2036"):
        watch.believed()
    clock.advance(seconds=21)
    assert watch.believed() == clock.now()

"""Back-off, hopeless ends and the timetable of a stop are plain arithmetic."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.supervise.process import Order, ending
from automation.supervise.restart import Pace, is_hopeless, timetable, worker_grace


def test_each_end_in_a_row_waits_longer_up_to_a_limit():
    """A process that keeps ending is started less and less often, but always again."""
    pace = Pace(first=0.5, longest=30)

    assert [pace.delay(number) for number in (1, 2, 3, 7, 1000)] == [0.5, 1, 2, 30, 30]


@pytest.mark.parametrize(("code", "hopeless"), [(2, True), (3, True), (0, False), (1, False), (4, False), (-9, False)])
def test_only_what_a_person_must_correct_ends_everything(code, hopeless):
    """Wrong input and refusals stop all; a service that is away may come back."""
    assert is_hopeless(code, ever_ran=False) is hopeless


def test_a_process_that_once_ran_is_always_started_again():
    """A typo made while everything runs must not take everything down."""
    assert not is_hopeless(2, ever_ran=True)


@given(st.floats(0, 3600))
def test_nothing_may_outlast_the_grace_and_the_broker_goes_last(grace):
    """Each order's time ends within the grace, in the order web, scheduler, worker, others, broker."""
    times = timetable(grace)
    order = [times[each] for each in (Order.WEB, Order.SCHEDULER, Order.WORKER, Order.OTHER, Order.BROKER)]

    assert order == sorted(order)
    assert order[-1] <= grace
    assert 0 <= worker_grace(grace) <= max(0.0, times[Order.WORKER] - times[Order.SCHEDULER])


@pytest.mark.parametrize(
    ("name", "order"),
    [("web", Order.WEB), ("worker-mail", Order.WORKER), ("flower", Order.OTHER), ("release", Order.RELEASE)],
)
def test_a_process_takes_its_place_by_its_name(name, order):
    """Known names, with or without a suffix, have their place; others start before the workers."""
    assert Order.of(name) is order


@pytest.mark.parametrize(
    ("code", "words"),
    [(0, "ended"), (3, "ended with exit code 3"), (-9, "was killed by SIGKILL"), (-250, "was killed by signal 250")],
)
def test_each_kind_of_end_has_its_words(code, words):
    """A signal is named, an exit code is shown."""
    assert ending(code) == words

"""Who may ask a host, as a pure function of what is kept of it."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automation.limits.hosts import Host, Wish, hold, leave, take

NOON = 1_800_000_000.0 + 43_200
ONE = Wish("shop.example", "run-1", "1/1", gap=1.0)


def test_the_gap_counts_from_the_end_of_a_request():
    """A server that takes three seconds is left alone for another one."""
    host, turn = take(Host(), ONE, NOON)
    assert turn.granted
    host = leave(host, ONE, NOON + 3)

    assert take(host, replace(ONE, place="1/2"), NOON + 3.5)[1].wait == pytest.approx(0.5)
    assert take(host, replace(ONE, place="1/2"), NOON + 4)[1].granted


def test_the_wider_of_two_gaps_holds_between_two_runs():
    """Whoever leaves a host alone for long is not followed at once by one who does not."""
    host = leave(take(Host(), replace(ONE, gap=5.0), NOON)[0], replace(ONE, gap=5.0), NOON)
    other = Wish("shop.example", "run-2", "1/1", gap=0.5)

    assert take(host, other, NOON + 1)[1].why == "gap"
    assert take(host, other, NOON + 5)[1].granted


def test_a_place_is_for_one_request_and_comes_back_with_its_lease():
    """A run that died holds its place no longer than its longest request could last."""
    host, _ = take(Host(), ONE, NOON)
    other = Wish("shop.example", "run-2", "1/1")

    assert take(host, other, NOON + 60)[1].why == "places"
    assert take(host, replace(other, most=2), NOON + 60)[1].granted
    assert take(host, other, NOON + 71)[1].granted


def test_a_new_attempt_does_not_wait_for_the_places_of_the_one_before():
    """The attempt that died will never give them back."""
    host, _ = take(Host(), ONE, NOON)

    assert take(host, replace(ONE, place="1/2"), NOON + 2)[1].why == "places"
    assert take(host, replace(ONE, place="2/1"), NOON + 2)[1].granted


def test_a_hold_is_for_everybody_and_only_grows():
    """A shorter hold does not end a longer one."""
    host = hold(hold(Host(), 60, NOON), 5, NOON)

    assert take(host, ONE, NOON + 59)[1].why == "hold"
    assert take(host, ONE, NOON + 60)[1].granted


def test_a_clock_that_is_set_back_closes_no_host():
    """The gap is waited for once, and not the hour that the clock was wrong by."""
    host = leave(take(Host(), ONE, NOON + 3600)[0], ONE, NOON + 3600)

    assert take(host, replace(ONE, place="1/2"), NOON)[1].wait == pytest.approx(1.0)


def test_a_host_comes_back_from_its_store_as_it_was():
    """What is kept is text."""
    host = hold(take(Host(), ONE, NOON)[0], 7, NOON)

    assert Host.from_json(host.to_json()) == host
    assert Host.from_json("") == Host.from_json(None) == Host()


_STEPS = st.lists(
    st.tuples(st.sampled_from(["a", "b", "c"]), st.floats(0, 3), st.floats(0, 2)), min_size=1, max_size=30
)


@settings(max_examples=50)
@given(_STEPS, st.integers(1, 3), st.sampled_from([0.5, 1.0]))
def test_no_order_of_wishes_breaks_the_rules(steps, most, gap):
    """Whoever asks whenever: never more at once than allowed, never two starts closer than the gap."""
    host, now, open_until, starts = Host(), NOON, {}, []
    for number, (run, later, takes) in enumerate(steps):
        now += later
        for name, (wish, until) in list(open_until.items()):
            if until <= now:
                host = leave(host, wish, until)
                del open_until[name]
        wish = Wish("h", run, f"1/{number}", gap=gap, most=most)
        host, turn = take(host, wish, now)
        if turn.granted:
            starts.append(now)
            open_until[number] = (wish, now + takes)
        assert len(open_until) <= most

    assert all(later - sooner >= gap - 1e-5 for sooner, later in pairwise(starts))

"""What follows a failed attempt."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.errors import FailureClass
from automation.retry import BACKOFFS, DISCARDED, HOPELESS, JITTERS, ON_EXHAUSTED, Failure, RetryPolicy

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SPAN = st.timedeltas(timedelta(milliseconds=1), timedelta(days=30))
LONGEST = timedelta(days=36525)
LONG = st.timedeltas(timedelta(), LONGEST)
PATTERNS = st.lists(st.sampled_from([*FailureClass, "http:404", "http:5xx", "shop.Closed"]), max_size=3).map(tuple)
POLICY = st.builds(
    RetryPolicy,
    max_attempts=st.integers(1, 1000),
    backoff=st.sampled_from(BACKOFFS) | st.lists(LONG, min_size=1, max_size=4).map(tuple),
    first=SPAN,
    factor=st.floats(1, 100) | st.integers(1, 100),
    max_delay=LONG,
    jitter=st.sampled_from(JITTERS),
    retry_on=PATTERNS,
    give_up_on=PATTERNS,
    max_lost=st.integers(1, 1000),
    respect_retry_after=st.booleans(),
    retry_after_max=LONG,
    total_deadline=st.none() | SPAN,
    max_snoozes=st.integers(0, 1000),
    retry_until_next=st.booleans(),
    on_exhausted=st.sampled_from(ON_EXHAUSTED),
)


def failed(kind: FailureClass = FailureClass.UNKNOWN, **values: Any) -> Failure:
    return Failure(kind, "no", **values)


def expected_wait(policy: RetryPolicy, spent: int) -> Fraction:
    """The wait before jitter in seconds, by exact arithmetic."""
    first = Fraction(policy.first // timedelta(microseconds=1), 10**6)
    if isinstance(policy.backoff, tuple):
        wanted = Fraction(policy.backoff[min(spent, len(policy.backoff)) - 1] // timedelta(microseconds=1), 10**6)
    else:
        times = {"constant": 1, "linear": spent, "exponential": Fraction(policy.factor) ** (spent - 1)}
        wanted = first * times[policy.backoff]
    return min(wanted, Fraction(policy.max_delay // timedelta(microseconds=1), 10**6))


@given(POLICY, st.integers(1, 1000), st.integers())
def test_wait_follows_its_formula_within_its_jitter(policy: RetryPolicy, spent: int, seed: int) -> None:
    """Never longer than the formula says, never shorter than the jitter allows, however many attempts."""
    wait = policy.wait(spent, Random(seed)).total_seconds()
    whole = float(expected_wait(policy, spent))
    least = {"full": 0.0, "equal": 0.5, "none": 1.0}[policy.jitter]

    rounding = whole * 1e-9 + 2e-6

    assert whole * least - rounding <= wait <= whole + rounding


def test_backoff_in_plain_numbers() -> None:
    """2, 4, 8 … up to the limit; 2, 4, 6 …; always 2; or the list, whose last repeats."""

    def waits(**values: Any) -> list[float]:
        policy = RetryPolicy(first=timedelta(seconds=2), max_delay=timedelta(seconds=10), jitter="none", **values)
        return [policy.wait(spent, Random(0)).total_seconds() for spent in range(1, 5)]

    assert waits() == [2, 4, 8, 10]
    assert waits(backoff="linear") == [2, 4, 6, 8]
    assert waits(backoff="constant") == [2, 2, 2, 2]
    assert waits(backoff=(timedelta(seconds=1), timedelta(seconds=5))) == [1, 5, 5, 5]


@pytest.mark.parametrize("backoff", BACKOFFS)
@pytest.mark.parametrize("spent", [10**3, 10**6, 10**15])
def test_no_number_of_attempts_overflows(backoff: str, spent: int) -> None:
    """The wait stays at its limit."""
    policy = RetryPolicy(
        backoff=backoff, factor=100.0, jitter="none", first=timedelta(days=1), max_delay=timedelta(days=2)
    )

    assert policy.wait(spent, Random(0)) == timedelta(days=1 if backoff == "constant" else 2)


def test_same_seed_gives_the_same_wait() -> None:
    """Whoever computes a verdict again comes to the same moment."""
    policy = RetryPolicy()

    assert policy.wait(2, Random("r1/2")) == policy.wait(2, Random("r1/2"))


@given(POLICY, st.integers(1, 1000))
def test_attempts_end_with_the_policy(policy: RetryPolicy, spent: int) -> None:
    """A plain failure is tried again while attempts are left, and not once they are spent."""
    plain = RetryPolicy.from_mapping({**policy.to_json(), "give_up_on": []})
    decision = plain.after_failure(failed(), spent=spent, now=NOW, random=Random(0))

    assert (decision.retry_at is None) == (spent >= policy.max_attempts)
    assert decision.retry_at is None or decision.retry_at >= NOW


@pytest.mark.parametrize("hopeless", HOPELESS)
def test_hopeless_failures_are_not_tried_again(hopeless: str) -> None:
    """Unless `retry_on` names them."""
    failure = failed(FailureClass.UNKNOWN, code=hopeless) if ":" in hopeless else failed(FailureClass(hopeless))
    given_up = RetryPolicy().after_failure(failure, spent=1, now=NOW, random=Random(0))
    wanted = RetryPolicy(retry_on=(hopeless,)).after_failure(failure, spent=1, now=NOW, random=Random(0))

    assert given_up.retry_at is None
    assert "no retry helps" in given_up.reason
    assert wanted.retry_at is not None


def test_give_up_on_wins_over_retry_on() -> None:
    """Named in both, a failure is the last."""
    policy = RetryPolicy(retry_on=("http:503",), give_up_on=("http:5xx",))
    decision = policy.after_failure(failed(code="http:503"), spent=1, now=NOW, random=Random(0))

    assert decision == type(decision)(None, "given up on http:5xx: no")


@pytest.mark.parametrize(
    ("pattern", "code", "matches"),
    [
        ("http:5xx", "http:503", True),
        ("http:5xx", "http:404", False),
        ("http:5xx", "http:5", False),
        ("http:5xx", "http:5030", False),
        ("http:404", "http:404", True),
        ("transport", "", True),
        ("blocked", "", False),
        ("shop.Closed", "shop.Closed", True),
        ("xx", "", False),
    ],
)
def test_pattern_names_class_code_or_range(pattern: str, code: str, matches: bool) -> None:
    """`http:5xx` is a hundred codes and nothing longer or shorter."""
    assert failed(FailureClass.TRANSPORT, code=code).matches(pattern) is matches


def test_other_side_may_ask_for_a_longer_wait() -> None:
    """`Retry-After` is the least; a shorter one changes nothing."""
    policy = RetryPolicy(backoff="constant", first=timedelta(seconds=10), jitter="none")

    def again(asked: int) -> Any:
        failure = failed(retry_after=timedelta(seconds=asked))
        return policy.after_failure(failure, spent=1, now=NOW, random=Random(0)).retry_at

    assert (again(60), again(1)) == (NOW + timedelta(seconds=60), NOW + timedelta(seconds=10))


def test_wish_of_the_other_side_may_be_left_unheard() -> None:
    """With `respect_retry_after = false` the policy's own wait counts, however long the other one is."""
    policy = RetryPolicy(backoff="constant", first=timedelta(seconds=10), jitter="none", respect_retry_after=False)
    decision = policy.after_failure(failed(retry_after=timedelta(days=9)), spent=1, now=NOW, random=Random(0))

    assert decision.retry_at == NOW + timedelta(seconds=10)


def test_who_asks_for_too_long_a_wait_is_not_asked_again() -> None:
    """To the limit it is waited, beyond it the failure is final: throttled."""
    policy = RetryPolicy(retry_after_max=timedelta(hours=1))

    def after(**wait: float) -> Any:
        return policy.after_failure(failed(retry_after=timedelta(**wait)), spent=1, now=NOW, random=Random(0))

    assert after(hours=1).retry_at == NOW + timedelta(hours=1)
    assert (after(hours=1, seconds=1).retry_at, after(hours=1, seconds=1).failure_class) == (None, "throttled")
    assert after(hours=2).reason == "throttled: the other side asks to wait 2h, and retry_after_max is 1h: no"


@given(POLICY, st.integers(1, 3), SPAN, st.integers(0, 3))
def test_nothing_is_planned_for_after_the_deadline(policy: RetryPolicy, spent: int, age: timedelta, lost: int) -> None:
    """After a failure, a snooze and a loss alike; whatever lies before it is planned as without one."""
    since = NOW - age
    free = replace(policy, total_deadline=None)

    def decisions(one: RetryPolicy) -> list[Any]:
        return [
            one.after_failure(failed(), spent=spent, now=NOW, random=Random(0), since=since),
            one.after_snooze(age, "later", snoozed=0, now=NOW, since=since),
            one.after_loss("killed", lost=lost, now=NOW, since=since),
        ]

    for bound, unbound in zip(decisions(policy), decisions(free), strict=True):
        end = since + (policy.total_deadline or LONGEST)
        assert bound.retry_at == (unbound.retry_at if unbound.retry_at and unbound.retry_at < end else None)


def test_a_run_may_put_itself_off_so_often_and_no_more() -> None:
    """`max_snoozes = 0` is never."""
    policy = RetryPolicy(max_snoozes=1)
    first, second = (policy.after_snooze(timedelta(hours=1), "no file", snoozed=snoozed, now=NOW) for snoozed in (0, 1))

    assert (first.retry_at, first.reason) == (NOW + timedelta(hours=1), "snoozed for 1h: no file")
    assert (second.retry_at, second.reason) == (None, "snoozed 1 time, and max_snoozes is 1: no file")


def test_no_wish_reaches_beyond_the_calendar() -> None:
    """A plugin that sleeps for ever, or nearly, does not break what records it."""
    policy = RetryPolicy()
    wish = failed(at_least=timedelta.max)

    assert policy.after_failure(wish, spent=1, now=NOW, random=Random(0)).retry_at == NOW + LONGEST
    assert policy.after_snooze(timedelta.max, "", snoozed=0, now=NOW).retry_at == NOW + LONGEST


@given(POLICY)
def test_what_is_discarded_says_so_at_its_end_and_only_there(policy: RetryPolicy) -> None:
    """The reason's first word is what keeps it from the dead letters."""
    last = policy.after_failure(failed(final=True), spent=1, now=NOW, random=Random(0))
    again = policy.after_loss("killed", lost=0, now=NOW)

    assert last.reason.startswith(DISCARDED) == (policy.on_exhausted == "discard")
    assert not again.reason.startswith(DISCARDED)


def test_final_failure_ends_at_once() -> None:
    """Whatever the policy would allow."""
    decision = RetryPolicy(retry_on=("unknown",)).after_failure(failed(final=True), spent=1, now=NOW, random=Random(0))

    assert decision == type(decision)(None, "given up: no")


@given(POLICY)
def test_policy_goes_round_through_json(policy: RetryPolicy) -> None:
    """What the ledger keeps is what was declared, to the microsecond."""
    assert RetryPolicy.from_mapping(json.loads(json.dumps(policy.to_json()))) == policy

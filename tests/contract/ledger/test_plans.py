"""Plans that wait for somebody, on every database."""

from __future__ import annotations


def test_a_plan_keeps_its_approval_when_it_is_made_again(desk) -> None:
    """The hash says what it means; the counts may change, and another hash is another plan."""
    plans = desk.ledger.plans
    plans.propose("tidy", "abc", {"matched": 1}, "r1")
    assert (plans.approved("tidy", "abc"), plans.approve("tidy", "zzz", "ann")) == (False, False)

    assert plans.approve("tidy", "abc", "ann")
    plans.propose("tidy", "abc", {"matched": 2}, "r2")
    plans.propose("tidy", "ABC", {"matched": 3}, "r3")

    assert (plans.approved("tidy", "abc"), plans.approved("tidy", "ABC"), plans.approved("other", "abc")) == (
        True,
        False,
        False,
    )
    found = {one.digest: one for one in plans.newest("tidy")}
    assert (found["abc"].plan, found["abc"].run_id, found["abc"].approved_by) == ({"matched": 2}, "r2", "ann")
    assert (plans.withdraw("tidy"), plans.approved("tidy", "abc")) == (1, False)


def test_the_newest_plans_of_a_job_stay(desk) -> None:
    """Twenty that nobody approved, and all that somebody did."""
    plans = desk.ledger.plans
    for number in range(25):
        plans.propose("tidy", f"d{number}", {}, "r")
        desk.clock.advance(seconds=1)
        if not number:
            plans.approve("tidy", "d0", "ann")

    assert [one.digest for one in plans.newest("tidy")] == [*(f"d{number}" for number in range(24, 4, -1)), "d0"]

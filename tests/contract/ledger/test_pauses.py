"""What is paused, on every database."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial


def test_a_pause_holds_until_somebody_ends_it(desk):
    """With its reason and both names; afterwards it is known and not in force."""
    pauses = desk.ledger.pauses
    made = pauses.pause("job", "books", "the shop is rebuilt", "ana")
    desk.clock.advance(hours=1)
    assert pauses.current() == [made]

    [ended] = pauses.end("job", "books", "bo")
    assert (ended.id, ended.reason, ended.ended_by, ended.ended_at) == (
        made.id,
        "the shop is rebuilt",
        "bo",
        desk.clock.now(),
    )
    assert pauses.current() == []
    assert pauses.end("job", "books", "bo") == []


def test_a_pause_with_an_end_ends_by_itself(desk):
    """At that instant, without anybody."""
    desk.ledger.pauses.pause("all", "", "move", "ana", desk.clock.now() + timedelta(hours=2))
    desk.clock.advance(hours=2)
    assert desk.ledger.pauses.current() == []
    assert desk.ledger.pauses.end("all", "", "bo") == []


def test_pausing_again_says_why_anew(desk):
    """The pause goes on since it began, with the newest reason and end."""
    first = desk.ledger.pauses.pause("tag", "shop", "rebuilt", "ana", desk.clock.now() + timedelta(hours=2))
    desk.clock.advance(hours=1)
    again = desk.ledger.pauses.pause("tag", "shop", "still rebuilt", "bo")

    assert (again.id, again.since, again.reason, again.author, again.until) == (
        first.id,
        first.since,
        "still rebuilt",
        "bo",
        None,
    )
    assert desk.ledger.pauses.current() == [again]


def test_targets_are_apart(desk):
    """A job and its schedule, `Books` and `books`, are paused and resumed each for itself."""
    for level, target in (("job", "books"), ("job", "Books"), ("schedule", "books/main"), ("tag", "books")):
        desk.ledger.pauses.pause(level, target, "so", "ana")
    assert [row.target for row in desk.ledger.pauses.end("job", "books", "ana")] == ["books"]
    assert {(row.level, row.target) for row in desk.ledger.pauses.current()} == {
        ("job", "Books"),
        ("schedule", "books/main"),
        ("tag", "books"),
    }


def test_pauses_that_ended_are_found_by_what_they_covered(desk):
    """What fell due while a pause lasted is decided after it, and must find it."""
    pauses, start = desk.ledger.pauses, desk.clock.now()
    pauses.pause("job", "ended", "a", "ana")
    pauses.pause("job", "ran out", "b", "ana", start + timedelta(minutes=30))
    desk.clock.advance(hours=1)
    pauses.end("job", "ended", "ana")
    pauses.pause("job", "open", "c", "ana")

    def targets(minutes: int) -> list[str]:
        return [row.target for row in pauses.since(start + timedelta(minutes=minutes))]

    assert targets(-10) == ["ended", "ran out", "open"]
    assert targets(30) == ["ended", "open"]
    assert targets(60) == ["open"]


def test_of_many_who_pause_at_once_one_pause_is_left(desk):
    """The others only say why anew, and none of them is told of a deadlock."""
    with ThreadPoolExecutor(6) as pool:
        for job in ("books", "news", "prices"):
            made = pool.map(partial(desk.ledger.pauses.pause, "job", job, author="ana"), "012345")
            assert len({pause.id for pause in made}) == 1
    assert len(desk.ledger.pauses.current()) == 3

"""A worker dies, freezes, or cannot be heard: each run is done, its effect happens once, and no late verdict counts.

Each fault is done twice: to the product as it is, and with the protection taken out that makes it harmless.
"""

from __future__ import annotations

import pytest

from tests.faults.scene import eventually, kinds

pytestmark = pytest.mark.slow
#: After how long a message that nobody took is repeated here, in seconds.
REPEAT = 3.0


def runs_and_a_kill(scene, number: int, without: tuple[str, ...] = ()):
    """So many runs at work in one worker, a second worker, and the first one's main process killed."""
    stage = scene()
    first = stage.begin("worker-1", "-c", str(number), without=without)
    runs = [stage.ask_for(until="go") for _ in range(number)]
    for run in runs:
        stage.began(run)
    stage.begin("worker-2", "-c", "2", without=without)
    return stage, runs, first, stage.kill(first)


def test_f06_a_worker_killed_with_eight_runs_at_work(scene, measured):
    """F06: its main process is gone, its runs are done by another, and nobody waits for their leases."""
    stage, runs, _, at = runs_and_a_kill(scene, 8)
    stage.ended(*runs)
    measured("F06", *((stage.attempts(run)[1].started_at - at).total_seconds() for run in runs))

    assert [stage.outcomes(run) for run in runs] == [["lost", "succeeded"]] * 8
    assert stage.verdict() == []


def test_f06_a_worker_killed_as_on_another_machine(scene, measured):
    """F06 where nobody can look whether it lives: the leases run out. That it never said goodbye is what is left."""
    stage, runs, first, at = runs_and_a_kill(scene, 2, ("neighbours",))
    stage.ended(*runs)
    measured("F06, by the lease", *((stage.attempts(run)[1].started_at - at).total_seconds() for run in runs))

    assert [stage.outcomes(run) for run in runs] == [["lost", "succeeded"]] * 2
    [left] = stage.verdict()
    assert f"-{first.pid}-" in left.what
    assert "never left" in left.what


def test_f07_a_child_killed_at_work(scene, measured):
    """F07: the main process sees it, and the run is at work again long before its lease would have run out."""
    stage = scene()
    stage.begin("worker-1", "-c", "2")
    for _ in range(3):
        run = stage.ask_for(what="kill once")
        stage.ended(run)
        died, again = stage.lines(run, "began")
        measured("F07", (again.at - died.at).total_seconds())
        assert stage.outcomes(run) == ["lost", "succeeded"]

    assert stage.verdict() == []


def test_f06_and_f07_bite_where_nobody_looks_for_the_lost(scene):
    """F06 and F07 without rescue: the runs stay at work in the ledger, in processes that are gone, past their lease."""
    stage = scene()
    first = stage.begin("worker-1", "-c", "2", without=["rescue"])
    of_child, of_main = stage.ask_for(what="kill once"), stage.ask_for(until="go")
    stage.began(of_child)
    stage.began(of_main)
    stage.begin("worker-2", "-c", "1", without=["rescue"])
    stage.kill(first)
    eventually(lambda: len(stage.left_behind()) == 2, stage.tails)
    stage.ended(stage.ask_for())

    assert [stage.outcomes(run) for run in (of_child, of_main)] == [[None], [None]]
    assert stage.broken() == {"lost"}


@pytest.mark.parametrize("point", ["popped", "handed"])
def test_f08_a_process_that_dies_with_a_message_in_its_hands(scene, measured, point):
    """F08: nobody has claimed the run, and its message is gone; it is rung again when that can have lived no longer."""
    stage, run, at = dies_with_a_message(scene, point)
    stage.ended(run)
    measured("F08", (stage.run(run).started_at - at).total_seconds())

    assert stage.outcomes(run) == ["succeeded"]
    assert stage.verdict() == []


def dies_with_a_message(scene, point: str, without: tuple[str, ...] = ()):
    """A worker whose main process, or whose child, strikes itself; a main process is followed by another worker."""
    stage = scene()
    rig = {"without": without, "repeat": REPEAT}
    worker = stage.begin("worker-1", "-c", "1", at=point, mark=str(stage.sign), **rig)
    run = stage.ask_for()
    at = stage.struck(stage.sign, worker if point == "popped" else None)
    if point == "popped":
        stage.begin("worker-2", "-c", "1", **rig)
    return stage, run, at


def test_f08_bites_where_nobody_rings_again(scene):
    """F08 without the second ring: the run waits for a message that was lost, while others are done."""
    stage, run, at = dies_with_a_message(scene, "handed", ("ringing",))
    eventually(lambda: (stage.now() - at).total_seconds() > 2 * REPEAT, stage.tails)
    stage.ended(stage.ask_for())

    assert stage.run(run).state == "queued"
    assert stage.broken() == {"lost"}


@pytest.mark.parametrize("point", ["done", "committing"])
def test_f09_a_process_that_dies_between_effect_and_verdict(scene, measured, point):
    """F09: the effect has happened, or all is written and nothing committed; mail, count and effect are there once."""
    stage, run, at = dies_at_its_verdict(scene, point)
    measured("F09", (stage.attempts(run)[1].started_at - at).total_seconds())

    assert stage.outcomes(run) == ["lost", "succeeded"]
    assert len(stage.lines(run, "effect")) == 1
    assert stage.verdict() == []


def dies_at_its_verdict(scene, point: str, without: tuple[str, ...] = ()):
    """A run that counts and sends a mail, in a process that strikes itself when it gives its verdict."""
    stage = scene()
    stage.begin("worker-1", "-c", "1", at=point, mark=str(stage.sign), without=without)
    run = stage.ask_for("count")
    at = stage.struck(stage.sign)
    stage.ended(run)
    return stage, run, at


def test_f09_bites_where_effects_are_not_remembered_and_state_is_apart(scene):
    """F09 where `ctx.once` forgets and the state is no part of the verdict: one effect too many, and one count."""
    stage, _, _ = dies_at_its_verdict(scene, "done", ("once",))
    assert kinds(stage.verdict()) == {"double"}
    stage, _, _ = dies_at_its_verdict(scene, "committing", ("transaction",))
    assert [str(one) for one in stage.verdict()] == ["double: count counted 2 for 1 runs that succeeded"]


def delivered_again_after_its_end(scene, without: tuple[str, ...] = ()):
    """A process that dies right after its verdict, and its message, which nobody acknowledged, once more."""
    stage, run, _ = dies_at_its_verdict(scene, "committed", without)
    stage.deliver_again(run)
    stage.ended(stage.ask_for())
    return stage, run


def test_f10_a_process_that_dies_after_its_verdict(scene):
    """F10: nothing runs again, neither by itself nor for a message that is delivered once more."""
    stage, run = delivered_again_after_its_end(scene)

    assert stage.outcomes(run) == ["succeeded"]
    assert stage.verdict() == []


def test_f10_bites_where_a_message_is_reason_enough(scene):
    """F10 where whoever has a message may claim its run: it is done again."""
    stage, _ = delivered_again_after_its_end(scene, ("claim",))

    assert {"stale", "unexplained"} <= stage.broken()


@pytest.mark.parametrize("seconds", [9.0, pytest.param(22.0, marks=pytest.mark.soak)])
def test_f11_f13_runs_longer_than_their_lease(scene, seconds):
    """F11, F13: the main process renews for them, also while a child holds Python's lock: one attempt."""
    stage = scene()
    stage.begin("worker-1", "-c", "2")
    runs = stage.ask_for(seconds=seconds), stage.ask_for(what="hold", seconds=seconds - 9)
    stage.ended(*runs)

    assert [stage.outcomes(run) for run in runs] == [["succeeded"]] * 2
    assert stage.verdict() == []


@pytest.mark.parametrize(("without", "what"), [("renewal", "loop"), ("main process", "hold")], ids=["f11", "f13"])
def test_f11_f13_bite_where_the_main_process_does_not_renew(scene, without, what):
    """F11 where nobody renews, F13 where a thread beside the work does: a run that is at work is given up."""
    stage = scene()
    stage.begin("worker-1", "-c", "1", without=[without])
    run = stage.ask_for(what=f"{what} once")
    stage.began(run)
    eventually(lambda: stage.outcomes(run)[0] == "lost", stage.tails)

    assert "its lease" in (stage.run(run).reason or "")


def frozen_and_woken(scene, *without: str):
    """A worker that is frozen in the middle of a run, until another has done it, and that then comes to its end too."""
    stage = scene()
    first = stage.begin("worker-1", "-c", "1", without=without)
    run = stage.ask_for("count", until="go")
    stage.began(run)
    stage.begin("worker-2", "-c", "1")
    at = stage.freeze(first)
    stage.ended(run)
    stage.wake(first)
    stage.permit("go")
    eventually(lambda: len(stage.lines(run, "ended")) == 2, stage.tails)
    stage.ended(stage.ask_for(), stage.ask_for())
    return stage, run, first, at


def test_f12_a_worker_that_freezes_and_comes_back(scene, measured):
    """F12: the second attempt wins, the first one comes to its end and is told that it is too late."""
    stage, run, first, at = frozen_and_woken(scene)
    measured("F12", (stage.attempts(run)[1].started_at - at).total_seconds())
    eventually(lambda: "came too late; its result is discarded" in first.log.read_text(), stage.tails)

    assert stage.outcomes(run) == ["lost", "succeeded"]
    assert stage.verdict() == []


def test_f12_bites_where_every_verdict_counts(scene):
    """F12 without the fence: the first attempt's verdict is written over the second's."""
    stage, run, first, _ = frozen_and_woken(scene, "fence")
    eventually(lambda: stage.outcomes(run) == ["succeeded", "succeeded"], stage.tails)

    assert "stale" in stage.broken()
    assert first.process.poll() is None

"""A scheduler dies, freezes, or is not alone: each occurrence is recorded once and done once.

Each fault is done twice: to the product as it is, and with the protection taken out that makes it harmless.
"""

from __future__ import annotations

import signal

import pytest

from tests.faults.scene import eventually, kinds

pytestmark = pytest.mark.slow


def dies_at(scene, point: str, without: tuple[str, ...] = (), stand_by: bool = True, **rig):
    """A scheduler that strikes itself at this point of its work, another one, and a worker, all without these protections."""
    stage = scene("tick")
    stage.begin("worker-1", "-c", "1", without=without)
    first = stage.launch("scheduler-1", without=without, at=point, mark=str(stage.sign), **rig)
    at = stage.struck(stage.sign, None if rig else first)
    if stand_by:
        stage.launch("scheduler-2", without=without)
    return stage, first, at


def test_f01_a_scheduler_that_dies_between_record_and_message(scene, measured):
    """F01: the row is there, and whoever looks next rings for it: the worker, before there is another scheduler."""
    stage, _, at = dies_at(scene, "recorded", stand_by=False)
    stuck = stage.runs("tick")[-1]
    stage.ended(stuck.id)
    measured("F01", (stage.run(stuck.id).started_at - at).total_seconds())
    stage.launch("scheduler-2")
    stage.more("tick")

    assert stage.outcomes(stuck.id) == ["succeeded"]
    assert stage.verdict() == []


def test_f01_bites_where_nobody_rings_again(scene):
    """F01 without the second ring: the row stays as it is while all after it is done."""
    stage, _, _ = dies_at(scene, "recorded", ("ringing",))
    stuck = stage.runs("tick")[-1]
    stage.until = stuck.nominal_time
    stage.more("tick", 3)

    assert stage.run(stuck.id).state == "queued"
    assert stage.broken(stuck.id) == {"lost"}


@pytest.mark.parametrize("without", [(), ("cursors",)], ids=["as it is", "decided again"])
def test_f02_a_scheduler_that_dies_between_message_and_advance(scene, measured, without):
    """F02: also where the next one decides the same again, its id is the same, and it is ignored."""
    stage, _, at = dies_at(scene, "sent", without)
    stage.more("tick")
    first = next(run for run in stage.runs("tick") if run.queued_at > at)
    measured("F02", (first.started_at - at).total_seconds())

    assert stage.verdict() == []


def test_f02_bites_where_an_occurrence_has_no_id_of_its_own(scene):
    """F02, decided again, under another id: the run is there twice, and so is its effect."""
    stage, _, _ = dies_at(scene, "sent", ("cursors", "identity"))

    assert eventually(lambda: "outside" in stage.broken(), stage.tails)
    stage.more("tick")
    stuck = next(violation for violation in stage.verdict() if violation.kind == "outside")
    assert "2 times a run" in str(stuck)


def kill_at_random(stage, kills: int, without: tuple[str, ...] = ()):
    """Kill the scheduler so many times, each time when it leads and has decided something; another one follows at once."""
    for number in range(kills):
        member = stage.launch(f"scheduler-{number % 2 + 1}", without=without)
        eventually(lambda here=member: "on schedule" in stage.said(here), stage.tails)
        before = stage.ask(DECIDED)
        eventually(lambda so_many=before: stage.ask(DECIDED) > so_many, stage.tails)
        stage.kill(member)
    stage.begin("scheduler-1", without=without)


DECIDED = "SELECT COUNT(*) FROM automation_occurrences"


def names(number: int) -> tuple[str, ...]:
    """So many names of jobs."""
    return tuple(f"tick{number}" for number in range(number))


def test_f03_a_scheduler_killed_again_and_again_under_load(scene):
    """F03: whatever it was about to do, nothing is lost, unrecorded, or done twice."""
    stage = scene(*names(10))
    stage.begin("worker-1", "-c", "2")
    kill_at_random(stage, 3)
    stage.more("tick7")

    assert stage.verdict() == []


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_f03_a_scheduler_killed_a_hundred_times_under_load(scene):
    """F03 at full length: 100 kills under 200 occurrences a second."""
    stage = scene(*names(200))
    stage.begin("worker-1", "-c", "2")
    stage.begin("worker-2", "-c", "2")
    kill_at_random(stage, 100)
    stage.more("tick7")

    assert stage.verdict() == []


def test_f03_bites_where_nobody_remembers_how_far_all_was_decided(scene):
    """F03 with schedulers that begin at the moment at which they take over: what fell due meanwhile is not recorded."""
    stage = scene("tick0")
    stage.begin("worker-1", "-c", "1", without=["past"])
    kill_at_random(stage, 1, ("past",))
    stage.more("tick0")

    assert "unrecorded" in stage.broken()


@pytest.mark.parametrize("number", [2, pytest.param(5, marks=pytest.mark.soak)])
def test_f04_many_schedulers_that_all_lead(scene, number):
    """F04: no lock decides, the ledger's keys do: as many rows as there are occurrences."""
    stage = scene("tick", "tock")
    stage.begin("worker-1", "-c", "1")
    for which in range(number):
        stage.launch(f"scheduler-{which}", without=["lock"])
    stage.more("tick", 3)
    stage.more("tock", 2 * number)

    assert stage.verdict() == []


def test_f04_bites_where_an_occurrence_has_no_id_of_its_own(scene):
    """F04 under ids that each scheduler draws for itself, and with cursors that move late: runs are there twice."""
    stage = scene("tick", "tock")
    for which in range(2):
        stage.launch(f"scheduler-{which}", without=["lock", "identity", "cursors"])

    assert eventually(lambda: "outside" in stage.broken(), stage.tails)


def test_f05_a_leader_that_freezes_inside_a_round(scene, measured):
    """F05: what it had decided is decided by another one meanwhile; what it records when it wakes up is ignored."""
    stage, frozen, at = dies_at(scene, "decided", signal=signal.SIGSTOP)
    stage.more("tick", 4)
    first = next(run for run in stage.runs("tick") if run.queued_at > at)
    measured("F05, to the next leader", (first.queued_at - at).total_seconds())
    stage.kill(frozen, signal.SIGCONT)
    eventually(lambda: "Leadership was lost" in frozen.log.read_text(), stage.tails)
    stage.more("tick", 2)

    assert frozen.process.poll() is None
    assert stage.verdict() == []


def test_f05_bites_where_an_occurrence_has_no_id_of_its_own(scene):
    """F05 under ids that each scheduler draws for itself: what it had decided is there twice."""
    stage, frozen, _ = dies_at(scene, "decided", ("identity",), signal=signal.SIGSTOP)
    stage.more("tick", 2)
    stage.kill(frozen, signal.SIGCONT)

    assert eventually(lambda: "outside" in stage.broken(), stage.tails)
    assert "outside" in kinds(stage.verdict())

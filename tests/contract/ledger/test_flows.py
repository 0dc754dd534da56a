"""What follows the end of a run, on every database."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from itertools import product

import pytest

from automation.ledger import flows, places, stopping
from automation.ledger.graph import Graph, Node
from automation.ledger.ids import follower_id
from automation.ledger.occurrences import Decided
from automation.ledger.runs import Claimant, Verdict
from automation.ledger.states import Kind, Outcome, State
from automation.ledger.tables import schedules

FLOW = "2026-03-01T12:00:00Z"
WELL = Verdict(Outcome.SUCCEEDED, State.SUCCEEDED, result={"rows": 3})
LIMITS = (timedelta(seconds=20), lambda _run: timedelta(minutes=5))
DEAD = Verdict(Outcome.FAILED, State.DEAD, "1 attempt spent", failure_class="unknown", message="no")


def node(step, first=("a",), **values):
    """A step whose job has the same name."""
    return Node(step, step, "shell", "default", 5, 3, {"params": {}, "tags": ["nightly"]}, first=first, **values)


def root(desk, name, *nodes, **values):
    """A first run, not recorded yet, with all that follows it."""
    spec = {"params": {}, "flow": {"steps": Graph({one.step: one for one in nodes}).to_json()}}
    return desk.new(job=name, spec=spec, flow=FLOW, flow_step=name, **values)


def begun(desk, name, *nodes, **values):
    """A first run that is at work."""
    new = root(desk, name, *nodes, **values)
    assert desk.ledger.runs.add(new)
    run = desk.claim(new.id)
    assert run is not None
    return run


def found(desk, step):
    """The run of a step, if it is recorded."""
    return desk.ledger.queries.several([follower_id(FLOW, step, None)]).get(follower_id(FLOW, step, None))


def test_what_follows_is_queued_with_the_end_of_what_was_before(desk):
    """It has the flow, the nominal time and the window of the run before it, and asks to be rung for at once."""
    run = begun(desk, "a", node("b", after=("a",), overlap_key="b", max_running=2))
    assert desk.ledger.runs.finish(run.id, 1, WELL)
    following = found(desk, "b")
    assert (following.state, following.kind, following.schedule) == (State.QUEUED, Kind.FLOW, None)
    assert (following.flow, following.flow_step, following.flow_index) == (FLOW, "b", None)
    assert (following.nominal_time, following.window_start) == (run.nominal_time, run.window_start)
    assert (following.overlap_key, following.max_running) == ("b", 2)
    assert [one.id for one in desk.ledger.leases.behind(run.id)] == [following.id]
    assert desk.claim(following.id) is not None


def test_a_retry_is_no_end(desk):
    """What follows waits until the run has come to its end."""
    run = begun(desk, "a", node("b", after_any=("a",)))
    desk.ledger.runs.finish(run.id, 1, Verdict(Outcome.FAILED, State.RETRYING, due_at=desk.clock.now()))
    assert found(desk, "b") is None
    assert desk.claim(run.id).attempt == 2
    desk.ledger.runs.finish(run.id, 2, WELL)
    assert found(desk, "b").state == State.QUEUED


def test_a_fenced_out_worker_brings_nothing_about(desk):
    """Its verdict changes no row, and so nothing follows from it."""
    run = begun(desk, "a", node("b", after=("a",)))
    desk.ledger.runs.finish(run.id, 1, Verdict(Outcome.LOST, State.QUEUED, due_at=desk.clock.now()))
    assert desk.claim(run.id).attempt == 2
    assert not desk.ledger.runs.finish(run.id, 1, WELL)
    assert found(desk, "b") is None


def test_a_failed_branch_is_skipped_to_its_end_and_names_where_it_began(desk):
    """Each reason has the run and the job just before it, and those of the failure; what waits for failure runs."""
    run = begun(
        desk, "a", node("b", after=("a",)), node("c", after=("b",)), node("alarm", after_failure=("a",)), node("last", after_any=("c",))
    )  # fmt: skip
    desk.ledger.runs.finish(run.id, 1, DEAD)
    b, c = found(desk, "b"), found(desk, "c")
    assert (b.state, b.reason) == (State.SKIPPED, f"upstream: run {run.id} of job 'a' is dead")
    assert c.reason == f"upstream: run {b.id} of job 'b' was skipped, as run {run.id} of job 'a' is dead"
    assert (b.finished_at, b.attempt) == (desk.clock.now(), 0)
    assert [found(desk, step).state for step in ("alarm", "last")] == [State.QUEUED, State.QUEUED]


def test_what_waits_for_a_failure_is_skipped_without_one(desk):
    """And says who did not fail."""
    run = begun(desk, "a", node("alarm", after_failure=("a",)))
    desk.ledger.runs.finish(run.id, 1, WELL)
    assert found(desk, "alarm").reason == f"upstream: none failed: run {run.id} of job 'a' succeeded"


@pytest.mark.parametrize("way", ["cancel", "expire", "supersede", "skip at claim", "make way"])
def test_every_way_to_an_end_is_followed(desk, way: str):
    """Also where no attempt was made: the end is what counts."""
    now = desk.clock.now()
    values = {"expires_at": now} if way == "expire" else {}
    if way == "skip at claim":
        desk.running(overlap_key="a", max_running=1)
        values = {"overlap_key": "a", "max_running": 1}
    new = root(desk, "a", node("b", after=("a",)), **values)
    new = replace(new, spec={**new.spec, "skips": way == "skip at claim"})
    desk.ledger.runs.add(new)
    desk.clock.advance(seconds=1)
    if way == "cancel":
        desk.ledger.runs.request_cancel(new.id)
    elif way == "expire":
        desk.ledger.runs.expire()
    elif way == "skip at claim":
        assert desk.claim(new.id) is None
    with desk.ledger.engine.begin() as connection:
        if way == "supersede":
            stopping.supersede(connection, [new.id], desk.clock.now())
        elif way == "make way":
            stopping.make_way(connection, {new.id: "other"}, desk.clock.now())
    ended = desk.ledger.queries.run(new.id)
    assert ended.state in (State.CANCELLED, State.EXPIRED, State.SKIPPED)
    assert found(desk, "b").state == State.SKIPPED
    assert f"run {new.id} of job 'a'" in found(desk, "b").reason


def decide(desk, *new):
    """What the scheduler records of one instant."""
    desk.ledger.occurrences.activate("1", {}, "s")
    revision, _ = desk.ledger.occurrences.active_revision()
    decided = [Decided(one.job, "main", [replace(one, schedule="main")], desk.clock.now()) for one in new]
    return desk.ledger.occurrences.record(decided, revision)


@pytest.mark.parametrize("order", ["before", "after"])
def test_a_fire_that_is_decided_not_to_run_is_an_end(desk, order: str):
    """A join skips, whichever of the two comes first; what waits for any end runs, as one of the two did."""
    join, last = node("join", ("a", "b"), after=("a", "b")), node("last", ("a", "b"), after_any=("a", "b"))
    one = root(desk, "a", join, last)
    other = root(desk, "b", join, last, state=State.SKIPPED, reason="paused: job 'b' was paused by ada")
    if order == "before":
        decide(desk, other)
    decide(desk, one)
    desk.ledger.runs.finish(desk.claim(one.id).id, 1, WELL)
    if order == "after":
        assert found(desk, "join") is None
        decide(desk, other)
    assert found(desk, "join").reason == f"upstream: run {other.id} of job 'b' was skipped"
    assert found(desk, "last").state == State.QUEUED


def test_a_flow_none_of_whose_first_runs_ran_runs_nothing(desk):
    """Else each missed fire of an outage would start what waits for any end."""
    decide(desk, root(desk, "a", node("last", after_any=("a",)), state=State.MISSED, reason="missed: 3d late"))
    assert found(desk, "last").state == State.SKIPPED
    assert found(desk, "last").reason.startswith("upstream: none ran: run ")


def test_what_was_skipped_for_a_dead_run_runs_when_that_is_brought_back(desk):
    """As itself, and what is skipped further down in its turn; what ran upon the failure does not run again."""
    run = begun(desk, "a", node("b", after=("a",)), node("c", after=("b",)), node("alarm", after_failure=("a",)))
    desk.ledger.runs.finish(run.id, 1, DEAD)
    before = found(desk, "b")
    desk.ledger.runs.finish(desk.claim(found(desk, "alarm").id).id, 1, WELL)
    desk.ledger.dead.replay([run.id], "ana")
    assert found(desk, "b").state == State.SKIPPED
    desk.clock.advance(minutes=5)
    desk.ledger.runs.finish(run.id, desk.claim(run.id).attempt, WELL)
    back = found(desk, "b")
    assert (back.id, back.state, back.reason, back.finished_at) == (before.id, State.QUEUED, None, None)
    assert (back.queued_at, found(desk, "c").state) == (desk.clock.now(), State.SKIPPED)
    desk.ledger.runs.finish(desk.claim(back.id).id, 1, WELL)
    assert (found(desk, "c").state, found(desk, "alarm").state) == (State.QUEUED, State.SUCCEEDED)


def test_a_second_death_leaves_them_skipped(desk):
    """Nothing has changed for them."""
    run = begun(desk, "a", node("b", after=("a",)))
    desk.ledger.runs.finish(run.id, 1, DEAD)
    desk.ledger.dead.replay([run.id], "ana")
    desk.ledger.runs.finish(run.id, desk.claim(run.id).attempt, DEAD)
    assert found(desk, "b").state == State.SKIPPED


@pytest.mark.parametrize(("level", "target"), [("job", "b"), ("tag", "nightly"), ("all", "")])
def test_a_job_that_is_paused_does_not_follow(desk, level: str, target: str):
    """It is skipped with the pause's words, and what follows it, too."""
    run = begun(desk, "a", node("b", after=("a",)), node("c", after=("b",)))
    desk.ledger.pauses.pause(level, target, "the server is down", "ada")
    desk.ledger.runs.finish(run.id, 1, WELL)
    assert found(desk, "b").reason.startswith("paused: ")
    assert found(desk, "c").reason == f"upstream: run {found(desk, 'b').id} of job 'b' was skipped"


def test_a_job_that_may_not_run_is_skipped_with_what_follows_it(desk):
    """It was disabled when the flow began."""
    refused = node("b", after=("a",), refused="disabled: the job says enabled = false")
    run = begun(desk, "a", refused, node("c", after=("b",)))
    desk.ledger.runs.finish(run.id, 1, WELL)
    assert found(desk, "b").reason == "disabled: the job says enabled = false"
    assert found(desk, "c").state == State.SKIPPED


def test_a_job_without_a_fire_then_is_not_waited_for(desk):
    """The one behind both is skipped with that reason as soon as the other has ended."""
    run = begun(
        desk, "a", node("join", after=("a", "weekly"), absent={"weekly": "job 'weekly' does not fire at that instant"})
    )
    desk.ledger.runs.finish(run.id, 1, WELL)
    assert found(desk, "join").reason == "upstream: job 'weekly' does not fire at that instant"


def test_runs_without_a_flow_ask_for_nothing(desk, monkeypatch):
    """Their end is the one update that it always was."""

    def fail(*_args):
        raise AssertionError("a run without a flow was looked at")

    run = desk.running()
    monkeypatch.setattr(flows, "of", fail)
    assert desk.ledger.runs.finish(run.id, 1, WELL)


def race(desk, *acts):
    """Let all of these happen at the same moment, each in a thread and a transaction of its own."""
    barrier = threading.Barrier(len(acts))

    def one(act):
        barrier.wait(timeout=30)
        return act()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(one, acts))


def test_of_two_that_end_at_one_instant_the_second_sees_the_first(desk):
    """The join is recorded once, in each of many rounds; without the lock both would find the other at work."""
    names = ("a", "b", "c", "d")
    for number in range(12):
        flow = f"{FLOW}/{number}"
        join = node("join", names, after=names)
        new = [replace(root(desk, name, join), flow=flow) for name in names]
        desk.ledger.runs.add_all(new)
        runs = [desk.ledger.runs.claim(one.id, Claimant(f"w{one.job}", 1), *LIMITS) for one in new]
        assert race(desk, *[lambda run=run: desk.ledger.runs.finish(run.id, 1, WELL) for run in runs]) == [True] * 4
        [joined] = [run for run in desk.ledger.queries.runs(flow=flow) if run.flow_step == "join"]
        assert joined.state == State.QUEUED


def test_branches_that_are_skipped_at_one_instant_see_each_other(desk):
    """Neither branch has a row before the other one's transaction: the lock is the flow's, and not that of rows."""
    for number, kind in product(range(6), ("after", "after_any")):
        flow, ends = f"{FLOW}/{kind}/{number}", ("left", "right")
        behind = [node("left", ("a", "b"), after=("a",)), node("right", ("a", "b"), after=("b",))]
        behind.append(node("join", ("a", "b"), **{kind: ends}))
        new = [replace(root(desk, name, *behind), flow=flow) for name in ("a", "b")]
        desk.ledger.runs.add_all(new)
        runs = [desk.ledger.runs.claim(one.id, Claimant(f"w{one.job}", 1), *LIMITS) for one in new]
        race(desk, *[lambda run=run: desk.ledger.runs.finish(run.id, 1, DEAD) for run in runs])
        [joined] = [run for run in desk.ledger.queries.runs(flow=flow) if run.flow_step == "join"]
        assert joined.state == (State.QUEUED if kind == "after_any" else State.SKIPPED)


def test_a_fire_is_recorded_as_another_one_ends(desk):
    """The scheduler decides that one does not run while a worker ends the other."""
    for number in range(8):
        flow, join = f"{FLOW}/{number}", node("join", ("a", "b"), after=("a", "b"))
        one = replace(root(desk, "a", join), flow=flow)
        other = replace(root(desk, "b", join, state=State.SKIPPED, reason="blackout: closed"), flow=flow)
        other = replace(other, nominal_time=desk.clock.now())
        desk.ledger.runs.add(one)
        desk.claim(one.id)
        race(desk, lambda one=one: desk.ledger.runs.finish(one.id, 1, WELL), lambda other=other: decide(desk, other))
        desk.clock.advance(seconds=1)
        [joined] = [run for run in desk.ledger.queries.runs(flow=flow) if run.flow_step == "join"]
        assert joined.reason == f"upstream: run {other.id} of job 'b' was skipped"


EACH = "{{ upstream.a.result.urls }}"


def fan_out(desk, result, **values):
    """A run that ends with this result, with one run for each of its `urls` behind it, and a join behind those."""
    each = node("each", after=("a",), for_each=EACH, overlap_key="{{ item }}", **values)
    run = begun(desk, "a", each, node("join", after=("each",)))
    desk.ledger.runs.finish(run.id, 1, replace(WELL, result=result))
    return sorted(
        (one for one in desk.ledger.queries.runs(flow=FLOW) if one.flow_step == "each"),
        key=lambda one: one.flow_index or 0,
    )


def test_each_element_of_a_list_has_a_run(desk):
    """With the element in its spec, and its own overlap key; what is behind waits for all of them."""
    some = fan_out(desk, {"urls": ["x", "y", "z"]}, max_running=1)
    assert [(one.flow_index, one.spec["item"], one.overlap_key, one.state) for one in some] == [
        (0, "x", "x", "queued"), (1, "y", "y", "queued"), (2, "z", "z", "queued")
    ]  # fmt: skip
    for number, one in enumerate(some):
        assert found(desk, "join") is None
        desk.ledger.runs.finish(one.id, desk.claim(one.id).attempt, replace(WELL, result={"n": number}))
    assert found(desk, "join").state == State.QUEUED


def test_no_more_elements_are_at_work_than_may(desk):
    """They share their places over all workers, and none of them is skipped for another."""
    node_ = {"max_running": 2}
    each = node("each", after=("a",), for_each=EACH, overlap_key="each", **node_)
    run = begun(desk, "a", each)
    desk.ledger.runs.finish(run.id, 1, replace(WELL, result={"urls": list("vwxyz")}))
    some = [one.id for one in desk.ledger.queries.runs(flow=FLOW) if one.flow_step == "each"]
    assert len(desk.ledger.leases.behind(run.id)) == 2
    claimed = [run_id for run_id in some if desk.claim(run_id) is not None]
    assert len(claimed) == 2
    desk.ledger.runs.finish(claimed[0], 1, WELL)
    assert len([run_id for run_id in some if desk.claim(run_id) is not None]) == 1


def test_an_empty_list_is_done(desk):
    """It is recorded with the reason, has an empty list as its result, and what is behind goes on."""
    [one] = fan_out(desk, {"urls": []})
    assert (one.state, one.attempt, one.result) == (State.SUCCEEDED, 0, [])
    assert one.reason == f"nothing to do: {EACH} is an empty list"
    assert found(desk, "join").state == State.QUEUED


@pytest.mark.parametrize(
    ("result", "said"),
    [(None, "no 'urls'"), ({"urls": "x"}, "needs a list"), ({"urls": [0] * 10_001}, "more than 10,000")],
)
def test_a_list_that_cannot_be_had_fails_one_run(desk, result, said: str):
    """That run is there to be looked at, and says why it cannot be done."""
    [one] = fan_out(desk, result)
    assert (one.state, one.flow_index) == (State.QUEUED, None)
    assert said in one.spec["flaw"]


def test_one_dead_element_skips_what_is_behind_until_it_is_brought_back(desk):
    """The others have done their work; the join runs when the last of them has succeeded."""
    first, second = fan_out(desk, {"urls": ["x", "y"]})
    desk.ledger.runs.finish(first.id, desk.claim(first.id).attempt, DEAD)
    desk.ledger.runs.finish(second.id, desk.claim(second.id).attempt, WELL)
    assert found(desk, "join").reason == f"upstream: run {first.id} of job 'each' is dead"
    desk.ledger.dead.replay([first.id], "ana")
    desk.ledger.runs.finish(first.id, desk.claim(first.id).attempt, WELL)
    assert found(desk, "join").state == State.QUEUED


def test_a_skipped_fan_out_comes_back_as_its_elements(desk):
    """The one run that stood for all of them becomes the first."""
    each = node("each", after=("a",), for_each=EACH)
    run = begun(desk, "a", each, node("join", after=("each",)))
    desk.ledger.runs.finish(run.id, 1, DEAD)
    [skipped] = [one for one in desk.ledger.queries.runs(flow=FLOW) if one.flow_step == "each"]
    desk.ledger.dead.replay([run.id], "ana")
    desk.ledger.runs.finish(run.id, desk.claim(run.id).attempt, replace(WELL, result={"urls": ["x", "y"]}))
    some = {one.id: one for one in desk.ledger.queries.runs(flow=FLOW) if one.flow_step == "each"}
    assert {one.state for one in some.values()} == {State.QUEUED}
    assert (len(some), some[skipped.id].flow_index, some[skipped.id].spec["item"]) == (2, 0, "x")


def test_elements_that_end_at_one_instant_are_joined_once(desk):
    """Whoever is last, in real transactions beside each other."""
    for number in range(4):
        flow, each = f"{FLOW}/{number}", node("each", after=("a",), for_each=EACH)
        first = replace(root(desk, "a", each, node("join", after=("each",))), flow=flow)
        desk.ledger.runs.add(first)
        desk.claim(first.id)
        desk.ledger.runs.finish(first.id, 1, replace(WELL, result={"urls": list("pqrs")}))
        some = [desk.claim(one.id) for one in desk.ledger.queries.runs(flow=flow) if one.flow_step == "each"]
        race(desk, *[lambda one=one: desk.ledger.runs.finish(one.id, 1, WELL) for one in some])
        [joined] = [one for one in desk.ledger.queries.runs(flow=flow) if one.flow_step == "join"]
        assert joined.state == State.QUEUED


def test_a_death_between_the_end_and_what_follows_leaves_neither(desk, monkeypatch):
    """Both are one transaction: the run is still at work, its worker is found dead, and the next attempt is followed."""

    class Killed(BaseException):
        pass

    def die(*_args):
        raise Killed

    run = begun(desk, "a", node("b", after=("a",)))
    with monkeypatch.context() as patched:
        patched.setattr(flows, "settle", die)
        with pytest.raises(Killed):
            desk.ledger.runs.finish(run.id, 1, WELL)
    assert (desk.ledger.queries.run(run.id).state, found(desk, "b")) == (State.RUNNING, None)
    desk.ledger.runs.finish(run.id, 1, Verdict(Outcome.LOST, State.QUEUED, due_at=desk.clock.now()))
    desk.ledger.runs.finish(run.id, desk.claim(run.id).attempt, WELL)
    assert found(desk, "b").state == State.QUEUED


def on_schedule(desk, name, cursor):
    """A schedule that fires at noon each day, decided up to this moment."""
    desk.ledger.occurrences.activate(name, {(name, "main"): {"cron": "0 12 * * *", "timezone": "UTC"}}, "s")
    with desk.ledger.engine.begin() as connection:
        connection.execute(schedules.update().where(schedules.c.job == name).values(cursor=cursor))


@pytest.mark.parametrize("minutes", [-1, 1])
def test_a_join_waits_for_a_fire_that_is_still_to_be_decided(desk, minutes: int):
    """And for none that was decided without a run: then it is skipped, with what follows it, and nobody looks again."""
    join = node("join", ("a", "b"), after=("a", "b"))
    run = begun(desk, "a", join, node("last", after=("join",)), kind=Kind.SCHEDULED, schedule="main")
    on_schedule(desk, "b", run.nominal_time + timedelta(minutes=minutes))
    desk.ledger.runs.finish(run.id, 1, WELL)
    assert found(desk, "join") is None

    assert desk.ledger.stalled.settle() == 1
    if minutes < 0:
        assert found(desk, "join") is None
        assert desk.ledger.stalled.next_look() > desk.clock.now()
    else:
        assert found(desk, "join").reason.startswith("upstream: job 'b' has no run at that instant: ")
        assert found(desk, "last").state == State.SKIPPED
        assert desk.ledger.stalled.next_look() is None


def test_what_runs_in_any_case_does_not_wait_for_a_fire_that_never_comes(desk):
    """It runs behind those that there are."""
    run = begun(desk, "a", node("tidy", ("a", "b"), after_any=("a", "b")), kind=Kind.SCHEDULED, schedule="main")
    desk.ledger.runs.finish(run.id, 1, WELL)
    desk.ledger.stalled.settle()
    assert found(desk, "tidy").state == State.QUEUED


def flows_of(desk, number, *nodes):
    """So many flows one after another, each with its first run at work, and followers that share a job."""
    some = []
    for turn in range(number):
        new = replace(root(desk, "a", *nodes), flow=f"{FLOW}/{turn}")
        assert desk.ledger.runs.add(new)
        some.append(desk.claim(new.id))
        desk.clock.advance(seconds=1)
    return some


def followers(desk, step):
    """The runs of a step in all flows, in the order of the flows."""
    return sorted((one for one in desk.ledger.queries.runs(job=step)), key=lambda one: one.flow)


@pytest.mark.parametrize("overlap", ["queue_one", "cancel_running", "queue_all"])
def test_a_follower_finds_its_job_at_work(desk, overlap: str):
    """The oldest at work is asked to stop, of those that wait the newest stays; or the line is full, with what follows."""
    join = node("b", after=("a",), overlap_key="b", max_running=1, overlap=overlap, max_queued=1)
    first = flows_of(desk, 4, join, node("c", after=("b",)))
    for number, run in enumerate(first):
        desk.ledger.runs.finish(run.id, 1, WELL)
        desk.clock.advance(seconds=1)
        if number == 0:
            assert desk.claim(followers(desk, "b")[0].id)
    begun, *rest = followers(desk, "b")
    assert begun.state == State.RUNNING
    assert (begun.cancel_requested_at is not None) == (overlap == "cancel_running")
    if overlap == "queue_all":
        assert [one.state for one in rest] == ["queued", "skipped", "skipped"]
        assert rest[1].reason == "queue full: 1 run waited, and max_queued is 1"
    else:
        assert [one.state for one in rest] == ["skipped", "skipped", "queued"]
        assert rest[0].reason == "superseded: a newer one of this job waits"
    gone = [one for one in rest if one.state == "skipped"]
    assert [one.reason for one in followers(desk, "c")] == [
        f"upstream: run {one.id} of job 'b' was skipped" for one in gone
    ]


@pytest.mark.parametrize("way", ["queue_one", "replace_waiting"])
def test_flows_that_make_way_are_locked_in_one_order(desk, monkeypatch, way: str):
    """Whoever ends a run locks its flow and those of the runs that its successors replace, so that no two wait for each other."""
    unique = {"key": "same", "on_conflict": "replace_waiting", "seconds": None} if way == "replace_waiting" else None
    join = node("b", after=("a",), overlap_key="b", max_running=1, overlap="" if unique else way, unique=unique)
    first, locked = flows_of(desk, 9, join), []
    lock = places.lock
    monkeypatch.setattr(places, "lock", lambda connection, key: (locked.append(key), lock(connection, key)))
    several = 0
    for run in first:
        locked.clear()
        desk.ledger.runs.finish(run.id, 1, WELL)
        stripes = [key for key in locked if key.startswith("flow/")]
        several += len(set(stripes)) > 1
        assert desk.ledger.engine.dialect.name == "sqlite" or list(dict.fromkeys(stripes)) == sorted(set(stripes))
    assert several
    assert [one.state for one in followers(desk, "b")] == ["skipped"] * 8 + ["queued"]


@pytest.mark.parametrize("on_conflict", ["reject", "replace_waiting"])
def test_a_follower_asks_for_its_unique_key(desk, on_conflict: str):
    """As a fire does: skipped beside another run with it, or in the place of one that waits."""
    unique = {"key": "{{ upstream.a.result.rows }}", "on_conflict": on_conflict, "seconds": None}
    first = flows_of(desk, 3, node("b", after=("a",), unique=unique), node("c", after=("b",)))
    for number, run in enumerate(first):
        rows = 3 if number < 2 else 4
        desk.ledger.runs.finish(run.id, 1, replace(WELL, result={"rows": rows}))
    one, other, third = followers(desk, "b")
    assert third.state == State.QUEUED
    if on_conflict == "reject":
        assert (one.state, other.state) == (State.QUEUED, State.SKIPPED)
        assert other.reason == f"unique: run {one.id} with the same unique_key is queued"
    else:
        assert (one.state, other.state) == (State.SKIPPED, State.QUEUED)
        assert one.reason.startswith(f"superseded: run {other.id} with the same unique_key")
    assert [run.state for run in followers(desk, "c")] == [State.SKIPPED]

"""What goes from a ledger when it is old, and what stays whatever its age, on every database."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from automation.artifacts import Artifact
from automation.ledger.ids import occurrence_id
from automation.ledger.keep import Keep
from automation.ledger.mail_tables import outbox
from automation.ledger.occurrences import Decided
from automation.ledger.runs import Verdict
from automation.ledger.states import Kind, MailState, Outcome, State
from automation.ledger.tables import attempts, logs, metadata, occurrences, onces, runs, slots, uniques
from automation.ledger.unique_key import Unique

HOURLY = {"every": "1h"}
MAIN = ("books", "main")
#: One run of each job stays, so that a test needs two.
KEEP = Keep(keep_last=1)


def sweep(desk, keep=KEEP, **options):
    """A whole sweep; how many of what went."""
    walk = desk.ledger.sweep(keep, options.pop("remove", len), **options)
    for _ in walk.steps():
        pass
    return walk.counts


def number(desk, table):
    with desk.ledger.engine.connect() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


def done(desk, state=State.SUCCEEDED, **values):
    """The id of a run that was at work and ended so."""
    run = desk.running(**values)
    outcome = Outcome.SUCCEEDED if state is State.SUCCEEDED else Outcome.FAILED
    assert desk.ledger.runs.finish(run.id, run.attempt, Verdict(outcome, state))
    return run.id


def ids(desk):
    return {run.id for run in desk.ledger.queries.runs(limit=1000)}


@pytest.mark.parametrize(("state", "days"), [(State.SUCCEEDED, 90), (State.DEAD, 30)])
def test_a_run_goes_when_it_is_as_old_as_its_state_allows(desk, state, days):
    """Not a moment before; and one that is younger stays."""
    old = done(desk, state)
    desk.clock.advance(days=days)
    new = done(desk)
    assert sweep(desk)["runs"] == 0
    desk.clock.advance(seconds=1)
    assert sweep(desk)["runs"] == 1
    assert ids(desk) == {new}
    assert old != new


def test_what_never_began_goes_earlier(desk):
    """A skipped run is of use for two weeks; one whose plugin skipped it has done its work."""
    looked = done(desk, State.SKIPPED)
    desk.queued(state=State.MISSED)
    desk.queued(state=State.SKIPPED)
    desk.clock.advance(days=15)
    new = done(desk)
    assert sweep(desk)["runs"] == 2
    assert ids(desk) == {looked, new}


def test_all_that_belongs_to_a_run_goes_with_it(desk, noon):
    """Attempts, log lines, marks, artifacts with their files, its occurrence and its lock."""
    desk.ledger.occurrences.activate("1", {MAIN: HOURLY}, "s1", definitions={})
    revision, _ = desk.ledger.occurrences.active_revision()
    desk.clock.advance(hours=1)
    nominal = desk.clock.now()
    run = desk.new(
        id=occurrence_id(*MAIN, nominal), schedule="main", kind=Kind.SCHEDULED, overlap_key="k", max_running=1
    )
    desk.ledger.occurrences.record([Decided(*MAIN, [run], nominal)], revision)
    claimed = desk.claim(run.id)
    desk.ledger.memory.log(run.id, 1, [(noon, "info", f"line {n}") for n in range(2500)])
    desk.ledger.memory.once(claimed.scope, "paid")
    file = Artifact("a.csv", Path("/somewhere/a.csv"), "text/csv", 10, "0" * 64, run.id, "books", noon)
    desk.ledger.memory.keep_artifact(file, 1)
    desk.ledger.runs.finish(run.id, 1, Verdict(Outcome.FAILED, State.DEAD))
    desk.clock.advance(days=200)
    done(desk, overlap_key="other")
    removed = []
    gone = sweep(desk, remove=removed.extend)
    assert (gone["runs"], gone["log lines"], gone["bytes of artifacts"]) == (1, 2500, 10)
    assert removed == [file.path]
    assert [number(desk, table) for table in (attempts, logs, onces, occurrences, slots)] == [1, 0, 0, 0, 0]


def test_the_newest_runs_stay_with_all_they_left(desk, noon):
    """`keep_last` counts for each job by itself, and its logs stay too."""
    for job in ("books", "rates"):
        for _ in range(5):
            done(desk, job=job)
            desk.clock.advance(hours=1)
    newest = desk.ledger.queries.runs(job="books", limit=1)[0]
    desk.ledger.memory.log(newest.id, 1, [(noon, "info", "line")])
    desk.clock.advance(days=1000)
    assert sweep(desk, Keep(keep_last=3))["runs"] == 4
    assert len(desk.ledger.queries.runs(job="rates")) == 3
    assert len(desk.ledger.queries.logs(newest.id)) == 1


def test_the_newest_success_stays_however_many_failures_follow(desk, noon):
    """An email attaches its files, and other jobs read its result; the success before it goes."""
    first, best, _plain = done(desk), done(desk), None
    run = desk.running()
    file = Artifact("a.csv", Path("/a.csv"), "text/csv", 1, "0" * 64, run.id, "books", noon)
    desk.ledger.memory.keep_artifact(file, 1)
    desk.ledger.runs.finish(run.id, 1, Verdict(Outcome.SUCCEEDED, State.SUCCEEDED))
    desk.clock.advance(hours=1)
    newest = done(desk)
    desk.clock.advance(hours=1)
    for _ in range(3):
        done(desk, State.DEAD)
        desk.clock.advance(hours=1)
    desk.clock.advance(days=100)
    sweep(desk)
    assert {run.id, newest} < ids(desk)
    assert not {first, best} & ids(desk)
    assert [one.run_id for one in desk.ledger.memory.newest_artifacts("books")] == [run.id]


def test_what_is_open_stays(desk):
    """However old it is: waiting, at work, or between two attempts."""
    for _ in range(3):
        desk.queued()
    desk.running()
    again = desk.running()
    later = desk.clock.now() + timedelta(days=900)
    desk.ledger.runs.finish(again.id, 1, Verdict(Outcome.FAILED, State.RETRYING, due_at=later))
    desk.clock.advance(days=800)
    assert sweep(desk)["runs"] == 0
    assert number(desk, runs) == 5


def test_logs_and_files_go_before_the_run(desk, noon):
    """The row of a run is small; what it wrote is not."""
    run = desk.running()
    desk.ledger.memory.log(run.id, 1, [(noon, "info", "line")])
    file = Artifact("a.csv", Path("/a.csv"), "text/csv", 7, "0" * 64, run.id, "books", noon)
    desk.ledger.memory.keep_artifact(file, 1)
    desk.ledger.runs.finish(run.id, 1, Verdict(Outcome.FAILED, State.CANCELLED))
    desk.clock.advance(days=31)
    done(desk)
    keep = Keep(keep_last=1, artifacts=None)
    assert sweep(desk, keep)["log lines"] == 1
    assert run.id in ids(desk)
    assert desk.ledger.memory.artifacts(run.id) == [file]
    assert sweep(desk, Keep(keep_last=1, artifacts=timedelta(days=30)))["artifacts"] == 1
    assert run.id in ids(desk)
    assert desk.ledger.memory.artifacts(run.id) == []


def test_forever_is_forever(desk):
    """Without ages nothing goes."""
    done(desk), done(desk, State.DEAD), done(desk)
    desk.clock.advance(days=9000)
    assert sweep(desk, Keep(None, None, None, None, None, None, 1))["runs"] == 0


def test_a_dry_sweep_counts_and_deletes_nothing(desk, noon):
    """It says what the next one takes."""
    for _ in range(120):
        run_id = desk.queued(state=State.MISSED)
    desk.ledger.memory.log(run_id, 0, [(noon, "info", "line")])
    done(desk)
    desk.clock.advance(days=100)
    done(desk)
    before = {table: number(desk, table) for table in metadata.sorted_tables}
    told = sweep(desk, dry=True)
    assert {table: number(desk, table) for table in metadata.sorted_tables} == before
    assert told == sweep(desk)
    assert told["runs"] == 121


def test_a_run_that_was_brought_back_meanwhile_stays(desk, noon):
    """Somebody replays a dead letter between the look at it and its end."""
    run = desk.running()
    file = Artifact("a.csv", Path("/a.csv"), "text/csv", 7, "0" * 64, run.id, "books", noon)
    desk.ledger.memory.keep_artifact(file, 1)
    desk.ledger.runs.finish(run.id, 1, Verdict(Outcome.FAILED, State.DEAD))
    desk.clock.advance(days=31)
    done(desk)
    assert sweep(desk, remove=lambda _: desk.ledger.dead.replay([run.id], "ana"))["runs"] == 0
    assert run.id in ids(desk)


def test_a_unique_key_that_is_held_keeps_its_run(desk):
    """Until its `unique_for` is over; then key and run go together."""
    until = desk.clock.now() + timedelta(days=200)
    held = desk.new(unique=Unique("k", until=until))
    assert desk.ledger.admission.admit(held).added
    run = desk.claim(held.id)
    desk.ledger.runs.finish(run.id, 1, Verdict(Outcome.FAILED, State.CANCELLED))
    desk.clock.advance(days=199)
    done(desk)
    sweep(desk)
    assert desk.ledger.admission.holder("books", "k").run_id == held.id
    desk.clock.advance(days=2)
    sweep(desk)
    assert number(desk, uniques) == 0
    assert held.id not in ids(desk)


def mail(desk, run_id, state, **more):
    now = desk.clock.now()
    row = {"scope": run_id, "message_key": "1", "recipient": "ana@example.com", "run_id": run_id, "job": "books"}
    row |= {"sender": "a@example.com", "subject": "s", "message_id": "m", "message": b"x", "tries": 1}
    row |= {"state": state, "created_at": now, "due_at": now, "finished_at": now}
    with desk.ledger.engine.begin() as connection:
        connection.execute(outbox.insert().values(**{**row, **more}))


def test_settled_mails_go_and_others_stay(desk):
    """A mail that waits stays, and so does one of a run that could be tried again and must not send it twice."""
    mail(desk, done(desk), MailState.SENT)
    mail(desk, done(desk), MailState.QUEUED, finished_at=None)
    dead = done(desk, State.DEAD)
    mail(desk, dead, MailState.SENT)
    desk.clock.advance(days=91)
    mail(desk, done(desk), MailState.SENT)
    assert sweep(desk, Keep(dead=None))["mails"] == 1
    assert number(desk, outbox) == 3
    assert sweep(desk)["mails"] == 1


def test_signs_of_life_end_pauses_and_revisions(desk):
    """A process that holds a run stays; the last pause of a target stays, since streaks count from its end."""
    ledger = desk.ledger
    for name in ("w1", "w2"):
        ledger.processes.report(name, "worker", "host", 1, desk.clock.now(), {})
    desk.running("w1")
    for _ in range(3):
        ledger.pauses.pause("job", "books", "so", "ana")
        desk.clock.advance(hours=1)
        ledger.pauses.end("job", "books", "ana")
    for turn in range(102):
        ledger.occurrences.activate(str(turn), {}, "s1")
    desk.clock.advance(days=91)
    active = ledger.occurrences.active_revision()
    sweep(desk)
    left = {table.name: number(desk, table) for table in metadata.sorted_tables}
    assert [left[f"automation_{name}"] for name in ("processes", "pauses", "revisions")] == [1, 1, 100]
    assert ledger.occurrences.active_revision() == active


def test_a_flow_that_may_go_on_keeps_its_runs(desk):
    """While one of it is open, or dead and could come back; of what was done it is known that it was."""
    for flow in ("f1", "f2", "f3"):
        done(desk, flow=flow, flow_step="first")
    desk.queued(flow="f1", flow_step="second")
    done(desk, State.DEAD, flow="f2", flow_step="second")
    desk.clock.advance(days=91)
    done(desk)
    assert sweep(desk, Keep(dead=None, keep_last=1))["runs"] == 1
    assert sorted(run.flow or "" for run in desk.ledger.queries.runs()) == ["", "f1", "f1", "f2", "f2"]
    assert sweep(desk)["runs"] == 1
    assert sweep(desk)["runs"] == 1

"""What runs leave behind, on every database."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from automation.artifacts import Artifact
from automation.errors import Refused
from automation.ledger.runs import Verdict
from automation.ledger.states import MailState, Outcome, State


def artifact(run, name: str = "report.html", digest: str = "0" * 64) -> Artifact:
    return Artifact(name, Path("/data") / name, "text/html", 12, digest, run.id, run.job, run.queued_at)


def test_once_is_true_for_one_caller_only(desk):
    """Of eight that ask at the same moment one may go on."""
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: desk.ledger.memory.once("books@1", "charge"), range(8)))
    assert sorted(answers) == [False] * 7 + [True]
    assert desk.ledger.memory.once("books@2", "charge")


def test_log_lines_come_in_order_from_where_one_was(desk):
    """`logs -f` asks for what is new."""
    run = desk.running()
    now = datetime.now(UTC)
    desk.ledger.memory.log(run.id, 1, [(now, "info", "one"), (now, "warning", "zwei ü")])
    first, second = desk.ledger.queries.logs(run.id)
    desk.ledger.memory.log(run.id, 1, [(now, "info", "three")])
    assert [first.message, second.message, second.level] == ["one", "zwei ü", "warning"]
    assert [line.message for line in desk.ledger.queries.logs(run.id, after=second.id)] == ["three"]


def test_a_later_attempts_file_takes_the_place_of_the_first(desk):
    """One row for each name of a run."""
    run = desk.running()
    desk.ledger.memory.keep_artifact(artifact(run), 1)
    desk.ledger.memory.keep_artifact(artifact(run, digest="1" * 64), 1)
    [kept] = desk.ledger.queries.artifacts(run.id)
    assert (kept.sha256, kept.path) == ("1" * 64, Path("/data/report.html"))


def test_a_fenced_out_attempt_keeps_no_file(desk):
    """The attempt that is no longer the newest is refused."""
    run = desk.running()
    desk.ledger.runs.finish(run.id, 1, Verdict(Outcome.LOST, State.QUEUED, due_at=desk.clock.now()))
    with pytest.raises(Refused, match="no longer the newest"):
        desk.ledger.memory.keep_artifact(artifact(run), 1)
    assert desk.ledger.queries.artifacts(run.id) == []


def test_files_are_found_from_the_newest_run_that_succeeded(desk):
    """A newer run that failed, or left nothing, does not hide the last good report."""
    good = desk.running(job="report")
    desk.ledger.memory.keep_artifact(artifact(good), 1)
    desk.ledger.runs.finish(good.id, 1, Verdict(Outcome.SUCCEEDED, State.SUCCEEDED))
    desk.clock.advance(hours=1)
    bad = desk.running(job="report")
    desk.ledger.memory.keep_artifact(artifact(bad), 1)
    desk.ledger.runs.finish(bad.id, 1, Verdict(Outcome.FAILED, State.DEAD))
    assert [one.run_id for one in desk.ledger.memory.newest_artifacts("report")] == [good.id]
    assert desk.ledger.memory.newest_artifacts("none") == []


def test_a_job_is_known_by_its_last_end_and_its_last_success(desk):
    """A failure since does not hide what the success found."""
    good = desk.running(job="books")
    result = {"doubts": ["too few"]}
    desk.ledger.runs.finish(good.id, 1, Verdict(Outcome.SUCCEEDED, State.SUCCEEDED, result=result))
    desk.clock.advance(hours=1)
    bad = desk.running(job="books")
    desk.ledger.runs.finish(bad.id, 1, Verdict(Outcome.FAILED, State.DEAD, reason="no page"))

    known = desk.ledger.memory.newest("books", desk.clock.now())

    assert (known["state"], known["reason"], known["nominal_time"]) == (State.DEAD, "no page", bad.nominal_time)
    assert (known["succeeded"], known["good_result"]) == (good.nominal_time, result)
    assert set(desk.ledger.memory.newest("nobody", desk.clock.now()).values()) == {None}


@pytest.fixture
def mail_id(desk) -> int:
    """A mail that waits."""
    run, now = desk.running(), desk.clock.now()
    row = {
        "scope": "s", "message_key": "1", "recipient": "ana@example.com", "run_id": run.id, "job": "mail",
        "sender": "us@example.com", "subject": "Hi", "message_id": "<1@x>", "message": b"x",
        "state": MailState.QUEUED, "tries": 0, "created_at": now, "due_at": now,
    }  # fmt: skip
    desk.ledger.runs.finish(run.id, 1, Verdict(Outcome.SUCCEEDED, State.SUCCEEDED, mails=[row]))
    [found] = desk.ledger.sending.due()
    return found


def test_one_sender_claims_a_mail(desk, mail_id: int):
    """Two workers that deliver at once send it once."""
    with ThreadPoolExecutor(6) as pool:
        claims = list(pool.map(lambda _: desk.ledger.sending.claim(mail_id, timedelta(minutes=5)), range(6)))
    assert sum(claim is not None for claim in claims) == 1
    assert desk.ledger.sending.due() == []


def test_a_temporary_refusal_is_due_again_later(desk, mail_id: int):
    """And a mail that was sent is never due."""
    first = desk.ledger.sending.claim(mail_id, timedelta(minutes=5))
    again = desk.clock.now() + timedelta(minutes=1)
    assert desk.ledger.sending.settle_as(first, MailState.TEMPORARY, "451 later", again_at=again)
    assert desk.ledger.sending.due() == []
    desk.clock.advance(minutes=1)
    second = desk.ledger.sending.claim(mail_id, timedelta(minutes=5))
    assert second.tries == 2
    assert desk.ledger.sending.settle_as(second, MailState.SENT, "250 ok")
    desk.clock.advance(days=1)
    assert desk.ledger.sending.due() == []


def test_processes_are_alive_while_they_report(desk):
    """One that fell silent or said that it leaves is not."""
    started = desk.clock.now()
    for name in ("silent", "leaves", "works"):
        desk.ledger.processes.report(name, "worker", "host", 1, started, {"queues": ["default"]})
    desk.clock.advance(seconds=30)
    desk.ledger.processes.report("works", "worker", "host", 1, started, {"queues": ["slow"]})
    desk.ledger.processes.stopped("leaves")
    assert [(one.id, one.info) for one in desk.ledger.processes.alive("worker")] == [("works", {"queues": ["slow"]})]
    assert {one.id for one in desk.ledger.processes.unfinished("host")} == {"silent", "works"}


def test_keys_that_differ_in_case_or_in_a_space_are_two(desk):
    """On every database; else the second of two effects would not happen."""
    assert [desk.ledger.memory.once("run/r1", key) for key in ("AB12", "ab12", "AB12 ", "é", "e")] == [True] * 5

"""What stands behind a context: mails, once-keys, progress, state, the late client."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import pytest

from automation.errors import InvalidInput, Refused
from automation.ledger.rows import RunRow
from automation.runner.mails import Mails
from automation.runner.ports import Files, JobState, Late, Memo
from automation.runner.verdict import success
from automation.services import Services

PATIENCE = timedelta(seconds=30)


def mail(**headers: str) -> EmailMessage:
    message = EmailMessage()
    for name, value in {"To": "a@example.com", "Subject": "Hello", **headers}.items():
        message[name] = value
    message.set_content("Hi.")
    return message


@pytest.fixture
def mails(services: Services, running: Callable[..., RunRow]) -> Mails:
    return Mails(services.clock, running(schedule="main"), lambda _server: "robot@example.com")


def test_mail_is_a_row_for_each_recipient(mails: Mails) -> None:
    """In the order of the headers, each once, and nobody learns of a blind copy."""
    mails.add(mail(To="A <a@example.com>, b@example.com", Cc="a@example.com", Bcc="c@example.com"), "1")

    assert [row["recipient"] for row in mails.rows] == ["a@example.com", "b@example.com", "c@example.com"]
    assert all(b"Bcc" not in row["message"] for row in mails.rows)
    assert {row["scope"] for row in mails.rows} == {"books/main@2026-03-01T12:00:00Z"}


def test_mail_without_a_sender_gets_ours(mails: Mails) -> None:
    """One that has its own keeps it."""
    mails.add(mail(), "1")
    mails.add(mail(From="me@example.com"), "2")

    assert [row["sender"] for row in mails.rows] == ["robot@example.com", "me@example.com"]


def test_mail_has_a_date_and_an_identity_in_its_senders_domain(mails: Mails) -> None:
    """Whoever made it; the same when a second attempt makes it again, and what it has of its own stays."""
    for key, message in (
        ("1", mail()),
        ("1", mail()),
        ("2", mail()),
        ("3", mail(**{"Message-ID": "<x@automation.invalid>"})),
    ):
        mails.add(message, key)
    mails.add(mail(**{"Message-ID": "<y@example.org>"}), "4")

    first, again, other, ours, own = (row["message_id"] for row in mails.rows)
    assert first == again != other
    assert first.endswith("@example.com>")
    assert (ours, own) == ("<x@example.com>", "<y@example.org>")
    assert all(b"Date: Sun, 01 Mar 2026" in row["message"] for row in mails.rows)


@pytest.mark.parametrize(
    ("message", "key", "said"),
    [
        (mail(To=""), "1", "has no recipient; set to, cc or bcc"),
        (mail(), "k" * 201, "longer than 200 characters"),
        (mail(To="a" * 250 + "@example.com"), "1", "longer than 254 characters"),
    ],
)
def test_mail_that_cannot_be_kept_is_refused(mails: Mails, message: EmailMessage, key: str, said: str) -> None:
    """Before the verdict, where the plugin sees it."""
    with pytest.raises(InvalidInput, match=said):
        mails.add(message, key)


@pytest.fixture
def memo(services: Services, running: Callable[..., RunRow]) -> Memo:
    return Memo(services.ledger, services.clock, running(), lambda: False, PATIENCE)


def test_once_is_once_for_an_occurrence(services: Services, running: Callable[..., RunRow]) -> None:
    """Another occurrence has its own; a key has 1 to 200 characters."""
    first = Memo(services.ledger, services.clock, running(), lambda: False, PATIENCE)
    other = Memo(services.ledger, services.clock, running(), lambda: False, PATIENCE)

    assert [first.once("a"), first.once("a"), first.once("b"), other.once("a")] == [True, False, True, True]
    for key in ("", "k" * 201):
        with pytest.raises(InvalidInput, match="the key needs 1 to 200 characters"):
            first.once(key)


def test_progress_is_written_at_most_once_a_second(services: Services, memo: Memo) -> None:
    """And at the end, whenever that is."""
    seen = []
    for done, pause in [(1, 0.0), (2, 0.5), (3, 0.6), (10, 0.0)]:
        services.clock.sleep(pause)
        memo.progress(done, 10)
        seen.append(services.ledger.queries.run(memo._run.id).done)

    assert seen == [1, 1, 3, 10]


def test_wish_to_cancel_is_seen_within_a_second(services: Services, memo: Memo) -> None:
    """And is not forgotten."""
    assert not memo.cancelled()
    services.ledger.runs.request_cancel(memo._run.id)
    assert not memo.cancelled()
    services.clock.sleep(1)
    assert memo.cancelled()
    assert memo.cancelled()


def test_wish_to_cancel_is_seen_well_before_the_end_by_force(
    services: Services, running: Callable[..., RunRow]
) -> None:
    """A `kill_after` that is shorter than a second leaves most of it to stop in."""
    memo = Memo(services.ledger, services.clock, running(), lambda: False, timedelta(milliseconds=400))
    assert not memo.cancelled()
    services.ledger.runs.request_cancel(memo._run.id)
    services.clock.sleep(0.1)
    assert memo.cancelled()


def test_attempt_that_is_no_longer_the_newest_is_told_to_stop(services: Services, memo: Memo) -> None:
    """Its result would be nobody's, and its files are not kept."""
    run = memo._run
    services.ledger.runs.finish(run.id, run.attempt, success(None))
    assert not memo.cancelled()

    with pytest.raises(Refused, match="no longer the newest; its file is not kept"):
        Files(services.ledger, services.clock, run, services.settings.artifacts).save("a.txt", b"", None)


def test_leaving_worker_tells_its_runs(services: Services, running: Callable[..., RunRow]) -> None:
    """At once, without asking the ledger."""
    assert Memo(services.ledger, services.clock, running(), lambda: True, PATIENCE).cancelled()


def test_a_plan_shows_no_secret(services: Services, running: Callable[..., RunRow]) -> None:
    """What a clean-up would delete is written down for people, and its rule may hold a name that nobody is to read."""
    mask = services.redactor.mask_all
    services.redactor.learn("erased@example.com")
    run = running()
    Memo(services.ledger, services.clock, run, lambda: False, PATIENCE, mask).propose(
        "abc", {"keys": ["erased@example.com"]}
    )

    (plan,) = services.ledger.plans.newest(run.job)
    assert "erased" not in str(plan)


def test_state_is_a_mapping_that_knows_whether_it_may_have_changed(services: Services) -> None:
    """Looking whether something is there changes nothing; a value that was read may be changed in place."""
    state = JobState(services.ledger, "books")
    assert (len(state), list(state), state.changed) == (0, [], None)
    state["seen"] = []
    state["seen"].append(1)
    with pytest.raises(InvalidInput, match="longer than 200 characters"):
        state["k" * 201] = 1
    state["gone"] = 1
    del state["gone"]

    assert state.changed == {"seen": [1]}


def test_client_is_made_at_its_first_use_and_closed_then() -> None:
    """A plugin that fetches nothing opens nothing."""
    made: list[Any] = []

    class Client:
        closed = False

        def close(self) -> None:
            self.closed = True

    def make() -> Client:
        made.append(Client())
        return made[-1]

    unused, used = Late(make), Late(make)
    unused.close_if_made()
    assert not used.closed
    used.close_if_made()

    assert [one.closed for one in made] == [True]

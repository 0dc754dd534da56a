"""`outbox list|show|open|retry|cancel` and `mailbox`: what they say of a mail, and what they refuse."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from automation.ledger.mail_tables import outbox
from automation.mail import compose
from automation.services import build_services

Run = Callable[..., tuple[int, str, str]]
JOBS = '[jobs.hello]\nplugin = "email"\ncron = "0 7 * * *"\nparams = { to = "a@example.com", subject = "Hi", text = "Hello" }\n'
STATES = ("sent", "permanent", "in_doubt", "captured")


@pytest.fixture
def mails(project: Path, give_ledger: Callable[[Path], None]) -> Path:
    """The project with one mail in each of the states, numbered from 1."""
    give_ledger(project)
    services = build_services(project, environ={})
    now = services.clock.now() - timedelta(hours=1)
    message = compose(to=["ann@example.com"], subject="Hi", key="1", moment=now, text="Hello Ann", html="<b>Hello</b>")
    row = {
        "scope": "s", "run_id": "r", "job": "hello", "sender": "us@example.com", "subject": "Hi", "tries": 1,
        "message_id": message["Message-ID"], "message": message.as_bytes(), "created_at": now, "due_at": now,
    }  # fmt: skip
    with services.ledger.engine.begin() as connection:
        for state in STATES:
            mine = {
                "message_key": state,
                "recipient": f"{state}@example.com",
                "state": state,
                "response": f"250 {state}",
            }
            connection.execute(outbox.insert().values(**row, **mine))
    services.close()
    return project


def states(run: Run) -> dict[str, str]:
    return {one["recipient"].partition("@")[0]: one["state"] for one in json.loads(run("outbox", "list", "--json")[1])}


def test_mails_are_found_by_state_and_recipient(run: Run, mails: Path) -> None:
    """Newest first; a state that is none is told with those that are."""
    code, out, _ = run("outbox", "list", "--state", "sent", "--state", "permanent", "--json")
    assert [one["state"] for one in json.loads(out)] == ["permanent", "sent"]
    assert "in_doubt@example.com" in run("outbox", "list", "--to", "DOUBT")[1]
    code, _, said = run("outbox", "list", "--state", "sant")
    assert (code, "sent" in said) == (2, True)


def test_a_doubtful_mail_is_sent_again_by_whoever_says_so_alone(run: Run, mails: Path) -> None:
    """It may arrive twice, and the refusal says what to look for."""
    code, _, said = run("outbox", "retry", "2", "3")
    assert code == 3
    assert "Mail 3 to in_doubt@example.com may have arrived" in said
    assert states(run)["permanent"] == "permanent"

    assert run("outbox", "retry", "2", "3", "--yes")[0] == 0
    assert (states(run)["permanent"], states(run)["in_doubt"]) == ("queued", "queued")
    assert run("outbox", "retry", "1")[0] == 3


def test_a_mail_that_left_is_not_cancelled(run: Run, mails: Path) -> None:
    """One in doubt is, with the reason."""
    code, _, said = run("outbox", "cancel", "1")
    assert (code, said.strip()) == (3, "Mail 1 is sent; it is too late to cancel it")
    assert run("outbox", "cancel", "3", "--reason", "it arrived")[0] == 0
    assert "it arrived" in run("outbox", "show", "3")[1]


def test_a_mail_is_shown_as_text_and_as_a_page(run: Run, mails: Path) -> None:
    """The page stands in a frame that may do nothing."""
    _, out, _ = run("outbox", "show", "2")
    assert "mail 2 of job hello: permanent" in out
    assert "Hello Ann" in out
    code, out, _ = run("outbox", "open", "2", "--no-browser")
    page = Path(out.strip()).read_text("utf-8")
    assert code == 0
    assert "<iframe sandbox" in page
    assert "&lt;b&gt;Hello&lt;/b&gt;" in page


@pytest.mark.parametrize(("state", "words"), [("gathered", "its digest noon closes 20"), ("queued", "leaves 20")])
def test_a_mail_that_waits_says_until_when(run: Run, mails: Path, state: str, words: str) -> None:
    """In the list and alone."""
    services = build_services(mails, environ={})
    with services.ledger.engine.begin() as connection:
        later = {
            "state": state,
            "digest": "noon",
            "response": None,
            "due_at": services.clock.now() + timedelta(hours=1),
        }
        connection.execute(outbox.update().where(outbox.c.id == 2).values(**later))
    services.close()

    assert words in run("outbox", "show", "2")[1]
    assert words in " ".join(run("outbox", "list")[1].split())


def test_the_mailbox_holds_what_was_captured(run: Run, mails: Path) -> None:
    """Who would have got what; and that nothing left is said."""
    code, out, said = run("mailbox")
    assert code == 0
    assert "captured@example.com" in out
    assert "Hello Ann" in out
    assert "sent@example.com" not in out
    assert "None of them left this machine" in said

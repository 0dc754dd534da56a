"""`users`, `tokens` and `audit`: who may call the web process, and what was done."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from automation.services import build_services

Run = Callable[..., tuple[int, str, str]]
JOBS = """
[jobs.books]
plugin = "shell"
params.command = "true"
"""


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A password on standard input."""
    monkeypatch.setattr("sys.stdin", io.StringIO("correct horse battery\n"))


def test_a_user_is_added_changed_and_removed(run: Run, project: Path, typed: None) -> None:
    """Each step is a sentence, and a line of the audit trail."""
    code, out, err = run("users", "add", "Ann", "--role", "operator", "--password-stdin")

    assert (code, out) == (0, "User ann is operator\n")
    assert "answers nobody who has not signed in" in err
    assert run("users", "role", "ann", "admin")[0] == 0
    listed = json.loads(run("users", "list", "--json")[1])
    assert [(one["name"], one["role"], one["password"]) for one in listed] == [("ann", "admin", True)]
    assert "that was the last one" in run("users", "remove", "ann")[2].lower()
    trail = json.loads(run("audit", "--json")[1])
    assert [(one["action"], one["target"], one["via"]) for one in trail] == [
        ("user.remove", "ann", "cli"),
        ("user.role", "ann", "cli"),
        ("user.add", "ann", "cli"),
    ]


def test_a_password_is_never_kept(run: Run, project: Path, typed: None) -> None:
    """The ledger has its digest alone, and no command shows even that."""
    run("users", "add", "ann", "--role", "viewer", "--password-stdin")
    services = build_services(project)

    kept = services.ledger.people.find("ann")
    services.close()

    assert kept is not None
    assert (kept.password or "").startswith("$argon2id$")
    assert "argon2" not in run("users", "list", "--json")[1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["ann", "--role", "boss", "--no-password"], "did you mean"),
        (["a b", "--role", "viewer", "--no-password"], "no name of a user"),
        (["ann", "--role", "viewer"], "--password-stdin"),
    ],
)
def test_a_user_that_cannot_be_is_refused(
    run: Run, project: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    """With what to write instead."""
    monkeypatch.setattr("sys.stdin", io.StringIO("short\n"))
    code, _, err = run("users", "add", *arguments)

    assert code == 2
    assert said in err or "viewer, operator, admin" in err


def test_a_short_password_is_refused(run: Run, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says how long one has to be."""
    monkeypatch.setattr("sys.stdin", io.StringIO("short\n"))

    code, _, err = run("users", "add", "ann", "--role", "viewer", "--password-stdin")

    assert code == 2
    assert "12 to 1024 characters" in err


def test_a_token_is_shown_once(run: Run, project: Path) -> None:
    """Listed by its beginning, and revoked by it."""
    code, text, _ = run("tokens", "add", "ci", "--role", "operator", "--scope", "job.run", "--expires", "30d")
    listed = run("tokens", "list", "--json")[1]
    found = json.loads(listed)[0]

    assert code == 0
    assert text.startswith(found["prefix"])
    assert text.strip() not in listed
    assert (found["role"], found["scopes"], found["revoked_at"]) == ("operator", ["job.run"], None)
    assert run("tokens", "revoke", found["prefix"])[0] == 0
    assert json.loads(run("tokens", "list", "--json")[1])[0]["revoked_at"] is not None
    assert run("tokens", "revoke", "nobody")[0] == 2


def test_a_token_of_a_job_that_is_not_is_refused(run: Run, project: Path) -> None:
    """A wrong name would be a token that can do nothing."""
    assert run("tokens", "add", "ci", "--job", "nothing")[0] == 2

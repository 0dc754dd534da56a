"""`run`, `runs`, `show`, `logs`, `outbox`: asking for a run, and looking at what happened."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import OperationalError

from automation.cli.here import Guard
from automation.cli.running import read_params
from automation.cli.runpage import _result
from automation.errors import InvalidInput
from automation.sight import Sight

Run = Callable[..., tuple[int, str, str]]
PLUGIN = '''import os
from email.message import EmailMessage
from automation import Context, JobFailed, Retry, Skip, Snooze, plugin

@plugin
def act(ctx: Context, how: str = "", token: str = "") -> dict:
    """Do what a test asks for."""
    ctx.log.info("at work on %s", how or "nothing")
    if how == "skip": raise Skip("nothing new")
    if how == "retry" and ctx.attempt == 1: raise Retry(after=0.01)
    if how == "crash": raise ValueError("a\\x1b[2Jb")
    if how == "later": raise Snooze(7200, "the file is not there yet")
    if how == "busy": raise Retry(after=7200)
    if how == "fail": raise JobFailed(f"no page for {token}")
    ctx.artifact("page.html", "<p>")
    if how == "many":
        for number in range(130):
            message = EmailMessage()
            message["To"], message["Subject"] = f"a{number}@example.com", "Hello"
            ctx.send(message)
    message = EmailMessage()
    message["To"], message["Subject"] = "a@example.com", "Hello"
    message.set_content("Hi.")
    ctx.send(message)
    return {"how": how, "text": "a\\x1b[2Jb", "dry": ctx.dry_run}
'''
JOBS = """
[jobs.act]
plugin = "act"
params.token = "${env:TOKEN:-nothing}"
[jobs.act.retry]
max_attempts = 2
first = "10ms"
max_delay = "10ms"
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a project with one job."""
    for name, text in {"schedules/a.toml": JOBS, "jobs/act.py": PLUGIN}.items():
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def here(run: Run, project: Path) -> Callable[..., dict[str, Any]]:
    """`here(how, …)`: the run's object after it was done in this process."""

    def make(how: str = "", *options: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(run("run", "act", "--here", "--json", "-p", f"how={how}", *options)[1])
        return found

    return make


def test_run_here_shows_how_it_went(run: Run, project: Path) -> None:
    """A line on the run, its result and its files; no control character of a result reaches the terminal."""
    code, out, _ = run("run", "act", "--here")
    lines = out.splitlines()

    assert code == 0
    assert lines[0].startswith("✓ act succeeded in ")
    assert lines[1:4] == ["  how: ", r"  text: a\x1b[2Jb", "  dry: false"]
    assert lines[4].startswith(f"  file {project}/.automation/artifacts/act/")
    assert lines[4].endswith("page.html (3 B)")


@pytest.mark.parametrize(
    ("how", "code", "state", "attempt"),
    [("", 0, "succeeded", 1), ("skip", 0, "skipped", 1), ("retry", 0, "succeeded", 2), ("fail", 1, "dead", 2)],
)
def test_run_here_ends_as_its_run(run: Run, project: Path, how: str, code: int, state: str, attempt: int) -> None:
    """Attempt after attempt, until there is none left."""
    ended, out, _ = run("run", "act", "--here", "--json", "-p", f"how={how}")
    found = json.loads(out)

    assert (ended, found["state"], found["attempt"], found["max_attempts"]) == (code, state, attempt, 2)
    assert found["finished_at"].endswith("Z")


@pytest.mark.parametrize(("how", "code"), [("later", 3), ("busy", 1)], ids=["put off", "failed"])
def test_run_here_leaves_to_a_worker_what_is_put_off_for_long(run: Run, project: Path, how: str, code: int) -> None:
    """It does not stand for hours: it says when the run goes on, by whom, and that it is not done."""
    ended, out, err = run("run", "act", "--here", "-p", f"how={how}")

    assert ended == code
    assert "act retrying" in out
    assert "a worker goes on with it (automation up)" in err
    assert "automation cancel " in err


def test_run_as_json_has_the_keys_of_the_contract(here: Callable[..., dict[str, Any]]) -> None:
    """Programs rely on them."""
    assert here("", "--dry-run")["result"]["dry"] is True
    assert {
        "id", "job", "plugin", "schedule", "kind", "nominal_time", "queued_at", "started_at", "finished_at", "state",
        "attempt", "max_attempts", "reason", "worker", "result",
    } <= set(here())  # fmt: skip


def test_key_asked_again_starts_nothing(run: Run, here: Callable[..., dict[str, Any]]) -> None:
    """It exits as the first run did, also when that failed."""
    first = here("fail", "--idempotency-key", "k")
    code, out, err = run("run", "act", "--here", "--json", "-p", "how=fail", "--idempotency-key", "k")

    assert (code, json.loads(out)["id"]) == (1, first["id"])
    assert first["id"] in err
    assert len(json.loads(run("runs", "--json")[1])) == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["atc"], "did you mean 'act'"),
        (["act", "-p", "hwo=1"], "did you mean 'how'"),
        (["act", "-p", "how"], "write name=value"),
    ],
)
def test_wrong_wish_ends_with_2(run: Run, project: Path, options: list[str], said: str) -> None:
    """Before anything is recorded."""
    code, out, err = run("run", "--here", *options)

    assert (code, out) == (2, "")
    assert said in err
    assert run("runs", "--json")[1].strip() == "[]"


@pytest.mark.parametrize(
    ("given", "values"),
    [
        (["days=7", "on=true", "rate=1.5"], {"days": 7, "on": True, "rate": 1.5}),
        (["name=Ada", "empty=", "quoted='7'"], {"name": "Ada", "empty": "", "quoted": "7"}),
        (["url=https://h/?a=b", "list=[1, 2]"], {"url": "https://h/?a=b", "list": [1, 2]}),
        (["a.b=1", "a.c.d=x"], {"a": {"b": 1, "c": {"d": "x"}}}),
        (["day=2026-03-01", "x=1\ny=2"], {"day": "2026-03-01", "x": "1\ny=2"}),
        (["name=nan", "deep=" + "[" * 5000], {"name": "nan", "deep": "[" * 5000}),
    ],
)
def test_params_are_read_as_toml_or_text(given: list[str], values: dict[str, Any]) -> None:
    """What TOML cannot read is a string; dots lead into tables."""
    assert read_params(given) == values


@pytest.mark.parametrize(
    ("given", "said"),
    [(["days"], "write name=value"), (["=1"], "write name=value"), (["a=1", "a.b=2"], "already has a value")],
)
def test_param_that_says_nothing_is_refused(given: list[str], said: str) -> None:
    """With what was given and an example."""
    with pytest.raises(InvalidInput, match=said):
        read_params(given)


@given(st.lists(st.text(max_size=12), max_size=3))
def test_any_param_is_a_value_or_a_sentence(words: list[str]) -> None:
    """Nothing else comes out of reading them."""
    refused = None
    try:
        read_params(words)
    except InvalidInput as error:
        refused = str(error)

    assert refused is None or refused.startswith("-p ")


def test_runs_are_listed_newest_first(run: Run, here: Callable[..., dict[str, Any]]) -> None:
    """By job, state and time, at most so many."""
    ids = [here(how)["id"] for how in ("", "skip", "fail")]

    def listed(*options: str) -> list[str]:
        return [one["id"] for one in json.loads(run("runs", "--json", *options)[1])]

    assert listed() == ids[::-1]
    assert listed("-n", "1") == ids[2:]
    assert listed("--job", "act", "--state", "skipped") == [ids[1]]
    assert (listed("--since", "1h"), listed("--since", "2999-01-01T00:00:00Z")) == (ids[::-1], [])
    assert "did you mean 'dead'" in run("runs", "--state", "daed")[2]


def test_runs_as_a_table_are_one_line_each(run: Run, here: Callable[..., dict[str, Any]]) -> None:
    """With attempts as a fraction; nothing to show is a sentence on standard error."""
    found = here("fail")
    lines = run("runs")[1].splitlines()

    assert len(lines) == 2
    assert found["id"] in lines[1]
    assert " 2/2 " in lines[1]
    assert run("runs", "--state", "queued")[1] == ""


def test_show_says_of_a_run_that_skipped_itself_what_its_attempt_did(
    run: Run, here: Callable[..., dict[str, Any]]
) -> None:
    """It is counted as a success; who reads it is told what happened."""
    assert "attempt 1: skipped (" in run("show", here("skip")["id"])[1]


def test_show_tells_all_of_a_run(run: Run, here: Callable[..., dict[str, Any]]) -> None:
    """By the beginning of its id: attempts, params, files and mails."""
    found = here()
    code, out, _ = run("show", found["id"][:8])
    whole = json.loads(run("show", found["id"], "--json")[1])

    assert code == 0
    assert all(word in out for word in ("attempt 1: succeeded", "page.html", "a@example.com: captured", "nominal time"))
    assert whole["params"] == {"how": "", "token": "${env:TOKEN:-nothing}"}
    assert [one["outcome"] for one in whole["attempts"]] == ["succeeded"]
    assert [(one["name"], one["size"]) for one in whole["artifacts"]] == [("page.html", 3)]
    assert [one["state"] for one in whole["mails"]] == ["captured"]


def test_show_of_a_failure_shows_no_secret(
    run: Run, here: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its message and log are masked where they were recorded."""
    monkeypatch.setenv("TOKEN", "hunter2hunter2")
    found = here("fail")
    shown = "".join(run(*command)[1] for command in (["show", found["id"]], ["logs", found["id"]], ["runs"]))

    assert "no page for ***" in shown
    assert "hunter2" not in shown + json.dumps(found)


def test_run_here_delivers_all_its_mails(run: Run, here: Callable[..., dict[str, Any]]) -> None:
    """However many: nobody else may be there to send the rest."""
    here("many")
    mails = json.loads(run("outbox", "list", "--json", "-n", "1000")[1])

    assert [mail["state"] for mail in mails] == ["captured"] * 131


def test_traceback_cannot_move_the_cursor(run: Run, here: Callable[..., dict[str, Any]]) -> None:
    """What a job failed of may have come from anywhere."""
    shown = run("show", here("crash")["id"])[1]

    assert "Traceback" in shown
    assert "\x1b" not in shown


def test_guard_outlives_a_ledger_that_does_not_answer() -> None:
    """A lease that nobody renews is a run that somebody else does again."""
    renewed = threading.Event()
    failures = [OperationalError("UPDATE", {}, ConnectionRefusedError("refused"))]

    def renew(*_: object) -> None:
        if failures:
            raise failures.pop()
        renewed.set()

    ledger = SimpleNamespace(runs=SimpleNamespace(renew=renew), leases=SimpleNamespace(overdue=lambda _: []))
    services: Any = SimpleNamespace(ledger=ledger, settings=SimpleNamespace(lease=timedelta(milliseconds=40)))
    guard = Guard(services, Sight("here"))
    guard.start()

    assert renewed.wait(60)
    guard.stop()


def test_logs_are_lines_or_an_array(run: Run, here: Callable[..., dict[str, Any]]) -> None:
    """Following a run that has ended ends at once."""
    found = here("retry")
    lines = run("logs", found["id"])[1].splitlines()
    objects = json.loads(run("logs", found["id"], "--json")[1])

    assert [line[9:] for line in lines if "at work" in line] == ["at work on retry"] * 2
    assert [one["attempt"] for one in objects if one["level"] == "info"] == [1, 2]
    assert run("logs", "-f", found["id"])[1].splitlines() == lines


@pytest.mark.parametrize("command", ["show", "logs"])
def test_unknown_run_ends_with_2(run: Run, here: Callable[..., dict[str, Any]], command: str) -> None:
    """And a sentence."""
    here()
    code, out, err = run(command, "zzzz")

    assert (code, out) == (2, "")
    assert "zzzz" in err


def test_outbox_lists_and_shows_mails(run: Run, here: Callable[..., dict[str, Any]]) -> None:
    """Captured ones are settled, so there is nothing left to send."""
    here()
    (mail,) = json.loads(run("outbox", "list", "--json", "--state", "captured")[1])

    assert (mail["recipient"], mail["subject"], mail["job"]) == ("a@example.com", "Hello", "act")
    assert "Subject: Hello" in run("outbox", "show", str(mail["id"]))[1]
    assert run("outbox", "send")[1].startswith("0 mails ")
    assert run("outbox", "list", "--state", "sent", "--json")[1].strip() == "[]"


@pytest.mark.parametrize(
    ("command", "said"), [(["show", "99"], "'99'"), (["list", "--state", "snet"], "did you mean 'sent'")]
)
def test_wrong_wish_of_the_outbox_ends_with_2(
    run: Run, here: Callable[..., dict[str, Any]], command: list[str], said: str
) -> None:
    """With the way out."""
    here()
    code, _, err = run("outbox", *command)

    assert code == 2
    assert said in err


def test_commands_that_look_need_a_ledger(run: Run, project: Path) -> None:
    """Before the first run there is none, and the message says how to make one."""
    code, _, err = run("runs")

    assert code == 4
    assert "automation db upgrade" in err


def test_a_long_result_shows_what_is_not_zero() -> None:
    """Of thirty figures those that say something, and the foremost ones in any case; a short one is shown whole."""
    long = {
        "pages": 3,
        "items": 0,
        "new": 0,
        "changed": 0,
        **{f"figure {number}": 0 for number in range(20)},
        "gone": 2,
    }

    assert _result(long) == ["pages: 3", "items: 0", "new: 0", "changed: 0", "gone: 2"]
    assert _result({"matched": 0, "deleted": 0}) == ["matched: 0", "deleted: 0"]
    assert _result({**long, "dry": False, "list": [], "text": "0"})[4:] == ["gone: 2", "text: 0"]

"""One attempt of a run: what each ending of a plugin becomes, and what is kept of it."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from automation.errors import FailureClass, GiveUp, InvalidInput, JobFailed, Retry, Skip, Snooze
from automation.ledger.queries import Queries
from automation.ledger.runs import Verdict
from automation.ledger.states import Outcome, State
from automation.plugin import Context, plugin
from automation.runner.attempt import masked
from automation.services import Services
from automation.testing import JobRun, run_job

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SHORT = timedelta(milliseconds=200)
ENDINGS: dict[str, Callable[[], BaseException]] = {
    "skip": lambda: Skip("nothing new"),
    "retry": lambda: Retry(after=90, reason="not yet"),
    "snooze": lambda: Snooze(timedelta(hours=2), "too early"),
    "give up": lambda: GiveUp("the shop is closed"),
    "throttled": lambda: JobFailed(
        "slow down", FailureClass.THROTTLED, code="http:429", retry_after=timedelta(hours=3)
    ),
    "gone": lambda: JobFailed("no such page", FailureClass.UNKNOWN, code="http:404"),
    "drift": lambda: JobFailed("no title", FailureClass.PARSE_DRIFT),
    "plain": lambda: KeyError("price"),
    "network": lambda: ConnectionResetError("reset"),
    "input": lambda: InvalidInput("write a number"),
    "memory": MemoryError,
    "exit": lambda: SystemExit(3),
    "ctrl-c": KeyboardInterrupt,
    "file name": lambda: ValueError("bad \udcff and \0"),
}


@plugin
def ends(ctx: Context, how: str) -> dict[str, Any]:
    """End as told."""
    raise ENDINGS[how]()


@plugin
def answers(ctx: Context, what: str) -> Any:
    """Return what JSON can or cannot hold."""
    endless: list[Any] = []
    endless.append(endless)
    made: dict[str, Callable[[], Any]] = {
        "nothing": lambda: None,
        "list": lambda: [1, "é", None, {"a": 1.5}],
        "object": lambda: {"at": NOON},
        "nan": lambda: {"ratio": float("nan")},
        "endless": lambda: endless,
        "large": lambda: {"text": "x" * 10_000_000},
    }
    return made[what]()


@plugin
def remembers(ctx: Context, fail: bool = False, odd: bool = False) -> dict[str, Any]:
    """Count its runs in the state, mail about it, and do one thing once."""
    ctx.state["count"] = ctx.state.get("count", 0) + 1
    if odd:
        ctx.state["odd"] = {1, 2}
    message = EmailMessage()
    message["To"], message["Bcc"], message["Subject"] = "a@example.com, b@example.com", "c@example.com", "Hello"
    message.set_content("Hi.")
    ctx.send(message)
    ctx.artifact("page.html", "<p>")
    if fail:
        raise ValueError("too late")
    return {"count": ctx.state["count"], "once": [ctx.once("k"), ctx.once("k"), ctx.once("other")]}


@plugin
def whispers(ctx: Context, token: str, where: str) -> dict[str, Any]:
    """Let a secret slip."""
    ctx.log.warning("token %s", token)
    try:
        int(token)
    except ValueError as error:
        if where == "raise":
            raise
        if where == "cause":
            raise RuntimeError(base64.b64encode(token.encode()).decode()) from error
        if where == "skip":
            raise Skip(f"no {token}") from None
    return {token: [token, {"deep": f"<{token}>"}]}


@plugin
def remembers_the_unwritable(ctx: Context) -> None:
    """Keep what no database takes."""
    ctx.state["\udcff"] = 1


def test_what_the_ledger_cannot_hold_is_a_failure() -> None:
    """Without any verdict the run would be running until its hard limit."""
    done = run_job(remembers_the_unwritable)

    assert (done.state, done.failure_class) == ("retrying", "data_invalid")
    assert "cannot hold what the attempt left" in str(done.message)


def test_a_plugin_may_fail_while_the_ledger_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether somebody cancelled the run cannot be asked then; the failure counts all the same."""

    def away(*_: object) -> None:
        monkeypatch.undo()
        raise OperationalError("SELECT", {}, ConnectionRefusedError("refused"))

    monkeypatch.setattr(Queries, "run", away)
    done = run_job(ends, {"how": "network"})

    assert (done.state, done.failure_class) == ("retrying", "transport")


def test_code_fits_its_column(services: Services) -> None:
    """Whatever a plugin or the name of an exception made of it; without a secret, and none stays none."""
    services.redactor.learn("hunter2hunter2")
    long, secret, none = (
        masked(services, Verdict(Outcome.FAILED, State.DEAD, code=code)).code
        for code in ("http:" + "5" * 300, "http:hunter2hunter2", None)
    )

    assert long is not None
    assert (len(long), secret, none) == (200, "http:***", None)


def test_skip_is_no_failure() -> None:
    """The run ends well, with the plugin's reason."""
    done = run_job(ends, {"how": "skip"})

    assert (done.state, done.reason, done.failure_class, done.log) == ("skipped", "nothing new", None, ("nothing new",))


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("retry", "attempt 1 of 3 failed; again in 1m 30s"),
        ("throttled", "attempt 1 of 3 failed; again in 3h"),
        ("snooze", "snoozed for 2h: too early"),
    ],
)
def test_plugin_may_say_when_to_try_again(how: str, reason: str) -> None:
    """At least after the time that it asked for."""
    done = run_job(ends, {"how": how}, at=NOON)

    assert (done.state, done.reason) == ("retrying", reason)


@pytest.mark.parametrize(
    ("how", "state", "kind", "message"),
    [
        ("give up", "dead", "unknown", "the shop is closed"),
        ("gone", "dead", "unknown", "no such page"),
        ("drift", "dead", "parse_drift", "no title"),
        ("input", "dead", "config", "write a number"),
        ("plain", "retrying", "unknown", "KeyError: 'price'"),
        ("network", "retrying", "transport", "ConnectionResetError: reset"),
        ("memory", "retrying", "memory", "MemoryError"),
        ("exit", "retrying", "unknown", "SystemExit: 3"),
        ("file name", "retrying", "unknown", r"ValueError: bad \udcff and \x00"),
    ],
)
def test_failure_has_its_class_and_message(how: str, state: str, kind: str, message: str) -> None:
    """Whether another attempt follows depends on what kind of failure it was."""
    done = run_job(ends, {"how": how})

    assert (done.state, done.failure_class, done.message) == (state, kind, message)
    assert message in done.log[-1]


@pytest.mark.parametrize(
    ("how", "level"), [("skip", "INFO"), ("snooze", "INFO"), ("ctrl-c", "INFO"), ("retry", "ERROR"), ("plain", "ERROR")]
)
def test_only_a_failure_is_logged_as_an_error(how: str, level: str, caplog: pytest.LogCaptureFixture) -> None:
    """A watch that found nothing new is no alarm; the line that says why still stands in the log."""
    done = run_job(ends, {"how": how})

    said = [one for one in caplog.records if one.getMessage() == done.log[-1]]
    assert [one.levelname for one in said] == [level]


def test_traceback_is_kept_where_it_helps() -> None:
    """Of an exception that nobody foresaw, and not of a failure that the plugin explained."""
    assert "raise ENDINGS[how]()" in str(run_job(ends, {"how": "plain"}).traceback)
    assert run_job(ends, {"how": "throttled"}).traceback is None
    assert run_job(ends, {"how": "give up"}).traceback is None


def test_interrupted_by_hand_is_cancelled() -> None:
    """Ctrl-C is a wish and no failure."""
    done = run_job(ends, {"how": "ctrl-c"})

    assert (done.state, done.reason) == ("cancelled", "stopped by Ctrl-C")


@pytest.mark.parametrize(("what", "kept"), [("nothing", None), ("list", [1, "é", None, {"a": 1.5}])])
def test_result_is_kept_as_json(what: str, kept: Any) -> None:
    """Whatever JSON can say."""
    assert run_job(answers, {"what": what}).result == kept


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("object", "Object of type datetime is not JSON serializable; return a dict of numbers"),
        ("nan", "The plugin's result cannot be kept as JSON: Out of range float values"),
        ("endless", "Circular reference"),
        ("large", "has 10,000,012 characters of JSON, more than 1,000,000; keep the data as an artifact"),
    ],
)
def test_result_that_cannot_be_kept_is_a_failure(what: str, said: str) -> None:
    """It says what to return in its place."""
    done = run_job(answers, {"what": what})

    assert (done.state, done.failure_class, done.result) == ("retrying", "data_invalid", None)
    assert said in str(done.message)


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({}, "how: Field required"),
        ({"how": ["x"]}, "how: Input should be a valid string"),
        ({"how": "skip", "hwo": 1}, "hwo: Extra inputs are not permitted"),
    ],
)
def test_wrong_params_end_the_run(params: dict[str, Any], said: str) -> None:
    """No attempt with the same params would help."""
    done = run_job(ends, params)

    assert (done.state, done.failure_class) == ("dead", "config")
    assert f"The parameters do not fit plugin 'ends': {said}" in str(done.message)


def test_wrong_param_shows_no_secret() -> None:
    """What came from a reference is not in the message."""
    done = run_job(answers, {"what": ["${env:TOKEN}"]}, environ={"TOKEN": "hunter2hunter2"})

    assert "hunter2" not in f"{done!r}{done.message}{done.traceback}"


def test_missing_secret_ends_the_run() -> None:
    """It names the variable."""
    done = run_job(ends, {"how": "${env:TOKEN}"})

    assert (done.state, done.failure_class) == ("dead", "config")
    assert "the variable TOKEN is not set" in str(done.message)


@pytest.mark.parametrize("fail", [False, True])
def test_state_and_mails_are_those_of_attempts_that_succeeded(tmp_path: Path, fail: bool) -> None:
    """What a failed attempt wrote and sent is as if it had not been; its files are kept to look at."""
    run_job(remembers, project=tmp_path)
    second = run_job(remembers, {"fail": fail}, project=tmp_path)
    third = run_job(remembers, project=tmp_path)

    assert third.result == {"count": 2 if fail else 3, "once": [True, False, True]}
    assert [mail["Bcc"] for mail in second.mails] == ([] if fail else [None] * 3)
    assert second.files == {"page.html": b"<p>"}


def test_jobs_do_not_share_their_state(tmp_path: Path) -> None:
    """The same plugin under another job begins anew."""
    run_job(remembers, project=tmp_path, job="one")

    assert run_job(remembers, project=tmp_path, job="two").result["count"] == 1


def test_state_that_is_no_json_is_a_failure_of_the_run() -> None:
    """Which says so, and loses nothing else."""
    done = run_job(remembers, {"odd": True})

    assert (done.state, done.failure_class) == ("retrying", "data_invalid")
    assert "What the plugin put into ctx.state cannot be kept as JSON" in str(done.message)


def test_progress_and_log_are_kept() -> None:
    """The end is always told, line breaks stay, and a path keeps its backslashes."""

    @plugin
    def works(ctx: Context) -> None:
        ctx.progress(1, 3)
        ctx.progress(2, 3)
        ctx.progress(3, 3)
        ctx.log.debug("too fine")
        ctx.log.info("first\nsecond \x1b[2J")
        ctx.log.info("%s in C:\\new", "many")

    done = run_job(works)

    assert (done.state, done.progress) == ("succeeded", (3, 3))
    assert done.log == ("first\nsecond \\x1b[2J", "many in C:\\new")


@pytest.mark.parametrize("name", ["../x", "", ".hidden", "a/b", "x" * 201])
def test_bad_name_of_a_file_ends_the_run(tmp_path: Path, name: str) -> None:
    """And writes none."""

    @plugin
    def keeps(ctx: Context, name: str) -> None:
        ctx.artifact(name, b"")

    done = run_job(keeps, {"name": name}, project=tmp_path)

    assert (done.state, done.failure_class, done.files) == ("dead", "config", {})
    assert not list((tmp_path / ".automation" / "artifacts").rglob("*"))


def test_files_of_another_job_are_found(tmp_path: Path) -> None:
    """Those of its newest succeeded run, by pattern; a finished file moves out of the work folder."""

    @plugin
    def looks(ctx: Context) -> Any:
        draft = ctx.workdir / "draft"
        draft.write_text("done")
        ctx.artifact("report.txt", draft)
        return [one.path.read_text() for one in ctx.artifacts("pages", "*.html")] + [str(draft.exists())]

    run_job(remembers, project=tmp_path, job="pages")
    done = run_job(looks, project=tmp_path)

    assert done.result == ["<p>", "False"]
    assert done.files == {"report.txt": b"done"}
    assert not list((tmp_path / ".automation" / "work").iterdir())


@pytest.mark.parametrize("where", ["result", "raise", "cause", "skip"])
def test_no_secret_is_kept(tmp_path: Path, where: str) -> None:
    """Neither in result, reason, message, traceback and log, nor anywhere in the ledger's file."""
    secret = 'hun"ter2\\é'
    done = run_job(whispers, {"token": "${env:TOKEN}", "where": where}, environ={"TOKEN": secret}, project=tmp_path)
    shown = json.dumps([done.reason, done.result, done.message, done.traceback, done.log], ensure_ascii=False)
    stored = b"".join(path.read_bytes() for path in (tmp_path / ".automation").glob("ledger.db*"))

    assert "***" in shown
    for form in (secret, json.dumps(secret)[1:-1], repr(secret)[1:-1], base64.b64encode(secret.encode()).decode()):
        assert form not in shown
        assert form.encode() not in stored


def test_context_says_what_the_run_is() -> None:
    """Job, attempt, moment and window, and whether it is only to be tried."""

    @plugin
    def tells(ctx: Context) -> dict[str, Any]:
        """Say it."""
        return {
            "job": [ctx.job.name, ctx.job.plugin], "attempt": ctx.attempt, "kind": ctx.kind, "dry": ctx.dry_run,
            "times": [str(ctx.nominal_time), str(ctx.window.start)], "cancelled": ctx.cancelled,
            "soup": ctx.soup("<p>Hi</p>").p.text, "text": ctx.render_text("{{ n + 1 }}", n=1),
        }  # fmt: skip

    assert run_job(tells, at=NOON, dry_run=True, job="books").result == {
        "job": ["books", "tells"], "attempt": 1, "kind": "manual", "dry": True,
        "times": ["2026-03-01 12:00:00+00:00"] * 2, "cancelled": False, "soup": "Hi", "text": "2",
    }  # fmt: skip


def test_coroutine_function_is_a_plugin() -> None:
    """Its result and its failures count as those of any other."""

    @plugin
    async def waits(ctx: Context, fail: bool = False) -> dict[str, int]:
        await asyncio.sleep(0)
        if fail:
            raise JobFailed("no", FailureClass.EMPTY)
        return {"n": 1}

    assert run_job(waits).result == {"n": 1}
    assert run_job(waits, {"fail": True}).failure_class == "empty"


@plugin
def sleeps(ctx: Context) -> None:
    time.sleep(30)


@plugin
def swallows(ctx: Context) -> None:
    try:
        time.sleep(30)
    except Exception:
        ctx.log.exception("swallowed")


@plugin
def computes(ctx: Context) -> None:
    while True:
        pass


@plugin
async def awaits(ctx: Context) -> None:
    await asyncio.sleep(30)


@plugin
async def gathers(ctx: Context) -> None:
    await asyncio.gather(*(asyncio.sleep(30) for _ in range(5)))


@pytest.mark.parametrize("late", [sleeps, swallows, computes, awaits, gathers], ids=lambda function: function.__name__)
def test_attempt_beyond_its_limit_is_ended(late: Callable[..., Any]) -> None:
    """Wherever it hangs, and also where it catches every exception."""
    done: JobRun = run_job(late, timeout=SHORT)

    assert (done.state, done.failure_class) == ("retrying", "timeout")
    assert (done.message, done.traceback) == ("longer than its timeout of 200ms", None)
    assert "swallowed" not in done.log


def test_work_folder_is_made_at_the_first_look(tmp_path: Path) -> None:
    """A plugin that needs none leaves the disk alone; one that does has it to itself until the attempt ends."""

    @plugin
    def looks(ctx: Context, look: bool) -> Any:
        return [ctx.workdir.is_dir(), ctx.workdir == ctx.workdir] if look else None

    run_job(looks, {"look": False}, project=tmp_path)
    assert not (tmp_path / ".automation" / "work").exists()

    assert run_job(looks, {"look": True}, project=tmp_path).result == [True, True]
    assert not list((tmp_path / ".automation" / "work").iterdir())

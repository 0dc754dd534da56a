"""`pause`, `resume`, `pauses`: what they say, what they refuse, and what other commands say of a pause."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from automation.queue.enqueue import Request, record
from automation.services import build_services

Run = Callable[..., tuple[int, str, str]]
JOBS = """
[jobs.books]
plugin = "shell"
cron = "0 7 * * *"
tags = ["shop"]
params.command = "true"
[jobs.many]
plugin = "shell"
tags = ["shop", "night"]
params.command = "true"
[[jobs.many.schedules]]
id = "hourly"
every = "1h"
[[jobs.many.schedules]]
id = "nightly"
cron = "0 2 * * *"
"""


@pytest.fixture
def ledger(give_ledger: Callable[[Path], None], project: Path) -> Path:
    """The same with a ledger."""
    give_ledger(project)
    return project


def states(run: Run) -> dict[str, tuple[str, str | None]]:
    listed: list[dict[str, Any]] = json.loads(run("list", "--json")[1])
    return {job["job"]: (job["state"], job["reason"]) for job in listed}


def test_pause_says_what_it_means_and_how_to_end_it(run: Run, ledger: Path) -> None:
    """Until when, by whom, why, and that a run by hand still works."""
    code, out, _ = run("pause", "books", "--reason", "site moves", "--by", "ana")

    assert code == 0
    assert out.splitlines() == [
        "Paused: job 'books', by ana: site moves",
        "Fires from now on are recorded as skipped; `automation run books` still works. "
        "End it with: automation resume books",
    ]


def test_pauses_are_listed_by_level(run: Run, ledger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the login name where nobody is named, and the end where there is one."""
    monkeypatch.setenv("LOGNAME", "ben")
    for options in (["books", "--until", "2h"], ["many/hourly"], ["--tag", "shop"], ["--all", "--by", "ana"]):
        run("pause", *options, "--reason", "why")
    rows = json.loads(run("pauses", "--json")[1])

    named = [("job", "books", "ben"), ("schedule", "many/hourly", "ben"), ("tag", "shop", "ben"), ("all", "", "ana")]
    assert [(row["level"], row["target"], row["author"]) for row in rows] == named
    since, until = (datetime.fromisoformat(rows[0][key]) for key in ("since", "until"))
    assert timedelta(minutes=119) < until - since <= timedelta(hours=2)
    assert [row["until"] for row in rows[1:]] == [None] * 3


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["books"], 'automation pause books --reason "…"'),
        (["books", "--reason", "  "], "Say why"),
        (["--reason", "x"], "exactly one of JOB, JOB/SCHEDULE, --tag TAG or --all; found none"),
        (["books", "--all", "--reason", "x"], "found more than one"),
        (["boks", "--reason", "x"], "did you mean 'books'"),
        (["many/nihgtly", "--reason", "x"], "did you mean 'many/nightly'"),
        (["--tag", "shpo", "--reason", "x"], "did you mean 'shop'?"),
        (["books", "--reason", "x", "--until", "2020-01-01"], "has passed"),
        (["books", "--reason", "x", "--until", "0s"], "has passed"),
        (["books", "--reason", "x", "--until", "soon"], "a span from now such as"),
        (["books", "--reason", "x", "--by", "n" * 121], "longer than 120"),
    ],
)
def test_wrong_pause_ends_with_2(run: Run, ledger: Path, options: list[str], said: str) -> None:
    """And pauses nothing."""
    code, out, err = run("pause", *options)

    assert (code, out) == (2, "")
    assert said in err
    assert run("pauses", "--json")[1].strip() == "[]"


def test_a_job_whose_file_is_broken_can_be_paused(run: Run, ledger: Path) -> None:
    """It goes on firing under the active configuration; a name that nothing knows is told with the broken file."""
    services = build_services(ledger)
    job = services.project.job("books")
    specs = {("books", "main"): job.schedules[0].spec}
    services.ledger.occurrences.activate("d", specs, "s", definitions={"books": {"plugin": "shell"}})
    services.close()
    (ledger / "schedules" / "a.toml").write_text(JOBS + "[jobs")
    code, out, err = run("pause", "books", "--reason", "site moves", "--by", "ana")
    wrong = run("pause", "boks", "--reason", "site moves")

    assert (code, out.splitlines()[0]) == (0, "Paused: job 'books', by ana: site moves")
    assert "it is paused as the scheduler knows it" in err
    assert (wrong[0], "schedules/a.toml cannot be read and may declare it" in wrong[2]) == (2, True)


@pytest.mark.parametrize("command", ["show", "logs"])
def test_who_names_a_job_in_place_of_a_run_is_told_what_to_type(run: Run, ledger: Path, command: str) -> None:
    """Which is the list of its runs, or what counts for it."""
    code, _, err = run(command, "books")

    assert (code, "it is a job; see: automation runs --job books" in err) == (2, True)


def test_resume_tells_what_still_holds(run: Run, ledger: Path) -> None:
    """A job that a tag pauses too is not resumed by its own name alone."""
    run("pause", "books", "--reason", "site moves", "--by", "ana")
    run("pause", "--tag", "shop", "--reason", "freeze", "--by", "ben")
    first, second = run("resume", "books"), run("resume", "--tag", "shop")

    assert first[0] == second[0] == 0
    assert first[1].startswith("Resumed: job 'books', paused since ")
    assert "Still paused: tag 'shop', by ben: freeze. End it with: automation resume --tag shop" in first[1]
    assert "Still paused" not in second[1]
    assert run("pauses", "--json")[1].strip() == "[]"


def test_resume_of_what_is_not_paused_is_no_error(run: Run, ledger: Path) -> None:
    """It says so, and names the part that is; a name that nothing has is one."""
    run("pause", "many/hourly", "--reason", "noise", "--by", "ana")
    code, out, _ = run("resume", "many")

    assert (code, out.splitlines()[0]) == (0, "Not paused: job 'many'")
    assert "automation resume many/hourly" in out
    assert run("resume", "--all")[:2] == (0, out.replace("Not paused: job 'many'", "There was no pause of everything"))
    assert run("resume", "mny")[0] == 2


def test_what_is_no_longer_declared_can_be_resumed(run: Run, ledger: Path) -> None:
    """Its pause would stay for ever."""
    run("pause", "books", "--reason", "site moves")
    (ledger / "schedules" / "a.toml").write_text(JOBS.replace("jobs.books", "jobs.library"))

    assert run("resume", "books")[0] == 0
    assert run("pauses", "--json")[1].strip() == "[]"


def test_list_shows_what_is_paused(run: Run, ledger: Path) -> None:
    """With the reason; of a job of which one schedule goes on, that a part is."""
    run("pause", "books", "--reason", "site moves", "--by", "ana")
    run("pause", "many/hourly", "--reason", "noise", "--by", "ben")

    assert states(run) == {
        "books": ("paused", "job 'books', by ana: site moves"),
        "many": ("enabled", "schedule 'many/hourly', by ben: noise"),
    }
    assert "paused: job 'books', by ana: site moves" in run("list")[1]
    run("pause", "many/nightly", "--reason", "noise")
    assert states(run)["many"][0] == "paused"


def test_list_works_without_a_ledger(run: Run, project: Path) -> None:
    """And makes none."""
    assert states(run) == {"books": ("enabled", None), "many": ("enabled", None)}
    assert not (project / ".automation").exists()


def test_list_says_when_the_ledger_cannot_be_asked(run: Run, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On standard error; what is declared is known all the same."""
    monkeypatch.setenv("AUTOMATION_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    code, out, err = run("list", "--json")

    assert (code, len(json.loads(out))) == (0, 2)
    assert "What is paused, or has fired before, is not known: The ledger " in err


def test_pause_can_cancel_what_is_open(run: Run, ledger: Path) -> None:
    """Of its own jobs alone; without the option it says that they may go on."""
    services = build_services(ledger)
    ids = [record(services, Request(job, {}))[0].id for job in ("books", "many")]
    services.close()
    left = run("pause", "books", "--reason", "site moves")[2]
    code, out, _ = run("pause", "books", "--reason", "site moves", "--cancel")
    known = {one["id"]: one["state"] for one in json.loads(run("runs", "--json")[1])}

    assert "1 open run of it may go on" in left
    assert (code, f"Run {ids[0]} of books is cancelled" in out) == (0, True)
    assert known == {ids[0]: "cancelled", ids[1]: "queued"}


def test_paused_job_runs_by_hand_with_a_notice(run: Run, ledger: Path) -> None:
    """A pause is about schedules."""
    run("pause", "--tag", "shop", "--reason", "freeze", "--by", "ana")
    code, out, err = run("run", "books", "--here", "--json")

    assert (code, json.loads(out)["state"]) == (0, "succeeded")
    assert "The schedules of job 'books' are paused (tag 'shop', by ana: freeze)" in err


def test_pause_that_has_ended_by_itself_is_gone(run: Run, ledger: Path) -> None:
    """Its `until` has come; nobody has to resume it."""
    run("pause", "books", "--reason", "short", "--until", "1ms")

    assert run("pauses", "--json")[1].strip() == "[]"

"""Every command, typed as a user types it beside a running `automation up`; and what is refused, in which words."""

from __future__ import annotations

import json
import signal
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import datetime, timedelta

import pytest

pytestmark = pytest.mark.timeout(180)

PLUGINS = '''
from automation import Context, JobFailed, plugin


@plugin("greet")
def greet(ctx: Context, name: str, times: int = 1) -> dict[str, str]:
    """Greet somebody, more than once if wanted."""
    ctx.log.info("greeting %s", name)
    ctx.artifact("hello.txt", f"Hello, {name}!")
    return {"greeting": " ".join([f"Hello, {name}!"] * times)}


@plugin("closed")
def closed(ctx: Context) -> None:
    """Fail."""
    raise JobFailed("the shop is closed")
'''

JOBS = """
[jobs.greet]
plugin      = "greet"
cron        = "0 6,18 * * *"
timezone    = "Europe/Madrid"
description = "Says hello"
tags        = ["people"]
retry       = { max_attempts = 1 }
params      = { name = "World" }

[jobs.closed]
plugin = "closed"
retry  = { max_attempts = 1 }

[jobs.tick]
plugin  = "shell"
every   = "2s"
timeout = "1s"
params  = { command = "echo tick" }
"""

PAGES = """
[jobs.{name}]
plugin = "report"
retry  = {{ max_attempts = 1 }}

[jobs.{name}.params]
title    = "T"
template = "{name}.html"
queries  = {{ one = {{ database = "sqlite:///shop.db", sql = "SELECT 1 AS x" }} }}
"""


def slow(*values):
    """A case of which the default run has others of its kind: each is a process of its own."""
    return pytest.param(*values, marks=pytest.mark.slow)


RUN_KEYS = {
    "id", "job", "plugin", "schedule", "kind", "nominal_time", "queued_at", "started_at", "finished_at", "state",
    "attempt", "max_attempts", "reason", "worker", "result",
}  # fmt: skip


def set_up(machine):
    machine.write("jobs/people.py", PLUGINS)
    machine.write("schedules/people.toml", JOBS)
    return machine


@pytest.fixture(scope="module")
def running(machines):
    """A project that `automation up` runs beside all these tests."""
    machine = set_up(machines())
    machine.up()
    return machine


@pytest.fixture
def idle(machine):
    """The same project, which nothing runs."""
    return set_up(machine)


def told(done, code):
    """What a refused command says: on standard error, without a traceback, with nothing on standard output."""
    assert (done.returncode, done.stdout) == (code, ""), done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


def test_check_counts_the_jobs(running):
    """A project in order is told so, and as JSON has no problem."""
    checked = running.type("check")

    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "3 jobs, no error\n", "")
    assert running.json("check") == []


def test_check_tells_every_problem_with_its_place(idle):
    """All of them, a line each, and exit code 2."""
    idle.write(
        "schedules/wrong.toml",
        '[jobs.a]\nplugin = "gret"\nevry = "5s"\n\n[jobs.b]\nplugin = "shell"\ncron = "60 * * * *"\n',
    )

    checked = idle.type("check")

    assert checked.returncode == 2
    places = [line.split(": ")[0] for line in checked.stdout.splitlines() if "wrong.toml" in line]
    assert {place.partition("wrong.toml:")[2].partition(":")[0] for place in places} == {"2", "3", "5", "7"}
    assert "did you mean 'greet'?" in checked.stdout
    assert "did you mean 'every'?" in checked.stdout


@pytest.mark.slow
def test_list_shows_what_and_when(running):
    """The table for people, the same rows for programs."""
    table = running.type("list").stdout
    rows = {row["job"]: row for row in running.json("list")}

    assert [line.split()[0] for line in table.splitlines()] == ["job", "greet", "closed", "tick"]
    assert rows["greet"]["description"] == "Says hello"
    assert rows["greet"]["tags"] == ["people"]
    assert {row["state"] for row in rows.values()} == {"enabled"}
    assert len(running.json("list", "-n", "1")) == 1


@pytest.mark.slow
def test_next_tells_fires_in_both_times(running):
    """A day's fires of one job, by the clock of its zone and in UTC; a job without a schedule says what to type."""
    fires = running.json("next", "greet", "--from", "2026-01-10T00:00Z", "--to", "2026-01-11T00:00Z")

    assert [(fire["nominal_time"], fire["local_time"]) for fire in fires] == [
        ("2026-01-10T05:00:00Z", "2026-01-10T06:00:00+01:00"),
        ("2026-01-10T17:00:00Z", "2026-01-10T18:00:00+01:00"),
    ]
    assert len(running.type("next", "-n", "3").stdout.splitlines()) == 4
    assert "automation run closed" in running.type("next", "closed").stderr


def test_run_wait_follows_a_run_to_its_end(running):
    """The result and the file are shown; the JSON is the run as the contract has it."""
    shown = running.type("run", "greet", "--wait")
    run = running.json("run", "greet", "-p", "name=Ann", "-p", "times=2", "--wait")

    assert shown.returncode == 0
    assert "✓ greet succeeded" in shown.stdout
    assert "greeting: Hello, World!" in shown.stdout
    assert run.keys() >= RUN_KEYS
    assert (run["state"], run["kind"], run["attempt"]) == ("succeeded", "manual", 1)
    assert run["result"] == {"greeting": "Hello, Ann! Hello, Ann!"}


@pytest.mark.slow
def test_run_without_wait_answers_at_once_and_logs_follow_it(running):
    """The line says how to follow it; `logs -f` ends with the run, and has its lines."""
    run = running.json("run", "greet", "-p", "name=Bo")

    followed = running.type("logs", "-f", run["id"])

    assert run["state"] in ("queued", "running", "succeeded")
    assert followed.returncode == 0
    assert "greeting Bo" in followed.stdout
    assert [line["message"] for line in running.json("logs", run["id"])][-1:] == ["greeting Bo"]
    assert running.json("show", run["id"])["state"] == "succeeded"


@pytest.mark.slow
def test_a_failed_run_is_exit_code_1_and_shows_why(running):
    """`run --wait` ends with 1, `show` by the beginning of the id tells the attempt."""
    failed = running.type("run", "closed", "--wait")
    (run,) = running.json("runs", "--job", "closed", "-n", "1")
    page = running.type("show", run["id"][:8])

    assert failed.returncode == 1
    assert "the shop is closed" in failed.stdout
    assert "Traceback" not in failed.stdout + failed.stderr
    assert "attempt 1: failed" in page.stdout
    assert running.json("show", run["id"])["attempts"][0]["message"] == "the shop is closed"


@pytest.mark.slow
def test_show_has_the_files_of_a_run(running):
    """Name, place and checksum; the file lies there."""
    run = running.json("run", "greet", "--wait")

    (file,) = running.json("show", run["id"])["artifacts"]

    assert file["name"] == "hello.txt"
    assert (running.data / "artifacts" / "greet" / run["id"] / "hello.txt").read_text() == "Hello, World!"
    assert file["path"].endswith(f"greet/{run['id']}/hello.txt")


@pytest.mark.slow
def test_runs_are_filtered_and_newest_first(running, eventually):
    """By job, state and age; scheduled ones are there without being asked for."""
    eventually(lambda: len(running.json("runs", "--job", "tick", "--state", "succeeded")) >= 2)

    found = running.json("runs", "--job", "tick", "--since", "1h", "-n", "2")

    assert [run["job"] for run in found] == ["tick", "tick"]
    times = [datetime.fromisoformat(run["nominal_time"]) for run in found]
    assert times[0] - times[1] >= timedelta(seconds=2)
    assert found[0]["kind"] == "scheduled"
    assert running.json("runs", "--job", "tick", "--state", "dead") == []


@pytest.mark.slow
def test_the_same_idempotency_key_starts_nothing(running):
    """The first run is shown again; another body under the key is wrong input."""
    key = ("--idempotency-key", "once", "--wait")
    first = running.json("run", "greet", *key)

    again = running.type("run", "greet", *key, "--json")
    other = running.type("run", "greet", "-p", "name=Eve", *key)

    assert (again.returncode, json.loads(again.stdout)["id"]) == (0, first["id"])
    assert "nothing new is started" in again.stderr
    assert "another body" in told(other, 2)


@pytest.mark.slow
def test_plugins_tell_what_they_take(running):
    """Shipped ones and the project's own; one of them with its parameters."""
    origins = {row["plugin"]: row["origin"] for row in running.json("plugins")}
    parameters = {row["parameter"]: row for row in running.json("plugins", "greet")["parameters"]}

    assert origins.keys() >= {"scrape", "cleanup", "report", "email", "shell", "http", "python", "greet"}
    assert (origins["greet"], origins["scrape"]) == ("project", "shipped")
    assert parameters["name"]["required"]
    assert parameters["times"]["default"] == 1
    assert "Greet somebody" in running.type("plugins", "greet").stdout


def all_well(checks):
    """The checks, once each of them is in order."""
    return checks if {check["state"] for check in checks} == {"ok"} else None


@pytest.mark.slow
def test_doctor_finds_everything_at_work(running, eventually):
    """With `up`, each part works, as soon as a scheduler leads."""
    found = eventually(lambda: all_well(running.json("doctor")))

    names = {check["name"] for check in found}

    assert names >= {"broker", "redbeat entries", "ledger", "scheduler", "workers", "smtp", "disk", "clock", "tzdata"}
    assert running.type("doctor").stdout.endswith("Everything that is needed works.\n")


@pytest.mark.slow
def test_doctor_without_up_says_what_to_start(idle):
    """The broker fails with the command to type, and the exit code is 1."""
    examined = idle.type("doctor")

    assert examined.returncode == 1
    assert "start it with: automation up" in examined.stdout


@pytest.mark.slow
def test_db_upgrade_is_there_to_be_repeated(running):
    """A ledger of this version stays as it is."""
    first, second = running.type("db", "upgrade"), running.type("db", "upgrade")

    assert first.returncode == 0
    assert first.stdout == second.stdout
    assert first.stdout.startswith("The ledger is at version ")


def test_run_here_needs_nothing_that_runs(idle):
    """It makes the ledger, does the run, shows it; a failed one exits with 1."""
    done, failed = idle.type("run", "greet", "--here"), idle.type("run", "closed", "--here")

    assert (done.returncode, failed.returncode) == (0, 1)
    assert "greeting: Hello, World!" in done.stdout
    assert "the shop is closed" in failed.stdout
    assert [run["state"] for run in idle.json("runs")] == ["dead", "succeeded"]
    assert not idle.processes()


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("chek", "Did you mean 'check'"),
        slow("list --jsn", "--json"),
        slow("list -n", "requires an argument"),
        slow("list -n few", "'--limit'"),
        slow("run", "Missing argument"),
        slow("run greet closed", "unexpected extra argument"),
        ("run gret", "There is no job 'gret'; did you mean 'greet'?"),
        slow("run farewell", "There is no job 'farewell'. See `automation list`."),
        slow("next gret", "There is no job 'gret'; did you mean 'greet'?"),
        slow("runs --job gret", "There is no job 'gret'; did you mean 'greet'?"),
        slow("runs --state sucess", "'sucess' is no state"),
        slow("runs --since yesterday", "yesterday"),
        slow("plugins gret", "There is no plugin 'gret'; did you mean 'greet'?"),
        slow("show zzz", "There is no run 'zzz'; see: automation runs"),
        ("logs zzz", "There is no run 'zzz'; see: automation runs"),
        slow("run greet -p nonsense", "write name=value"),
        ("run greet -p tims=2", "unknown parameter 'tims'; did you mean 'times'?"),
        slow("run greet -p times=x", "times: found 'x'"),
    ],
)
def test_wrong_words_are_told_with_the_nearest_right_one(running, typed, said):
    """Exit code 2, a sentence with the way out, and nothing is started."""
    assert said in told(running.type(*typed.split()), 2)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "said"),
    [
        (None, "nothere.html"),
        slow("one\n{% if %}\n", "line 2"),
        ("one\ntwo {{ titel }}\n", "titel"),
    ],
)
def test_a_template_at_fault_is_told_with_its_line(idle, source, said):
    """Missing, misspelt or with an unknown variable: the run is dead and says where, and leaves no page."""
    name = "page" if source else "nothere"
    sqlite3.connect(idle.folder / "shop.db").close()
    idle.write("schedules/pages.toml", PAGES.format(name=name))
    if source:
        idle.write("templates/page.html", source)

    done = idle.type("run", name, "--here")

    assert done.returncode == 1
    assert said in done.stdout
    assert "page.html" in done.stdout or name in said
    assert not list((idle.data).rglob("report.html"))


@pytest.mark.slow
def test_files_that_cannot_be_kept_fail_the_run(idle):
    """A file where the artifacts' folder should be: the run is dead, with the path."""
    idle.data.mkdir()
    (idle.data / "artifacts").touch()

    done = idle.type("run", "greet", "-p", "name=Bo", "--here", AUTOMATION_LOG_LEVEL="error")

    assert done.returncode != 0
    assert "artifacts" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("url", "code", "said"),
    [
        ("oracle://x/y", 2, "'oracle' is not a supported database; write sqlite"),
        ("nonsense", 2, "'nonsense' is not a database URL"),
        ("postgresql+asyncpg://u@127.0.0.1/x", 2, "leave '+asyncpg' out"),
        ("postgresql://u:secret-word@127.0.0.1:1/x", 4, "AUTOMATION_DATABASE_URL"),
    ],
)
def test_a_ledger_that_cannot_be_used_is_told(idle, url, code, said):
    """Scheme, driver or server: what was found, what to write, and no password."""
    answer = told(idle.type("runs", AUTOMATION_DATABASE_URL=url), code)

    assert said in answer
    assert "secret-word" not in answer


@pytest.mark.parametrize(
    "typed", ["runs", slow("worker"), slow("run greet --here"), slow("db upgrade"), slow("scheduler")]
)
def test_a_ledger_of_a_newer_program_is_left_alone(idle, typed):
    """Exit code 4 with both versions, and the file is as it was."""
    idle.type("db", "upgrade")
    with closing(sqlite3.connect(idle.data / "ledger.db")) as connection, connection:
        connection.execute("UPDATE automation_version SET version_num = '9999'")
    before = idle.ask("SELECT * FROM sqlite_master")

    assert "9999 is newer than this program" in told(idle.type(*typed.split()), 4)
    assert idle.ask("SELECT * FROM sqlite_master") == before


def test_tables_of_our_names_that_are_not_ours_stay(idle):
    """A database where somebody else has such a table is refused, and nothing is made in it."""
    with closing(sqlite3.connect(idle.folder / "theirs.db")) as connection, connection:
        connection.execute("CREATE TABLE automation_runs (x)")

    refused = idle.type("db", "upgrade", AUTOMATION_DATABASE_URL=f"sqlite:///{idle.folder}/theirs.db")

    assert "automation_runs" in told(refused, 4)
    assert idle.ask("SELECT name FROM sqlite_master", "theirs.db") == [("automation_runs",)]


def test_up_does_not_take_a_port_that_somebody_has(idle):
    """Exit code 3, before anything starts, with the variable to set."""
    with socket.create_server(("127.0.0.1", idle.port)):
        refused = told(idle.type("up"), 3)

    assert f"Port {idle.port}" in refused
    assert "PORT" in refused
    assert not idle.processes()


def test_up_tells_of_a_data_folder_that_cannot_be_used(idle):
    """A file in its place is named, with the variable to set."""
    idle.data.touch()

    refused = told(idle.type("up"), 2)

    assert str(idle.data) in refused
    assert "AUTOMATION_DATA_DIR" in refused


@pytest.mark.slow
def test_up_with_a_ledger_of_a_newer_program_starts_nothing(idle):
    """The release step says so, and `up` ends with its exit code."""
    idle.type("db", "upgrade")
    with closing(sqlite3.connect(idle.data / "ledger.db")) as connection, connection:
        connection.execute("UPDATE automation_version SET version_num = '9999'")

    ended = idle.type("up")

    assert ended.returncode == 4
    assert "9999 is newer than this program" in ended.stdout
    assert not idle.processes()


def test_a_second_up_on_the_same_data_is_refused(running):
    """It names the first, exits with 3, and the first goes on."""
    refused = told(running.type("up", PORT="0"), 3)

    assert "already runs on" in refused
    assert f"process {running.process.pid}," in refused
    assert running.ready()


@pytest.mark.slow
def test_after_a_stop_the_next_up_goes_on(idle, eventually):
    """Ctrl-C leaves nothing; the same folder starts again and keeps what was recorded."""
    idle.up()
    run = idle.json("run", "greet", "--wait")
    files, _ = idle.sockets()
    idle.stop()
    eventually(lambda: not idle.processes(), told=idle.processes)

    assert idle.process.returncode == 0
    assert not [path for path in files if path.exists()]
    idle.up()
    assert idle.json("show", run["id"])["state"] == "succeeded"
    idle.stop()


@pytest.mark.slow
def test_output_that_nobody_reads_is_no_error(running):
    """`automation runs | head -1` ends quietly."""
    command = [sys.executable, "-m", "automation", "-C", str(running.folder), "runs"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=running.environ) as process:
        process.stdout.close()
        said = process.stderr.read()
        assert process.wait(60) in (0, -signal.SIGPIPE)

    assert said == b""


@pytest.mark.slow
def test_a_report_before_its_database_is_there_names_the_file(idle):
    """By its path, not by a URL of the driver's."""
    idle.write("schedules/pages.toml", PAGES.format(name="early").replace("early.html", "report.html"))

    done = idle.type("run", "early", "--here")

    assert done.returncode == 1
    assert f"the database {idle.folder}/shop.db is not there yet; the first run that writes" in done.stdout

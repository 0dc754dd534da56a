"""A pause, a backfill and dead letters as a user types and treats them, beside a real `automation up`."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import groupby, pairwise

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

SCHEDULES = """
[jobs.tick]
plugin = "shell"
every  = "1s"
params = { command = "true" }

[jobs.daily]
plugin   = "shell"
cron     = "30 2 * * *"
timezone = "Europe/Madrid"
params   = { command = "echo $AUTOMATION_NOMINAL_TIME >> days.txt" }

[jobs.stock]
plugin = "shell"
params = { command = "echo $AUTOMATION_RUN_ID >> asked.txt && cat stock.txt" }
retry  = { max_attempts = 2, first = "100ms" }

[jobs.mail]
plugin = "email"
cron   = "0 8 * * mon"

[jobs.mail.params]
to      = "ann@example.org"
subject = "Week {{ nominal_time.date() }}"
text    = "Hello."
"""


@pytest.fixture(scope="module")
def up(machines):
    """A project whose `automation up` runs."""
    machine = machines()
    machine.write("schedules/a.toml", SCHEDULES)
    machine.up()
    yield machine
    machine.stop()


def fires(machine) -> list[tuple[str, str, str]]:
    """Nominal time, state and reason of each fire of `tick` that is settled, oldest first."""
    settled = (
        "SELECT nominal_time, state, COALESCE(reason, '') FROM automation_runs WHERE job = 'tick' AND finished_at > ''"
    )
    return machine.ask(f"{settled} AND schedule > '' ORDER BY nominal_time")


def test_pause_holds_until_it_is_ended(up, eventually):
    """No fire is lost: those of the pause are skipped with who paused and why, those before and after it run."""
    eventually(lambda: fires(up), 60, up.said)
    assert up.type("pause", "tick", "--reason", "the site moves", "--by", "ana").returncode == 0
    eventually(lambda: sum(reason.startswith("paused: ") for _, _, reason in fires(up)) >= 2, 60, up.said)
    by_hand = up.type("run", "tick", "--wait")
    resumed = up.type("resume", "tick")
    eventually(lambda: fires(up)[-1][1] == "succeeded", 60, up.said)

    assert (by_hand.returncode, resumed.returncode) == (0, 0)
    assert "the site moves" in by_hand.stderr
    found = fires(up)
    times = [datetime.fromisoformat(nominal) for nominal, _, _ in found]
    assert {later - earlier for earlier, later in pairwise(times)} == {timedelta(seconds=1)}
    held = [reason.startswith("paused: job 'tick' was paused by ana since ") for _, _, reason in found]
    assert [paused for paused, _ in groupby(held)] == [False, True, False]
    assert {state for (_, state, _), paused in zip(found, held, strict=True) if paused} == {"skipped"}


def test_backfill_fills_days_in_their_order(up):
    """Each day once, the oldest first, by the clocks of the schedule's zone; asked again, there is nothing to run."""
    span = ("--from", "2026-03-28", "--to", "2026-03-31")
    done = up.type("backfill", "daily", *span, "--wait")
    again = up.type("backfill", "daily", *span)
    newest = up.type("backfill", "daily", *span, "--select", "all", "--order", "newest", "--wait")

    assert (done.returncode, again.returncode, newest.returncode) == (0, 0, 0), done.stderr + newest.stderr
    assert "Nothing to run." in again.stderr
    days = ["28T01:30", "29T01:00", "30T00:30"]
    written = [line[8:16] for line in (up.folder / "days.txt").read_text().split()]
    assert written == days + days[::-1]


def test_backfill_sends_no_mail_unless_it_is_told_to(up, eventually):
    """The runs succeed all the same; with `--notify` each occurrence has its mail."""
    span = ("--from", "2026-03-02", "--to", "2026-03-10", "--wait")
    silent = up.json("backfill", "mail", *span)
    assert [run["state"] for run in up.json("runs", "--batch", silent[0]["batch"])] == ["succeeded"] * 2
    assert up.json("outbox", "list") == []

    up.json("backfill", "mail", *span, "--select", "all", "--notify")
    eventually(lambda: {mail["state"] for mail in up.json("outbox", "list")} == {"captured"}, 60, up.said)
    subjects = sorted(mail["subject"] for mail in up.json("outbox", "list"))
    assert subjects == ["Week 2026-03-02", "Week 2026-03-09"]


def test_a_dead_letter_comes_back_when_its_cause_is_gone(up, eventually):
    """The same run, with a new attempt after those that it died of; it is listed no more."""

    def state() -> str:
        return str(up.ask("SELECT state FROM automation_runs WHERE job = 'stock'")[0][0])

    run_id = up.json("run", "stock")["id"]
    eventually(lambda: state() == "dead", 60, up.said)
    dead = up.json("dead", "list", "--job", "stock")
    up.write("stock.txt", "twelve")
    assert up.type("retry", run_id, "--by", "ana").returncode == 0
    eventually(lambda: state() == "succeeded", 60, up.said)

    assert [(one["id"], one["attempt"], one["code"]) for one in dead] == [(run_id, 2, "exit:1")]
    assert (up.folder / "asked.txt").read_text().split() == [run_id] * 3
    assert up.json("dead", "list") == []

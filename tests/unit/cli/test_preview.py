"""A report before it goes out, and again afterwards."""

from __future__ import annotations

import json
import sqlite3

import pytest

from automation.services import build_services

JOBS = """
[jobs.sales]
plugin = "report"
cron   = "0 0 1 * *"
[jobs.sales.params]
title   = "Sales of {{ window.start | date(format='%B') }}"
formats = ["html", "csv"]
send_if = "queries.all.found > 5"
archive = { folder = "reports" }
queries.all = { database = "sqlite:///shop.db", sql = "SELECT name FROM sales WHERE at < :window_end" }

[jobs.mail]
plugin = "email"
[jobs.mail.params]
to = ["a@example.com", "b@example.com"]
subject = "Hi"
text = "Hello"

[jobs.command]
plugin = "shell"
params.command = "touch done"
"""


@pytest.fixture(autouse=True)
def shop(project, give_ledger):
    """A shop with one sale, and an empty ledger."""
    give_ledger(project)
    with sqlite3.connect(project / "shop.db") as connection:
        connection.execute("CREATE TABLE sales (name TEXT, at TEXT)")
        connection.execute("INSERT INTO sales VALUES ('first', '2026-01-05')")
    connection.close()
    return project


def test_a_report_is_shown_as_if_it_were_due(run, project):
    """Its files, with the window of that moment; nothing is recorded, archived, or held back by its conditions."""
    code, out, _ = run("preview", "sales", "--at", "2026-02-01T00:00Z", "--json")

    told = json.loads(out)
    assert (code, told["result"]["title"]) == (0, "Sales of January")
    page = project / ".automation" / "preview" / "sales" / "report.html"
    assert str(page) in told["files"]
    assert "first" in page.read_text()
    assert json.loads(run("runs", "--json")[1]) == []
    assert not (project / "reports").exists()


def test_a_mail_is_shown_to_its_author_alone(run, project):
    """A page that says who would get it; the outbox stays empty."""
    code, out, err = run("preview", "mail")

    assert (code, "mail-1.html" in out, "2 recipients would get it; nothing is sent" in err) == (0, True, True)
    page = (project / ".automation" / "preview" / "mail" / "mail-1.html").read_text()
    assert "It would go to a@example.com, b@example.com." in page
    assert json.loads(run("outbox", "list", "--json")[1]) == []


def test_what_does_more_than_render_is_refused(run, project):
    """A command is not run for a look at it."""
    code, _, err = run("preview", "command")

    assert (code, "runs the plugin 'shell'; a preview shows reports and mails alone" in err) == (3, True)
    assert not (project / "done").exists()
    assert run("preview", "slaes")[0] == 2


def test_a_run_is_rendered_again_with_its_own_data(run, project):
    """What the database says by now does not matter."""
    first = json.loads(run("run", "sales", "--here", "--json", "-p", 'send_if="1"')[1])
    with sqlite3.connect(project / "shop.db") as connection:
        connection.execute("DELETE FROM sales")
    connection.close()

    again = json.loads(run("run", "sales", "--here", "--json", "-p", 'send_if="1"', "--rerender", first["id"])[1])

    assert (again["result"]["rows"], again["state"]) == ({"all": 1}, "succeeded")
    services = build_services(project, environ={})
    page = {one.name: one for one in services.ledger.memory.artifacts(again["id"])}["report.html"].path.read_text()
    services.close()
    assert f"run <code>{first['id']}</code>" in page
    assert f"Rendered again by run <code>{again['id']}</code>" in page
    assert (project / "reports" / "latest" / "report.html").exists()


def test_data_that_are_not_there_are_told_at_once(run):
    """Before a run is recorded."""
    code, _, err = run("run", "sales", "--here", "--rerender", "nope")

    assert (code, "nope" in err) == (2, True)
    assert json.loads(run("runs", "--json")[1]) == []

"""The pages over a real ledger."""

from dataclasses import replace
from datetime import timedelta

import pytest
from bs4 import BeautifulSoup

from automation.ledger.runs import Verdict
from automation.ledger.states import Outcome, State
from automation.triggers.calendar import parse_calendar
from automation.triggers.planning import Planning


def page_of(answer):
    assert answer.status_code == 200, answer.text
    return BeautifulSoup(answer.text, "lxml")


def words(element):
    return " ".join(element.get_text(" ").split())


def test_jobs_are_listed_with_what_comes_and_what_was(client, add_run, succeeded):
    """Each job shows its plugin, its rule, when it fires next and how its latest runs ended."""
    add_run(verdict=succeeded)
    add_run(verdict=Verdict(Outcome.FAILED, State.DEAD, "the shop is gone"))

    row = page_of(client.get("/jobs")).select_one("table.jobs tbody tr")

    assert words(row).startswith("scrape-shop scrape · All prices of the shop failing 1× in ")
    assert "every 30s" in words(row)
    assert [bar["class"][1] for bar in row.select(".bar")] == ["succeeded", "dead"]


def test_a_job_that_does_not_fire_says_why(client):
    """A disabled job and a broken one stand in the list with their reason, and have no next time."""
    rows = {
        row.select_one(".name").text: words(row) for row in page_of(client.get("/jobs")).select("table.jobs tbody tr")
    }

    assert "enabled = false in shop.toml" in rows["asleep"]
    assert "the plugin 'email' cannot be loaded" in rows["odd"]
    assert " in " not in rows["asleep"].replace("enabled = false in shop.toml", "")


def test_a_paused_job_says_so_in_place_of_its_next_time(client, ledger, clock):
    """By whom, why and until when; a job beside it is not touched."""
    ledger.pauses.pause("job", "scrape-shop", "the <shop> moves", "ana", clock.now() + timedelta(hours=2))
    paused, other = page_of(client.get("/jobs")).select("table.jobs tbody tr")[:2]

    assert words(paused.select_one(".why")) == "job 'scrape-shop', until 14:00:00, by ana: the <shop> moves"
    assert words(paused.select("td")[3]).startswith("–")
    assert words(other.select("td")[3]).startswith("in ")


def test_a_fire_that_a_calendar_forbids_is_not_shown_as_one_that_runs(client, project, tmp_path):
    """The next time stands with the reason for which nothing will run then."""
    monday = parse_calendar("closed", {"weekly": ["mon"]}, tmp_path)
    closed = replace(project.jobs["scrape-shop"].schedules[0], planning=Planning(not_during=(monday,)))
    project.jobs["scrape-shop"] = replace(project.jobs["scrape-shop"], schedules=(closed,))
    row = page_of(client.get("/jobs")).select_one("table.jobs tbody tr")

    assert "will not run: not_during closed" in words(row.select("td")[3])


def test_runs_can_be_narrowed_to_a_job_and_a_state(client, add_run, succeeded):
    """The search narrows the list; an unknown state is told with the nearest one."""
    add_run(verdict=succeeded)
    add_run("price-report", start=False)

    runs = page_of(client.get("/runs?q=job:price-report")).select("table.runs tbody tr")

    assert [words(run).split()[1:3] for run in runs] == [["price-report", "queued"]]
    assert len(page_of(client.get("/runs?q=state:succeeded")).select("table.runs tbody tr")) == 1
    assert "did you mean succeeded?" in client.get("/runs?q=state:succeded").text


def test_a_run_shows_attempts_log_and_result(client, add_run, succeeded):
    """A run's page has what happened, in the words of the ledger."""
    run_id = add_run(verdict=succeeded, logs=[("info", "12 pages"), ("warning", "one page was slow")])

    page = page_of(client.get(f"/runs/{run_id}"))

    assert words(page.h1) == "scrape-shop succeeded"
    assert [words(line) for line in page.select(".log li")] == [
        "12:00:00 info 12 pages",
        "12:00:00 warning one page was slow",
    ]
    assert [words(figure) for figure in page.select(".figures li")] == ["288 items", "12 pages"]
    assert '"items": 288' in page.select_one("#whole pre").text
    assert "w1, pid 7" in words(page.select_one("[aria-label=Attempts] table"))


def test_a_failed_attempt_shows_its_reason_and_traceback(client, add_run):
    """What went wrong stands on the page: class, code, message, traceback."""
    verdict = Verdict(
        Outcome.FAILED, State.RETRYING, "the shop is gone", due_at=None, failure_class="transport", code="http:503",
        message="503 from the shop", traceback="Traceback: …",
    )  # fmt: skip
    page = page_of(client.get(f"/runs/{add_run(verdict=verdict)}"))

    assert "503 from the shop transport http:503" in words(page.select_one("[aria-label=Attempts] table"))
    assert page.select_one("td details pre").text == "Traceback: …"


def test_a_run_is_found_by_the_beginning_of_its_id(client, add_run):
    """The short form that lists show works as an address, and an unknown one is a page with 404."""
    run_id = add_run()

    assert client.get(f"/runs/{run_id[:8]}").status_code == 200
    missing = client.get("/runs/zzzzzzzz")
    assert missing.status_code == 404
    assert "There is no run" in missing.text


def test_only_pages_of_open_things_listen(client, add_run, succeeded):
    """The overview and a running run hear of changes, a finished run does not."""
    running, done = add_run(), add_run(verdict=succeeded)

    assert page_of(client.get("/")).body["data-live"] == "/events"
    assert page_of(client.get(f"/runs/{running}")).body["data-live"] == f"/runs/{running}/events"
    assert "data-live" not in page_of(client.get(f"/runs/{done}")).body.attrs


def test_long_logs_come_in_parts(client, add_run):
    """A run with very many lines shows the last, and a link to those before."""
    run_id = add_run(logs=[("info", f"line {number}") for number in range(600)])

    last = page_of(client.get(f"/runs/{run_id}"))
    first = page_of(client.get(last.find("a", string="Earlier lines")["href"]))

    assert [words(line) for line in last.select(".log li")][-1] == "12:00:00 info line 599"
    assert next(words(line) for line in first.select(".log li")) == "12:00:00 info line 0"
    assert first.find("a", string="Earlier lines") is None


def test_a_log_is_searched_by_level_and_text(client, add_run):
    """Only the lines that are grave enough, or that hold the words, stand there."""
    run_id = add_run(logs=[("info", "all 100% fine"), ("warning", "slow"), ("error", "gone")])

    def lines(query):
        return [words(line) for line in page_of(client.get(f"/runs/{run_id}?{query}")).select(".log li")]

    assert lines("level=warning") == ["12:00:00 warning slow", "12:00:00 error gone"]
    assert lines("log=100%25+FINE") == ["12:00:00 info all 100% fine"]


def test_edits_of_the_project_show_after_some_seconds(client, site, project, clock):
    """The pages read the project again now and then, not at every visit."""
    client.get("/jobs")
    site._declared = lambda: type(project)(project.root, {})
    assert "scrape-shop" in client.get("/jobs").text

    clock.advance(seconds=6)

    assert "No job yet" in client.get("/jobs").text
    assert "No job yet" in client.get("/").text


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "{{ 'a' * 9 }}"])
def test_what_runs_say_is_text(client, add_run, text):
    """Markup in logs, reasons and results is shown, not obeyed."""
    verdict = Verdict(Outcome.FAILED, State.DEAD, text, message=text, traceback=text, result={"said": text})
    run_id = add_run(verdict=verdict, logs=[("info", text)])

    for address in ("/", "/jobs", "/runs", f"/runs/{run_id}"):
        page = client.get(address).text
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert "aaaaaaaaa" not in page


def test_an_old_run_is_told_by_its_age(client, add_run, succeeded, clock):
    """Ages are in the words of the command line."""
    add_run(verdict=succeeded)
    clock.advance(hours=3)

    assert "3h ago" in client.get("/runs").text

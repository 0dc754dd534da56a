"""What the buttons of pages do, as a browser without scripts sends it."""

from urllib.parse import quote, unquote

import pytest
from bs4 import BeautifulSoup

from automation.ledger.runs import Verdict
from automation.ledger.states import Outcome, State
from automation.project.load import load_project
from automation.registry import load_registry

SCHEDULES = """
[jobs.hello]
plugin = "shell"
cron = "0 7 * * *"
params = { command = "echo hello" }

[jobs.closed]
plugin = "shell"
every = "1h"
params = { command = "true" }
"""


@pytest.fixture
def project(tmp_path):
    """A project of real files, so that what is recorded is checked as ever."""
    (tmp_path / "schedules").mkdir()
    (tmp_path / "schedules" / "all.toml").write_text(SCHEDULES)
    return load_project(tmp_path, load_registry(tmp_path), {})


@pytest.fixture
def send(client):
    """Fill in a form of a page and send it; gives the answer before the browser goes on."""

    def post(page, address, **values):
        found = BeautifulSoup(client.get(page).text, "lxml").select_one(f'form[action="{address}"] input[name=csrf]')
        assert found is not None, f"{page} has no form for {address}"
        answer = client.post(address, data={"csrf": found["value"], **values})
        answer.told = unquote(answer.cookies.get("told", ""))
        return answer

    return post


def test_a_job_is_run_with_what_was_filled_in(send, ledger):
    """The run has these parameters over the job's own, and the browser goes to its page."""
    answer = send("/jobs/hello/run", "/jobs/hello/run", **{"p.command": "echo bye", "key": "k1"})
    (run,) = ledger.queries.runs(job="hello")

    assert (answer.status_code, answer.headers["location"]) == (303, f"/runs/{run.id}")
    assert run.spec["params"]["command"] == "echo bye"
    assert run.idempotency_key == "k1"


def test_the_same_key_starts_nothing_twice(send, ledger):
    """A form that is sent again finds its first run."""
    first = send("/jobs/hello/run", "/jobs/hello/run", key="k1")
    again = send("/jobs/hello/run", "/jobs/hello/run", key="k1")

    assert again.headers["location"] == first.headers["location"]
    assert "nothing new" in again.told
    assert len(ledger.queries.runs(job="hello")) == 1


def test_wrong_parameters_come_back_with_what_is_wrong(send, ledger):
    """The form keeps what was typed, and says why it was refused."""
    answer = send("/jobs/hello/run", "/jobs/hello/run", **{"p.ok_codes": "seven"})

    assert answer.status_code == 409
    assert "ok_codes is no JSON" in BeautifulSoup(answer.text, "lxml").select_one("[role=alert]").text
    assert "seven" in answer.text
    assert ledger.queries.runs(job="hello") == []


def test_a_pause_needs_a_reason_and_names_who(send, client, ledger):
    """It stands on the job's page with its reason, and ends with a button."""
    refused = send("/jobs/hello", "/jobs/hello/pause", what="pause")
    send("/jobs/hello", "/jobs/hello/pause", what="pause", reason="the <shop> moves", until="2h")
    (pause,) = ledger.pauses.current()

    assert refused.told.startswith("!Say why")
    assert (pause.target, pause.reason, bool(pause.author)) == ("hello", "the <shop> moves", True)
    assert "the &lt;shop&gt; moves" in client.get("/jobs/hello").text
    assert send("/jobs/hello", "/jobs/hello/pause", what="resume").told == "Resumed: hello"
    assert ledger.pauses.current() == []


def test_several_jobs_are_acted_on_at_once(send, ledger):
    """Those that were selected, and no other."""
    send("/jobs", "/jobs", what="pause", reason="moving", id=["hello", "closed"])
    assert {one.target for one in ledger.pauses.current()} == {"hello", "closed"}

    send("/jobs", "/jobs", what="resume", id=["closed"])
    send("/jobs", "/jobs", what="run", id=["closed"])

    assert [one.target for one in ledger.pauses.current()] == ["hello"]
    assert [run.job for run in ledger.queries.runs()] == ["closed"]


def test_a_backfill_is_shown_before_it_is_recorded(send, client, ledger):
    """The list says what would run; recording it makes exactly that."""
    span = "since=2026-02-01&until=2026-02-04&select=all"
    page = BeautifulSoup(client.get(f"/jobs/hello/backfill?{span}").text, "lxml")

    assert "3 runs would be recorded" in page.text
    assert ledger.queries.runs(job="hello") == []

    answer = send(
        f"/jobs/hello/backfill?{span}", "/jobs/hello/backfill", since="2026-02-01", until="2026-02-04", select="all"
    )
    runs = ledger.queries.runs(job="hello")

    assert sorted(f"{run.nominal_time:%d %H}" for run in runs) == ["01 07", "02 07", "03 07"]
    assert answer.headers["location"] == f"/runs?q=batch:{runs[0].batch}"


def test_a_dead_run_is_brought_back_from_its_page(send, add_run, ledger):
    """Retry queues it again, with all its attempts before it."""
    run_id = add_run("hello", verdict=Verdict(Outcome.FAILED, State.DEAD, "gone"))

    told = send(f"/runs/{run_id}", f"/runs/{run_id}/act", what="retry").told

    assert told == "1 run queued again"
    assert ledger.queries.run(run_id).state == "queued"


def test_a_waiting_run_is_cancelled(send, add_run, ledger):
    """It does not begin; cancelling it a second time says that it has ended."""
    run_id = add_run("hello", start=False)

    assert "does not begin" in send(f"/runs/{run_id}", f"/runs/{run_id}/act", what="cancel").told
    assert ledger.queries.run(run_id).state == "cancelled"
    assert send(f"/runs/{run_id}", f"/runs/{run_id}/act", what="cancel").told.startswith("!")


def test_dead_letters_are_laid_aside_with_a_reason(send, add_run, ledger, client):
    """Those that were selected go from the list; the others stay."""
    gone, stays = (add_run("hello", verdict=Verdict(Outcome.FAILED, State.DEAD, "no")) for _ in range(2))

    assert send("/dead", "/dead", what="discard", id=[gone]).told.startswith("!Say why")
    assert send("/dead", "/dead", what="discard", id=[gone], reason="test data").told == "1 dead letter laid aside"

    page = client.get("/dead").text
    assert gone not in page
    assert stays in page


def test_all_dead_letters_of_a_job_come_back(send, add_run, ledger):
    """One button for what a filter shows, at a pace."""
    ids = [add_run("hello", verdict=Verdict(Outcome.FAILED, State.DEAD, "no")) for _ in range(3)]

    assert send("/dead?job=hello", "/dead", what="retry-all", job="hello", rate="60").told == "3 runs queued again"
    due = sorted(ledger.queries.run(run_id).due_at for run_id in ids)
    assert [(one - due[0]).total_seconds() for one in due] == [0, 1, 2]


def test_a_form_of_a_foreign_page_does_nothing(client, ledger):
    """Without the token of our pages nothing is done."""
    answer = client.post("/jobs/hello/pause", data={"what": "pause", "reason": "x"})

    assert answer.status_code == 403
    assert ledger.pauses.current() == []


def test_what_was_done_is_told_once_and_as_text(client):
    """The sentence of a cookie is shown, not obeyed."""
    client.cookies.set("told", quote("<script>alert(1)</script>"))

    page = client.get("/jobs").text
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert" not in page


def test_what_was_done_stands_in_the_audit_trail(send, ledger):
    """Who did what to which job."""
    send("/jobs/hello/run", "/jobs/hello/run", key="k1")

    (line,) = [one for one in ledger.audit.list() if one.action == "job.run"]
    assert line.target.startswith("hello ")
    assert line.status == 303


@pytest.mark.parametrize(("kind", "answered"), [("text/plain", 303), ("application/x-www-form-urlencoded", 400)])
def test_a_body_that_is_no_text_is_answered(client, kind, answered):
    """What is no form has no fields; a form that cannot be read is refused."""
    found = BeautifulSoup(client.get("/jobs/hello/run").text, "lxml").select_one("input[name=csrf]")
    headers = {"content-type": kind, "x-csrf-token": found["value"]}

    assert client.post("/jobs/hello/run", content=b"a=\xff", headers=headers).status_code == answered

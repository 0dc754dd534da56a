"""A ledger that a later version has written to: what this one does not know is shown as it is."""

from __future__ import annotations

import sqlalchemy as sa

from automation.ledger.runs import Verdict
from automation.ledger.states import Outcome, State
from automation.ledger.tables import attempts, runs

PAGES = (
    "/",
    "/jobs",
    "/runs",
    "/jobs/scrape-shop",
    "/jobs/scrape-shop/why",
    "/runs/RUN",
    "/dead",
    "/flows",
    "/metrics",
)
OF_API = ("/runs", "/runs/RUN", "/jobs", "/jobs/scrape-shop", "/jobs/scrape-shop/why")


def test_words_that_nobody_here_has_heard_of_are_shown(client, add_run, ledger):
    """A state, a kind and an outcome of a later version: every page and object is there, and has the word where it has states."""
    run = add_run(verdict=Verdict(Outcome.SUCCEEDED, State.SUCCEEDED), logs=[("whisper", "psst")])
    with ledger.engine.begin() as connection:
        connection.execute(sa.update(runs).values(state="hibernating", kind="dreamt"))
        connection.execute(sa.update(attempts).values(outcome="dissolved"))
    answers = {each: client.get(each.replace("RUN", run)) for each in (*PAGES, *(f"/api/v1{each}" for each in OF_API))}

    assert {each: answer.status_code for each, answer in answers.items() if answer.status_code != 200} == {}
    for each in ("/", "/runs", "/runs/RUN", "/jobs/scrape-shop", "/jobs/scrape-shop/why", "/api/v1/runs/RUN"):
        assert "hibernating" in answers[each].text, each

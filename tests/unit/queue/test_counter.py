"""What a program keeps open between two requests, and when it is made anew."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from automation.errors import UnknownName
from automation.queue.counter import Counter
from automation.queue.enqueue import Request, record
from automation.services import Services


@pytest.fixture
def root(services: Services, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a ledger."""
    monkeypatch.setenv("TOKEN", "hunter2hunter2")
    return services.settings.project


@pytest.fixture
def counter() -> Any:
    made = Counter()
    yield made
    made.close()


def test_services_are_made_once(counter: Counter, root: Path) -> None:
    """Reading plugins and opening a database for each request would take twenty times the request."""
    assert counter.services(root) is counter.services(root)


def test_job_that_has_just_been_declared_is_found(counter: Counter, root: Path) -> None:
    """And a plugin that has just been changed is the one that checks the params."""
    before = counter.services(root)
    with pytest.raises(UnknownName):
        record(before, Request("new", {}))

    (root / "jobs" / "work.py").write_text((root / "jobs" / "work.py").read_text().replace("days: int", "weeks: int"))
    (root / "schedules" / "b.toml").write_text('[jobs.new]\nplugin = "work"\nparams.weeks = 1\n')
    after = counter.services(root)

    assert record(after, Request("new", {}))[1]
    assert before.ledger.queries.runs()[0].job == "new"


def test_environment_counts_as_it_is_now(counter: Counter, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also what only `${env:…}` names."""
    before = counter.services(root)
    monkeypatch.setenv("TOKEN", "changed12345")
    after = counter.services(root)

    assert (after.environ["TOKEN"], after is before) == ("changed12345", False)


def test_fork_opens_its_own(counter: Counter, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it inherits it neither uses nor closes."""
    before = counter.services(root)
    disposed: list[Any] = []
    monkeypatch.setattr(before.ledger.engine.pool, "dispose", lambda: disposed.append(1))
    monkeypatch.setattr("automation.queue.counter.process_id", lambda: -1)

    assert counter.services(root) is not before
    assert counter.services(root) is counter.services(root)
    assert disposed == []


def test_broker_that_is_away_is_asked_anew(counter: Counter, root: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The run is recorded, and the next request tries another connection."""
    from automation.queue.asking import to_ring

    services = counter.services(root)
    for _ in range(2):
        run, _new = record(services, Request("hand", {}))
        counter.ring(services, [to_ring(run)])

    assert len(services.ledger.leases.unpublished()) == 2
    assert caplog.text.count("broker is not running") == 2

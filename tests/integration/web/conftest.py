"""A ledger with runs of every kind, and the pages over it."""

import shutil
import socket
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
import uvicorn

from automation.artifacts import Artifact, media_type_of, write_file
from automation.clock import FrozenClock
from automation.health.check import ok
from automation.ledger.ids import new_id
from automation.ledger.ledger import Ledger
from automation.ledger.rows import NewRun
from automation.ledger.runs import Claimant, Verdict
from automation.ledger.schema import open_engine
from automation.ledger.states import Kind, Outcome, State
from automation.project.model import Job, Project, Schedule
from automation.retry import RetryPolicy
from automation.services import build_services
from automation.triggers.parse import parse_trigger
from automation.web.access.gate import Gate
from automation.web.api.desk import Desk
from automation.web.app import create_app
from automation.web.fresh import Fresh
from automation.web.site import Site

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


@pytest.fixture
def clock():
    return FrozenClock(NOON)


@pytest.fixture
def ledger(tmp_path, clock, empty_ledger):
    ledger = Ledger(open_engine(f"sqlite:///{shutil.copyfile(empty_ledger, tmp_path / 'ledger.db')}"), clock)
    yield ledger
    ledger.close()


def make_job(name, plugin="scrape", every="30s", **changes):
    spec = {"every": every}
    values = {
        "name": name,
        "plugin": plugin,
        "params": {},
        "schedules": (Schedule("main", parse_trigger(spec), "UTC", spec),),
        "enabled": True,
        "run_on_start": False,
        "queue": "default",
        "priority": 5,
        "timeout": timedelta(minutes=5),
        "kill_after": timedelta(seconds=30),
        "retry": RetryPolicy(),
        "tags": (),
        "description": "",
        "path": Path("schedules/shop.toml"),
        "line": 1,
    }
    return Job(**{**values, **changes})


@pytest.fixture
def project(tmp_path):
    jobs = [
        make_job("scrape-shop", description="All prices of the shop"),
        make_job("price-report", "report", "1m"),
        make_job("asleep", "cleanup", "1h", enabled=False),
        make_job("odd", "email", "1h", problem="the plugin 'email' cannot be loaded"),
    ]
    return Project(tmp_path, {job.name: job for job in jobs})


class Eager(Fresh):
    """Asks each time: a test sees what it has just written."""

    def get(self, _key, _seconds, ask, **_longest):
        return ask()


@pytest.fixture
def services(ledger, clock, tmp_path, project):
    """The services of the project in this folder, over the ledger of the test; its jobs are those of `project`."""
    environ = {
        "AUTOMATION_DATABASE_URL": f"sqlite:///{tmp_path / 'ledger.db'}",
        "AUTOMATION_ARTIFACTS_URL": str(tmp_path / "artifacts"),
    }
    services = build_services(tmp_path, clock=clock, environ=environ)
    services.__dict__["project"] = project
    yield services
    services.close()


@pytest.fixture
def site(services, project, clock):
    return Site(services, lambda: project, Eager(clock))


@pytest.fixture
def checks():
    return [ok("ledger", "answers")]


@pytest.fixture
def serve():
    """Serve an application on a real socket; gives a client that calls it."""
    running = []

    def start(app):
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
        listening = socket.create_server(("127.0.0.1", 0))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        client = httpx.Client(base_url=f"http://127.0.0.1:{listening.getsockname()[1]}", trust_env=False, timeout=20)
        running.append((server, thread, client, listening))
        return client

    yield start
    for server, thread, client, listening in running:
        client.close()
        server.should_exit = True
        thread.join(10)
        listening.close()


@pytest.fixture
def gate(ledger, clock):
    """Nobody has to sign in, until there is a user."""
    return Gate(ledger, clock, "k" * 16)


@pytest.fixture
def rung():
    """The ids of the runs that were rung for."""
    return []


@pytest.fixture
def desk(services, site, rung):
    return Desk(services, site.project, site.file, lambda waiting: rung.extend(one.id for one in waiting))


@pytest.fixture
def app(site, checks, gate, desk):
    return create_app(site, lambda: checks, gate, desk)


@pytest.fixture
def client(serve, app):
    return serve(app)


@pytest.fixture
def add_run(ledger, clock):
    """Record a run, and take it as far as told."""

    def add(job="scrape-shop", verdict=None, logs=(), start=True, **values):
        now = clock.now()
        new = NewRun(
            id=new_id(), job=job, plugin="scrape", kind=Kind.SCHEDULED, nominal_time=now, window_start=now, queued_at=now,
            due_at=now, max_attempts=3, queue="default", priority=5, spec={"params": {"start": "http://shop"}}, schedule="main",
        )  # fmt: skip
        ledger.runs.add(new)
        if start:
            attempt = ledger.runs.claim(
                new.id, Claimant("w1", 7), timedelta(seconds=20), lambda run: timedelta(minutes=5)
            ).attempt
            ledger.memory.log(new.id, attempt, [(now, level, text) for level, text in logs])
            clock.advance(seconds=2)
            if verdict:
                ledger.runs.finish(new.id, attempt, verdict)
        return new.id

    return add


@pytest.fixture
def succeeded():
    return Verdict(Outcome.SUCCEEDED, State.SUCCEEDED, result={"items": 288, "pages": 12})


@pytest.fixture
def add_file(ledger, tmp_path, clock):
    """Leave a file for a running run."""

    def add(run_id, name, content, folder=None):
        path, size, digest = write_file(folder or tmp_path / "artifacts" / "scrape-shop" / run_id, name, content)
        artifact = Artifact(name, path, media_type_of(name), size, digest, run_id, "scrape-shop", clock.now())
        ledger.memory.keep_artifact(artifact, 1)
        return artifact

    return add

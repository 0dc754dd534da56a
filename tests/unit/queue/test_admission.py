"""Asking for what is asked for already, and for more than a queue may hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from automation.clock import FrozenClock
from automation.errors import InvalidInput, Refused
from automation.ledger.runs import Claimant
from automation.ledger.states import Kind
from automation.queue.enqueue import Request, record
from automation.runner.verdict import success
from automation.services import Services, build_services

JOB = '[jobs.sync]\nplugin = "work"\nparams.days = 1\n'
SITE = 'unique_key = "{{ params.days }}"\n'
NEWEST = SITE + 'on_conflict = "replace_waiting"\n'
Make = Callable[..., Services]


@pytest.fixture
def make(services: Services, tmp_path: Path) -> Iterator[Make]:
    """`make(keys, project=…)`: the services of a project with the job `sync`, which has these keys."""
    made: list[Services] = []

    def build(keys: str, project: str = "") -> Services:
        (tmp_path / "schedules" / "b.toml").write_text(JOB + keys)
        (tmp_path / "automation.toml").write_text(project)
        made.append(build_services(tmp_path, clock=services.clock, environ={}))
        return made[-1]

    yield build
    for one in made:
        one.close()


def ask(services: Services, days: int = 1, **values) -> tuple[str, bool]:
    run, new = record(services, Request("sync", {"days": days}, **values))
    return run.id, new


def begin(services: Services, run_id: str) -> bool:
    claimed = services.ledger.runs.claim(run_id, Claimant("w1", 1), timedelta(seconds=20), lambda _run: timedelta(1))
    return claimed is not None


def test_a_second_request_returns_the_run_that_is_open(make: Make) -> None:
    """Also where the job does not overlap; other params are another run, and so is one after the end of the first."""
    services = make(SITE)
    first, _ = ask(services, overlap="job")
    assert ask(services, overlap="job") == (first, False)
    assert ask(services) == (first, False)
    assert ask(services, days=2)[1]
    begin(services, first)
    assert ask(services) == (first, False)
    services.ledger.runs.finish(first, 1, success(None))
    assert ask(services)[1]


def test_a_second_request_is_rejected_with_the_id_of_the_first(make: Make) -> None:
    """And with what to do: cancel it, or wait until the key is free."""
    services = make(SITE + 'on_conflict = "reject"\nunique_for = "1h"\n')
    first, _ = ask(services)
    with pytest.raises(
        Refused, match=f"run {first} .* is queued; wait for it, or cancel it with `automation cancel {first}`"
    ):
        ask(services)
    services.ledger.runs.request_cancel(first)
    with pytest.raises(Refused, match=f"run {first} .* holds the key until 2026-03-01T13:00:00Z; wait until then"):
        ask(services)
    assert isinstance(services.clock, FrozenClock)
    services.clock.advance(hours=1)
    assert ask(services)[1]


@pytest.mark.parametrize(("kind", "overlap"), [(Kind.MANUAL, "job"), (Kind.API, "allow")])
def test_the_newest_waits_in_the_place_of_the_one_before(make: Make, kind: Kind, overlap: str) -> None:
    """A run that has begun goes on, and the newest begins when it has ended: by hand and from a program."""
    services = make(NEWEST)
    ids = [ask(services, kind=kind, overlap=overlap)[0] for _ in range(2)]
    assert begin(services, ids[1])
    ids += [ask(services, kind=kind, overlap=overlap)[0] for _ in range(2)]
    states = [str(services.ledger.queries.run(run_id).state) for run_id in ids]
    assert states == ["skipped", "running", "skipped", "queued"]
    assert not begin(services, ids[3])
    services.ledger.runs.finish(ids[1], 1, success(None))
    assert begin(services, ids[3])


def test_replacing_refuses_nothing_else_that_overlap_refuses(make: Make) -> None:
    """A run with another unique key is at work: a job that does not overlap is refused as before."""
    services = make(NEWEST)
    other, _ = ask(services, days=2)
    with pytest.raises(Refused, match=f"Run {other} of job 'sync' is queued, and 'sync' does not overlap"):
        ask(services, overlap="job")


def test_an_idempotency_key_finds_its_run_before_the_unique_key_does(make: Make) -> None:
    """With another body it is wrong, and not a conflict."""
    services = make(SITE + 'on_conflict = "reject"\n')
    first, _ = ask(services, idempotency_key="k")
    assert ask(services, idempotency_key="k") == (first, False)
    with pytest.raises(InvalidInput, match=f"belongs to run {first}"):
        ask(services, days=2, idempotency_key="k")


def test_a_full_queue_takes_no_more(make: Make) -> None:
    """It says how many wait; a run that is at work does not count, and one that is done here waits in no queue."""
    services = make('queue = "slow"\n', "[queues.slow]\nmax_waiting = 2\n")
    begun, *_ = [ask(services, days=day)[0] for day in (1, 2)]
    said = (
        "Queue 'slow' has 2 waiting runs, and max_waiting = 2: no room for 1 more; wait, start more workers of this "
        r"queue, or raise max_waiting under \[queues.slow\] in automation.toml"
    )
    with pytest.raises(Refused, match=said):
        ask(services, days=3)
    assert ask(services, days=3, here=True)[1]
    services.ledger.runs.request_cancel(ask(services, days=3, here=True)[0])
    assert begin(services, begun)
    with pytest.raises(Refused, match="has 2 waiting"):
        ask(services, days=3)


def test_a_full_queue_still_knows_what_was_asked_for(make: Make) -> None:
    """Nothing is added by what finds an earlier run, or takes the place of one that waits."""
    services = make(NEWEST, "[queues.default]\nmax_waiting = 1\n")
    first, _ = ask(services, idempotency_key="k")
    assert ask(services, idempotency_key="k") == (first, False)
    assert ask(services)[1]
    assert services.ledger.admission.waiting("default") == 1


def test_a_queue_without_a_limit_has_none(make: Make) -> None:
    """Whatever is said of another queue."""
    services = make("", "[queues.slow]\nmax_waiting = 1\n")
    assert all(ask(services, days=day)[1] for day in range(3))

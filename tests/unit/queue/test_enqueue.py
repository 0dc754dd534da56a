"""Asking for a run: what is checked, what is recorded, and how it is followed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from automation.clock import FrozenClock
from automation.errors import InvalidInput, Refused, UnknownName
from automation.ledger.runs import Claimant
from automation.queue.enqueue import Handle, Request, record, wait
from automation.runner.verdict import success
from automation.services import Services, build_services


def test_run_is_recorded_with_its_jobs_policies(services: Services) -> None:
    """Given params stand over the job's own, name by name; it waits in the job's queue."""
    run, new = record(services, Request("nightly", {"days": 3}))

    assert (new, run.state, run.kind, run.queue, run.priority) == (True, "queued", "manual", "slow", 8)
    assert run.spec["params"] == {"days": 3}
    assert (run.nominal_time, run.window_start) == (services.clock.now(), services.clock.now() - timedelta(hours=9.5))


def test_secret_is_not_recorded(services: Services) -> None:
    """The reference is; who has no such variable is told at once."""
    run, _ = record(services, Request("hand", {}))
    assert run.spec["params"] == {"days": 2, "token": "${env:TOKEN}"}

    elsewhere = build_services(services.settings.project, environ={})
    with pytest.raises(Refused, match="TOKEN is not set"):
        record(elsewhere, Request("hand", {}))
    elsewhere.close()


@pytest.mark.parametrize(
    ("request_", "kind", "said"),
    [
        (Request("hnad", {}), UnknownName, "There is no job 'hnad'; did you mean 'hand'"),
        (Request("broken", {}), Refused, "Job 'broken' has a problem and does not run: .*wrok"),
        (Request("hand", {"dyas": 1}), InvalidInput, "'dyas'.*did you mean 'days'"),
        (Request("hand", {"zzz": 1}), InvalidInput, "'zzz'.*: days, token"),
        (Request("hand", {}, idempotency_key="k" * 201), InvalidInput, "longer than 200"),
        (Request("hand", {"token": 5}), InvalidInput, """found the number 5.* -p 'token="5"'$"""),
        (Request("hand", {"days": "many"}), InvalidInput, "days: .*valid integer"),
    ],
)
def test_what_cannot_run_is_refused_and_not_recorded(
    services: Services, request_: Request, kind: type[Exception], said: str
) -> None:
    """With the nearest name where there is one."""
    with pytest.raises(kind, match=said):
        record(services, request_)

    assert services.ledger.queries.runs() == []


def test_key_finds_the_first_run(services: Services) -> None:
    """Asking again with the same body starts nothing, whenever that is."""
    first, _ = record(services, Request("hand", {"days": 5}, idempotency_key="k"))
    assert isinstance(services.clock, FrozenClock)
    services.clock.advance(hours=1)
    second, new = record(services, Request("hand", {"days": 5}, idempotency_key="k"))

    assert (second.id, new) == (first.id, False)
    assert record(services, Request("hand", {"days": 5}))[1]


@pytest.mark.parametrize(
    "other", [Request("hand", {"days": 6}), Request("nightly", {}), Request("hand", {}, dry_run=True)]
)
def test_key_with_another_body_is_refused(services: Services, other: Request) -> None:
    """The message names the run that has it."""
    first, _ = record(services, Request("hand", {}, idempotency_key="k"))

    with pytest.raises(InvalidInput, match=f"belongs to run {first.id} of job 'hand'.*use another key"):
        record(services, Request(other.job, other.params, idempotency_key="k", dry_run=other.dry_run))


def end(services: Services, run_id: str, result: Any) -> None:
    services.ledger.runs.claim(run_id, Claimant("w1", 1), timedelta(seconds=20), lambda _run: timedelta(minutes=1))
    services.ledger.runs.finish(run_id, 1, success(result))


def test_handle_follows_its_run(services: Services) -> None:
    """State and result are those of the ledger, at that moment."""
    run, new = record(services, Request("hand", {}))
    handle = Handle(services, run, new=new)
    assert (handle.new, handle.status, handle.result) == (True, "queued", None)
    end(services, run.id, {"days": 2})

    assert (handle.wait(), handle.status, handle.result) == ("succeeded", "succeeded", {"days": 2})


def test_waiting_ends_at_its_time(services: Services) -> None:
    """The message says where the run is then."""
    run, _ = record(services, Request("hand", {}))

    with pytest.raises(TimeoutError, match=f"Run {run.id} is queued after 5 seconds"):
        wait(services, run.id, timeout=5)

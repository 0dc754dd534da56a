"""`backfill`, `cancel`, and `run` of a job that is at work: what is recorded, listed and refused."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis

from automation.ledger.rows import RunRow
from automation.ledger.runs import Claimant
from automation.queue.enqueue import Request, record
from automation.runner.verdict import success
from automation.services import Services

Run = Callable[..., tuple[int, str, str]]
JOBS = """
[jobs.books]
plugin = "shell"
cron = "0 7 * * *"
timezone = "Europe/Madrid"
params.command = "true"
[jobs.wait]
plugin = "shell"
overlap = "queue_all"
params.command = "true"
[jobs.newest]
plugin = "shell"
overlap = "cancel_running"
params.command = "true"
[jobs.tidy]
plugin = "cleanup"
every = "1h"
[jobs.tidy.params]
table = "old"
older_than = { column = "at", age = "1d" }
[jobs.poll]
plugin = "shell"
fixed_delay = "1m"
params.command = "true"
"""
SPAN = ("--from", "2026-03-27", "--to", "2026-03-31")
DAYS = ["2026-03-27T06:00:00Z", "2026-03-28T06:00:00Z", "2026-03-29T05:00:00Z", "2026-03-30T05:00:00Z"]


@pytest.fixture
def queue(needs: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], int]]:
    """`queue()`: how many messages wait in a broker of this test's own."""
    prefix, url = f"t-{secrets.token_hex(6)}", needs("redis")
    for name, value in {"BROKER_URL": url, "SECRET_KEY": "0123456789abcdef", "KEY_PREFIX": prefix}.items():
        monkeypatch.setenv(f"AUTOMATION_{name}", value)
    server = redis.Redis.from_url(url)

    def length() -> int:
        lists = [key for key in server.scan_iter(f"*{prefix}*") if server.type(key) == b"list"]
        return sum(server.llen(key) for key in lists)

    yield length
    for key in server.scan_iter(f"*{prefix}*"):
        server.delete(key)
    server.close()


@pytest.fixture
def begun(services: Services) -> Callable[..., RunRow]:
    """`begun(job)`: a run of it that is at work."""

    def begin(job: str, **values: Any) -> RunRow:
        run, _ = record(services, Request(job, {}, **values))
        lease = services.settings.lease
        found = services.ledger.runs.claim(run.id, Claimant("w", 1), lease, lambda _: lease)
        assert found is not None
        return found

    return begin


def listed(run: Run, *options: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(run(*options, "--json")[1])
    return found


def test_dry_run_lists_and_records_nothing(run: Run, services: Services) -> None:
    """Each fire in UTC and by the clocks of its zone, with the window that it stands for."""
    code, out, err = run("backfill", "books", *SPAN, "--dry-run")
    rows = listed(run, "backfill", "books", *SPAN, "--dry-run")

    assert code == 0
    assert "4 runs would be recorded; nothing was." in err
    assert out.splitlines()[3].split() == ["main", "2026-03-29", "05:00:00Z", "2026-03-29", "07:00:00+02:00"]
    assert [(row["nominal_time"], row["window_start"]) for row in rows[1:]] == list(zip(DAYS[1:], DAYS, strict=False))
    assert {(row["run"], row["batch"], row["excluded"]) for row in rows} == {(None, None, None)}
    assert services.ledger.queries.runs() == []


def test_backfill_records_a_batch_and_rings_for_its_first(
    run: Run, services: Services, queue: Callable[[], int]
) -> None:
    """As many messages as may begin at once; the rest goes out as places become free."""
    code, out, err = run("backfill", "books", *SPAN, "--max-parallel", "2", "--order", "newest", "--json")
    rows = json.loads(out)
    runs = sorted(services.ledger.queries.runs(), key=lambda one: one.due_at)

    assert (code, [row["nominal_time"] for row in rows]) == (0, DAYS[::-1])
    assert [row["run"] for row in rows] == [one.id for one in runs]
    assert {(one.kind, one.batch, one.max_running) for one in runs} == {("backfill", rows[0]["batch"], 2)}
    assert f"automation runs --batch {rows[0]['batch']}; stop: automation cancel --batch {rows[0]['batch']}" in err
    assert queue() == 2


def test_repeated_backfill_starts_nothing_twice(run: Run, services: Services, queue: Callable[[], int]) -> None:
    """What waits or succeeded is left alone; a longer span adds what it has more."""
    first = listed(run, "backfill", "books", *SPAN)
    lease = services.settings.lease
    services.ledger.runs.claim(first[0]["run"], Claimant("w", 1), lease, lambda _: lease)
    services.ledger.runs.finish(first[0]["run"], 1, success({}))
    code, out, err = run("backfill", "books", *SPAN)
    more = listed(run, "backfill", "books", "--from", "2026-03-26", "--to", "2026-03-31")

    assert (code, out) == (0, "")
    assert "Nothing to run." in err
    assert f"4 fires of 4 left alone; main 2026-03-30 05:00:00Z: run {first[3]['run']} is queued" in err
    assert [row["nominal_time"] for row in more] == ["2026-03-26T06:00:00Z"]


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["boks", *SPAN], 2, "did you mean 'books'"),
        (["books", "--from", "yesterday", "--to", "2026-03-31"], 2, "'yesterday' is no moment"),
        (["books", "--from", "2026-03-31", "--to", "2026-03-27"], 2, "swap them"),
        (["books", *SPAN, "--schedule", "mian"], 2, "no schedule 'mian'; write one of: main"),
        (["books", *SPAN, "--select", "mising"], 2, "did you mean 'missing'"),
        (["books", *SPAN, "--order", "old"], 2, "'old' is no order"),
        (["books", *SPAN, "--limit", "3"], 2, "4 runs would be recorded, more than --limit 3"),
        (["poll", *SPAN], 3, "fixed_delay"),
        (["tidy", *SPAN], 3, "Plugin 'cleanup' works on what is there now"),
    ],
)
def test_backfill_that_cannot_be_is_refused(
    run: Run, services: Services, options: list[str], code: int, said: str
) -> None:
    """With the way out, and nothing recorded."""
    ended, out, err = run("backfill", *options)

    assert (ended, out) == (code, "")
    assert said in err
    assert services.ledger.queries.runs() == []


def test_force_fills_what_works_on_the_present(run: Run, services: Services) -> None:
    """Who insists is believed."""
    assert len(listed(run, "backfill", "tidy", *SPAN, "--force", "--dry-run")) == 96


def test_nothing_fires_in_that_time(run: Run, services: Services) -> None:
    """Which is no error; neither is a time to come."""
    quiet = run("backfill", "books", "--from", "2026-03-27T08:00", "--to", "2026-03-27T09:00")
    coming = run("backfill", "books", "--from", "2126-03-27", "--to", "2126-03-29")

    assert quiet[:2] == coming[:2] == (0, "")
    assert "Job 'books' does not fire in that time." in quiet[2]


def test_runs_of_a_batch_are_listed(run: Run, services: Services, queue: Callable[[], int]) -> None:
    """And no others."""
    batch = listed(run, "backfill", "books", *SPAN)[0]["batch"]
    record(services, Request("books", {}))

    assert [one["batch"] for one in listed(run, "runs", "--batch", batch)] == [batch] * 4


@pytest.mark.parametrize("command", ["runs", "cancel"])
def test_batch_that_nobody_made_is_wrong_input(run: Run, services: Services, command: str) -> None:
    """The same answer, whether its runs are listed or cancelled."""
    assert run(command, "--batch", "nope") == (
        2,
        "",
        "There is no batch 'nope'. `automation runs --json` shows those of the latest runs\n",
    )


def test_batch_is_cancelled_as_one(run: Run, services: Services, queue: Callable[[], int]) -> None:
    """Those that wait at once; a second time there is nothing left."""
    batch = listed(run, "backfill", "books", *SPAN)[0]["batch"]
    code, out, _ = run("cancel", "--batch", batch)

    assert (code, out.count(" is cancelled, and does not begin\n")) == (0, 4)
    assert {one.state for one in services.ledger.queries.runs()} == {"cancelled"}
    assert run("cancel", "--batch", batch)[0] == 3


def test_cancel_says_what_became_of_each_run(run: Run, services: Services, begun: Callable[..., RunRow]) -> None:
    """At work: asked to stop. Waiting: cancelled. Ended: as it was."""
    ended, works = begun("books"), begun("books")
    services.ledger.runs.finish(ended.id, ended.attempt, success({}))
    waits, _ = record(services, Request("books", {}))
    code, out, _ = run("cancel", ended.id, works.id[:8], waits.id)

    assert code == 0
    assert set(out.splitlines()) == {
        f"Run {ended.id} of books has ended before: succeeded",
        f"Run {works.id} of books is at work, and was asked to stop",
        f"Run {waits.id} of books is cancelled, and does not begin",
    }


def test_cancel_of_a_job_leaves_others(run: Run, services: Services, begun: Callable[..., RunRow]) -> None:
    """By name; a job without an open run is refused, an unknown one is wrong input."""
    other, mine = begun("wait"), begun("books")

    assert run("cancel", "--job", "books")[1] == f"Run {mine.id} of books is at work, and was asked to stop\n"
    assert services.ledger.queries.run(other.id).cancel_requested_at is None
    assert (run("cancel", "--job", "tidy")[0], run("cancel", "--job", "boks")[0]) == (3, 2)


@pytest.mark.parametrize("options", [[], ["--batch", "none"], ["x", "--job", "books"], ["zzz"]])
def test_cancel_of_nothing_known_ends_with_2(run: Run, services: Services, options: list[str]) -> None:
    """And a sentence."""
    code, out, err = run("cancel", *options)

    assert (code, out) == (2, "")
    assert err


def test_job_that_does_not_overlap_is_refused_by_hand(
    run: Run, services: Services, begun: Callable[..., RunRow]
) -> None:
    """With the run that is in the way; `--overlap allow` runs it beside that."""
    works = begun("books")
    code, out, err = run("run", "books", "--here")
    beside = run("run", "books", "--here", "--overlap", "allow")

    assert (code, out) == (3, "")
    assert f"Run {works.id} of job 'books' is running" in err
    assert "--overlap allow" in err
    assert beside[0] == 0


def test_key_of_an_open_run_finds_it_and_is_not_refused(
    run: Run, services: Services, begun: Callable[..., RunRow]
) -> None:
    """Asking again is no second run."""
    works = begun("books", idempotency_key="k")
    code, out, _ = run("run", "books", "--idempotency-key", "k", "--json")

    assert (code, json.loads(out)["id"]) == (0, works.id)


def test_job_that_queues_waits_for_its_place(
    run: Run, services: Services, begun: Callable[..., RunRow], queue: Callable[[], int]
) -> None:
    """It is recorded, and a notice says behind whom."""
    works = begun("wait")
    code, out, err = run("run", "wait", "--json")
    waiting = services.ledger.queries.run(json.loads(out)["id"])

    assert (code, waiting.state, waiting.max_running) == (0, "queued", 1)
    assert f"waits for its place; before it: {works.id}" in err


def test_newest_run_asks_the_one_at_work_to_stop(
    run: Run, services: Services, begun: Callable[..., RunRow], queue: Callable[[], int]
) -> None:
    """As its schedule would, with `cancel_running`."""
    works = begun("newest")

    assert run("run", "newest")[0] == 0
    assert services.ledger.queries.run(works.id).cancel_requested_at is not None
    assert run("run", "newest", "--overlap", "alow")[0] == 2

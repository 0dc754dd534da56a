"""The scheduler's rounds: what they cost, and when the next is due."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from redis import Redis

from automation.broker import Endpoints
from automation.ledger.runs import Claimant
from automation.queue.app import LOOP_SECONDS, make_app
from automation.scheduler.scheduler import LedgerScheduler
from automation.services import build_services
from automation.sight import Sight
from automation.testing.bell import Bell
from automation.testing.clock import VirtualClock
from automation.testing.server import throwaway_redis

HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def redis_url():
    with throwaway_redis() as url:
        yield url


@pytest.fixture
def scheduler_of(tmp_path, utc, redis_url, give_ledger):
    """`scheduler_of(toml)`: a scheduler that leads, and its services; an hour after the activation."""
    made = []

    def make(text, bell=None, clock_of=VirtualClock):
        (tmp_path / "schedules").mkdir()
        (tmp_path / "schedules" / "a.toml").write_text(text)
        clock = clock_of(utc(2026, 3, 2))
        services = build_services(tmp_path, clock=clock, environ={"AUTOMATION_KEY_PREFIX": tmp_path.name})
        give_ledger(tmp_path)
        app = make_app(services.settings, Endpoints(redis_url, redis_url))
        scheduler = LedgerScheduler(app, services, bell or Bell(), Sight("scheduler"))
        made.extend([scheduler, app, services])
        assert scheduler.tick() == LOOP_SECONDS
        clock.move_to(clock.true + HOUR)
        return scheduler, services

    yield make
    for one in made:
        one.close()


@pytest.mark.parametrize(
    "keys", [{}, {"max_fires": 1}, {"jitter": '"30m"'}, {"only_during": '["noon"]'}, {"overlap": '"queue_all"'}]
)
@pytest.mark.parametrize("paused", [False, True])
def test_what_is_decided_is_not_looked_at_again(scheduler_of, job, keys, paused):
    """Whatever became of it: the next round is a whole second away."""
    calendar = '[calendars.noon]\nweekly = ["mon-sun 12:00-13:00"]\n'
    scheduler, services = scheduler_of(job('every = "1h"', **keys) + (calendar if "only_during" in keys else ""))
    if paused:
        services.ledger.pauses.pause("all", "", "moving", "ana")
    for _ in range(3):
        scheduler.tick()
        assert scheduler.tick() == LOOP_SECONDS
        services.clock.move_to(services.clock.true + HOUR)


def test_a_run_at_work_is_not_asked_all_the_time_whether_it_has_ended(scheduler_of, job):
    """A job with fixed_delay is due no sooner than its delay from now."""
    scheduler, services = scheduler_of(job('fixed_delay = "10m"'))
    scheduler.tick()
    [run] = services.ledger.queries.runs()
    assert services.ledger.runs.claim(run.id, Claimant("w", 1), HOUR, lambda _run: HOUR)
    services.clock.move_to(services.clock.true + HOUR / 2)
    scheduler.tick()

    assert scheduler.tick() == LOOP_SECONDS
    assert scheduler.next_wake() == services.clock.now() + timedelta(minutes=10)


def test_a_round_asks_as_much_for_many_as_for_one(scheduler_of, job):
    """Questions are asked for all that are due together."""
    asked = []
    text = "".join(job('every = "1h"', f"job-{number}") for number in range(40))
    text += job('cron = "30 * * * *"', "alone")
    scheduler, services = scheduler_of(text)
    sa.event.listen(services.ledger.engine, "before_cursor_execute", lambda *args: asked.append(args[2]))
    counts = []
    for minutes in (0, 30):
        services.clock.move_to(services.clock.true + timedelta(minutes=minutes))
        asked.clear()
        scheduler.firing.fire(services.clock.now())
        counts.append(sum(statement.startswith("SELECT") for statement in asked))

    assert len(services.ledger.queries.runs(limit=100)) == 42
    assert counts[0] <= counts[1] + 1


def test_what_is_decided_is_published_in_the_same_round(scheduler_of, job):
    """Also on a clock that goes on while it is decided."""

    class Ticking(VirtualClock):
        def now(self):
            self.move_to(self.true + timedelta(milliseconds=1))
            return super().now()

    bell = Bell()
    scheduler, services = scheduler_of(job('every = "1h"'), bell, Ticking)
    scheduler.firing.fire(services.clock.now())

    assert len(bell.messages) == 1


def test_what_stands_in_the_place_of_the_entries_is_no_hindrance(scheduler_of, job, redis_url, tmp_path):
    """Whatever it is: who takes over writes them anew, and fires."""
    with Redis.from_url(redis_url) as redis:
        redis.set(f"{tmp_path.name}:redbeat::schedule", "no sorted set")
        scheduler, services = scheduler_of(job('every = "1h"'))
        scheduler.tick()

    assert len(services.ledger.queries.runs()) == 1


def test_one_schedule_that_the_database_refuses_stops_no_other(scheduler_of, job):
    """It is tried again a minute later."""
    scheduler, services = scheduler_of(job('every = "1h"', "good") + job('every = "1h"', "bad"))
    refuse = "BEFORE INSERT ON automation_runs WHEN new.job = 'bad' BEGIN SELECT RAISE(ABORT, 'no'); END"
    with services.ledger.engine.begin() as connection:
        connection.execute(sa.text(f"CREATE TRIGGER picky {refuse}"))
    now = services.clock.now()
    scheduler.firing.fire(now)

    assert {run.job for run in services.ledger.queries.runs()} == {"good"}
    assert scheduler.next_wake() == now + timedelta(minutes=1)

"""The process `automation scheduler`: tick, wait, tick; what fails is tried again.

Owns: the loop and how it stops.
Never: exits because Redis, the broker or the ledger is away.
"""

from __future__ import annotations

import gc
import logging
import signal
from collections.abc import Callable
from types import FrameType

from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from automation.broker.endpoints import Endpoints, endpoints
from automation.broker.facts import facts
from automation.broker.key import secret_key
from automation.errors import AutomationError, BrokerUnavailable, ServiceUnavailable
from automation.health.check import Health
from automation.health.services import check_redis
from automation.queue.app import make_app
from automation.queue.door import Door
from automation.scheduler.scheduler import LedgerScheduler
from automation.scheduler.tidying import Tidying
from automation.secrets import mask_urls
from automation.services import Services
from automation.sight import Sight
from automation.supervise.signals import ENDING, ignore_ending

_log = logging.getLogger("automation.scheduler")
_PAUSES = (0.2, 0.5, 1.0, 2.0)
#: A round makes and drops tens of thousands of small things; to look for garbage among them so often costs a good part of it.
_NEW_BEFORE_COLLECTED = 20_000


def run_scheduler(services: Services) -> int:
    """Schedule until told to stop; SIGHUP asks for a look at the files; returns the exit code."""
    settings = services.settings
    where = endpoints(settings)
    app = make_app(settings, where)
    door = Door(app, where, settings, secret_key(settings))
    sight = Sight("scheduler")
    stopping: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        stopping.append(number)

    for number in ENDING:
        signal.signal(number, stop)
    scheduler, tidying = LedgerScheduler(app, services, door, sight), Tidying(services)
    woken: list[int] = []

    def look(number: int, _frame: FrameType | None) -> None:
        scheduler.reload.ask()
        woken.append(number)

    signal.signal(signal.SIGHUP, look)
    _warn_of_eviction(where)
    gc.set_threshold(_NEW_BEFORE_COLLECTED, *gc.get_threshold()[1:])
    _log.info("Scheduler %s is ready", sight.name)
    failures = 0
    while not stopping:
        try:
            pause = scheduler.tick()
            failures = 0
            if pause:
                pause -= tidying.step(leads=scheduler.leads)
        except (RedisError, SQLAlchemyError, AutomationError, OSError) as error:
            pause = _PAUSES[min(failures, len(_PAUSES) - 1)]
            failures += 1
            _log.warning("Scheduling waits: %s", mask_urls(str(error)).splitlines()[0])
        _wait(services, pause, lambda: bool(stopping or woken))
        woken.clear()
    _leave(services, scheduler, sight)
    door.close()
    ignore_ending()
    return 0


def _warn_of_eviction(where: Endpoints) -> None:
    """Say once that this Redis throws away what it is given; one that does not answer is told of by the first round."""
    try:
        check = check_redis(facts(where), embedded=where.embedded)
    except BrokerUnavailable:
        return
    if check.state is Health.FAIL:
        _log.warning("%s", check.message)


def _wait(services: Services, pause: float, wanted: Callable[[], bool]) -> None:
    """Wait in short steps: a signal does not end a sleep by itself."""
    until = services.clock.monotonic() + pause
    while not wanted() and (left := until - services.clock.monotonic()) > 0:
        services.clock.sleep(min(left, 0.1))


def _leave(services: Services, scheduler: LedgerScheduler, sight: Sight) -> None:
    try:
        scheduler.close()
        services.ledger.processes.stopped(sight.name)
    except (RedisError, SQLAlchemyError, ServiceUnavailable, OSError) as error:
        _log.warning("Leadership could not be given back, it runs out by itself: %s", mask_urls(str(error)))
    _log.info("Scheduler stopped")

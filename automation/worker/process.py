"""The process `automation worker`: Celery's worker with our tasks, our keeper and our way to stop.

Owns: putting them together.
Never: decides anything about a run.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from mmap import mmap
from typing import Any

from celery import bootsteps
from celery.exceptions import CPendingDeprecationWarning, SecurityWarning
from celery.signals import setup_logging, worker_process_init, worker_ready
from celery.utils.log import get_multiprocessing_logger

from automation.broker.endpoints import endpoints
from automation.broker.key import secret_key
from automation.queue.app import make_app, queue_name
from automation.queue.door import Door
from automation.services import Services
from automation.sight import Sight
from automation.supervise.signals import ignore_ending
from automation.text import count
from automation.worker.alarm import no_alarm, ring_every, silence
from automation.worker.consumer import PatientConsumer
from automation.worker.farewell import Farewell, leave_it_to_the_main_process
from automation.worker.keeper import Keeper
from automation.worker.task import Child, MakeStandIn, register

_log = logging.getLogger("automation.worker")


class KeeperStep(bootsteps.StartStopStep):
    """Calls the keeper from the worker's own timer."""

    requires = ("celery.worker.components:Timer", "celery.worker.components:Pool")

    def __init__(self, worker: Any, **options: Any) -> None:
        super().__init__(worker, **options)
        self._timers: list[Any] = []

    def start(self, worker: Any) -> None:
        """Begin to beat.

        The children are looked at by the timer alone: until Celery's loop runs, its pool cannot put another one in the
        place of one that died, and fails for good when it is asked to.
        """
        keeper: Keeper = worker.app.make_keeper(worker)
        worker.app.keeper = keeper
        keeper.report()
        # Celery ends a worker whose children died so early; the first beat forks others.
        worker.pool.did_start_ok = lambda: True
        self._timers = [
            worker.timer.call_repeatedly(0.5, keeper.beat),
            worker.timer.call_repeatedly(0.1, keeper.leaving),
        ]
        ring_every(keeper.renew_every / 2, keeper.beat_late)
        worker.app.farewell.pass_on()

    def stop(self, _worker: Any) -> None:
        """End the beat."""
        silence()
        for timer in self._timers:
            timer.cancel()

    def terminate(self, worker: Any) -> None:
        """The same, when there is no time for more."""
        self.stop(worker)


def run_worker(services: Services, queues: Sequence[str], concurrency: int, stand_in: MakeStandIn) -> int:
    """Work until told to stop; returns the exit code.

    Parameters
    ----------
    services: made with `forks=True`.
    queues: which queues to take runs from.
    concurrency: runs at once, a process each.
    stand_in: makes who fires while no scheduler does; called in a child, and not before it is needed.
    """
    # Celery warns of root because of pickle, which we do not accept.
    warnings.filterwarnings("ignore", category=SecurityWarning)
    # And with each lost connection of what a later version will do with tasks that are acknowledged late; ours are not.
    warnings.filterwarnings("ignore", category=CPendingDeprecationWarning)
    settings = services.settings
    where = endpoints(settings)
    app = make_app(settings, where)
    tasks = register(app)
    sight = Sight("worker", {"queues": list(queues), "concurrency": concurrency})
    door = Door(app, where, settings, secret_key(settings))
    # Shared with every child that is ever forked; one byte that says: leave.
    leaving = mmap(-1, 1)
    app.make_keeper = lambda worker: Keeper(services, door, worker, sight, leaving)
    app.farewell = farewell = Farewell(app)
    app.steps["worker"].add(KeeperStep)

    def open_child(**_: Any) -> None:
        no_alarm()
        leave_it_to_the_main_process()
        child = Child(settings, sight.name, leaving, stand_in)
        for task in tasks:
            type(task).child = child

    worker_process_init.connect(open_child, weak=False)
    setup_logging.connect(_our_logs, weak=False)
    worker_ready.connect(_ready, weak=False)
    worker = app.Worker(
        concurrency=concurrency,
        max_tasks_per_child=settings.runs_per_child or None,
        max_memory_per_child=settings.memory_per_child // 1024 or None,
        pool="prefork",
        consumer_cls=PatientConsumer,
        hostname=sight.name,
        queues=[queue_name(settings.key_prefix, queue) for queue in queues],
        loglevel=logging.WARNING,
        without_mingle=True,
        without_gossip=True,
        quiet=True,
        task_events=settings.task_events,
    )
    farewell.instead_of(worker)
    names = ", ".join(queues)
    _log.info("Worker %s takes runs from %s, %s at once", sight.name, names, count(concurrency, "run"))
    try:
        worker.start()
    finally:
        silence()
        ignore_ending()
    return int(worker.exitcode or 0)


def _our_logs(**_: Any) -> None:
    """In place of Celery's own set-up: the pool's lines go where all lines go."""
    pool = get_multiprocessing_logger() or logging.getLogger("celery.pool")
    pool.handlers.clear()
    pool.propagate = True
    pool.setLevel(logging.WARNING)


def _ready(**_: Any) -> None:
    _log.info("Worker is ready")

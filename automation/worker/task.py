"""The tasks of a worker's child process: do a run, deliver the outbox, fire while no scheduler does.

Owns: what a message may start: exactly these three.
Never: takes anything but a run's id from a message.
"""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable
from functools import cached_property
from mmap import mmap
from types import FrameType
from typing import Any, Protocol

from celery import Celery, Task
from sqlalchemy.exc import SQLAlchemyError

from automation.broker.key import secret_key
from automation.errors import AutomationError
from automation.ledger.limit import limits_of
from automation.ledger.rows import RunRow
from automation.ledger.runs import Claimant
from automation.ledger.states import FINAL
from automation.logs import configure
from automation.queue.app import DELIVER_TASK, RUN_TASK, STAND_IN_TASK
from automation.queue.door import Door
from automation.queue.message import genuine
from automation.runner.attempt import attempt
from automation.runner.deliver import deliver
from automation.runner.telling import tell
from automation.services import Services, build_services
from automation.settings import Settings, process_id
from automation.worker.vigil import scheduler_leads

_log = logging.getLogger(__name__)


class StandIn(Protocol):
    """Fires what is due."""

    def fire(self) -> None:
        """Decide, record and publish it."""
        ...


MakeStandIn = Callable[[Services, Door], StandIn]


class Child:
    """What a child process works with: services of its own, opened after the fork."""

    def __init__(self, settings: Settings, worker: str, leaving: mmap, make_stand_in: MakeStandIn) -> None:
        self.services: Services = build_services(settings.project)
        configure(self.services.redactor, form=settings.log_format, level=settings.log_level)
        self.services.bus.listen(tell)
        self.key = secret_key(settings)
        self.claimant = Claimant(worker, process_id())
        self._leaving = leaving
        self._make_stand_in = make_stand_in

    @cached_property
    def stand_in(self) -> StandIn:
        """Who fires while no scheduler does."""
        return self._make_stand_in(self.services, self.door)

    @cached_property
    def door(self) -> Door:
        """To the queue; opened when it is first needed, after the fork."""
        return Door.of(self.services.settings)

    def ring_for_the_next(self, run: RunRow) -> None:
        """Ring for who waits for the place of a run that has ended: the next look around would be a second later."""
        if run.max_running is None and run.flow is None and not limits_of(run.spec):
            return
        ledger = self.services.ledger
        try:
            self.door.ring(ledger, ledger.leases.behind(run.id))
        except SQLAlchemyError as error:
            _log.warning("Who waits behind run %s is rung for later: %s", run.id, error)

    def leaving(self) -> bool:
        """Whether the worker is stopping: its main process says so in memory that all its children share."""
        return self._leaving[0] != 0


class _ChildTask(Task[Any, None]):
    """What the tasks of a child have in common."""

    Request = "automation.worker.consumer:PromptRequest"
    ignore_result = True
    acks_late = False
    child: Child | None = None

    def begin(self) -> Child:
        """What it works with; from here on the main process decides when it ends."""
        assert self.child is not None, "the child's services are made before its first task"
        _leave_stopping_to_the_main_process()
        return self.child


class RunTask(_ChildTask):
    """One delivery of a run's message."""

    name = RUN_TASK

    def run(self, run_id: Any = None, signed: Any = None, *_: Any, **__: Any) -> None:
        """Do one attempt of the run, if it is there to be claimed."""
        child = self.begin()
        if not genuine(child.key, run_id, signed):
            _log.warning("A message that nobody here signed was thrown away")
            return
        ended = attempt(child.services, run_id, child.claimant, child.leaving)
        if ended is not None and ended.verdict.state in FINAL and not child.leaving():
            child.ring_for_the_next(ended.run)


class DeliverTask(_ChildTask):
    """Send what is due in the outbox."""

    name = DELIVER_TASK

    def run(self, *_: Any, **__: Any) -> None:
        """Deliver; whoever else delivers at the same time claims other mails."""
        child = self.begin()
        deliver(child.services, stopping=child.leaving)


class StandInTask(_ChildTask):
    """Fire what is due, where still no scheduler leads."""

    name = STAND_IN_TASK

    def run(self, *_: Any, **__: Any) -> None:
        """Fire; beside a scheduler, or another one who does this, it changes nothing."""
        child = self.begin()
        try:
            if not child.leaving() and not scheduler_leads(child.services):
                child.stand_in.fire()
        except (SQLAlchemyError, AutomationError) as error:
            _log.warning("What is due waits: %s", error)


def _leave_stopping_to_the_main_process() -> None:
    """Who stops a whole process group means the main process, which decides when a task must end.

    Heard and not ignored: what is ignored is so in a command too that a plugin starts, and nothing could ask it to end.
    """
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, _stay)


def _stay(_signal: int, _frame: FrameType | None) -> None:
    """Go on."""


def register(app: Celery) -> tuple[RunTask, DeliverTask, StandInTask]:
    """The tasks, bound to the app."""
    return app.register_task(RunTask()), app.register_task(DeliverTask()), app.register_task(StandInTask())

"""Retention beside firing: what the leader deletes, a short step at a time.

Owns: when a sweep begins, how much of the time its steps may take, and what is said when one has ended.
Never: chooses what goes.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from functools import partial

from sqlalchemy.exc import SQLAlchemyError

from automation.artifacts import remove_files
from automation.errors import ProjectInvalid
from automation.ledger.retention import Sweep
from automation.project.retention import load_retention
from automation.secrets import mask_urls
from automation.services import Services

_log = logging.getLogger(__name__)
_FIRST_SECONDS = 60.0
_BETWEEN_SECONDS = 600.0
#: Of each ten seconds one, and of the time between two sweeps a twentieth.
_SHARE, _SHARE_OF_ALL = 10, 20
_STEP_SECONDS = 0.2


class Tidying:
    """Sweeps of one scheduler while it leads."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._sweep: Sweep | None = None
        self._steps: Iterator[None] = iter(())
        self._worked = 0.0
        self._next = services.clock.monotonic() + _FIRST_SECONDS

    def step(self, *, leads: bool) -> float:
        """Do the next piece, if it is time; returns the seconds that it took.

        Parameters
        ----------
        leads: whether this scheduler fires; a sweep of one that does not is dropped, and is the leader's to begin anew.
        """
        clock = self._services.clock
        began = clock.monotonic()
        if not leads:
            self._sweep = None
        if not leads or began < self._next:
            return 0.0
        try:
            ended = self._step()
        except (SQLAlchemyError, ProjectInvalid, OSError) as error:
            _log.warning("Retention waits: %s", mask_urls(str(error)).splitlines()[0])
            self._sweep, ended = None, True
        took = clock.monotonic() - began
        self._worked += took
        wait = max(_BETWEEN_SECONDS, self._worked * _SHARE_OF_ALL) if ended else max(_STEP_SECONDS, took * _SHARE)
        self._next = began + wait
        return took

    def _step(self) -> bool:
        """One step of a sweep; whether that was its last."""
        if self._sweep is None:
            keep = load_retention(self._services.settings.project, self._services.environ)
            remove = partial(remove_files, self._services.settings.artifacts)
            self._sweep = self._services.ledger.sweep(keep, remove)
            self._steps, self._worked = self._sweep.steps(), 0.0
        for _ in self._steps:
            return False
        gone = {what: number for what, number in self._sweep.counts.items() if number}
        if gone:
            _log.info("Retention took out %s", ", ".join(f"{what}: {number:,}" for what, number in gone.items()))
        self._sweep = None
        return True

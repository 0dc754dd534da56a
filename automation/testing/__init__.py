"""What tests of plugins and of schedules need: one attempt of a job, and a project on a virtual clock.

Owns: the public names.
Never: imports pytest or Celery before somebody asks for what needs them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from automation.clock import FrozenClock
from automation.testing.attempt import JobRun, run_job

if TYPE_CHECKING:
    from automation.testing.fixture import time_machine
    from automation.testing.history import Happened, History
    from automation.testing.machine import simulate

__all__ = ["FrozenClock", "Happened", "History", "JobRun", "run_job", "simulate", "time_machine"]

_LATE = {"Happened": "history", "History": "history", "simulate": "machine", "time_machine": "fixture"}


def __getattr__(name: str) -> Any:
    """The time machine and its words, imported when they are first named."""
    if name not in _LATE:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_LATE[name]}"), name)

"""What a plugin author or a caller imports; names resolve on first use, so that `import automation` stays light."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from automation.artifacts import Artifact
    from automation.errors import FailureClass, GiveUp, JobFailed, Retry, Skip, Snooze
    from automation.plugin import Context, plugin
    from automation.queue.composed import chain, chord, group, step
    from automation.queue.enqueue import enqueue

__all__ = [
    "Artifact", "Context", "FailureClass", "GiveUp", "JobFailed", "Retry", "Skip", "Snooze", "chain", "chord", "enqueue",
    "group", "plugin", "step",
]  # fmt: skip

_HOMES = {
    "Artifact": "automation.artifacts",
    "Context": "automation.plugin",
    **dict.fromkeys(("chain", "chord", "group", "step"), "automation.queue.composed"),
    "enqueue": "automation.queue.enqueue",
    "plugin": "automation.plugin",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'automation' has no attribute {name!r}")
    return getattr(import_module(_HOMES.get(name, "automation.errors")), name)

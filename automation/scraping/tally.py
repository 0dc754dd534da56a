"""What became of the items of a run, with a few of each kind.

Owns: the change report. Never: decides what is new or changed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

SAMPLES = 5
Samples = dict[str, list[dict[str, Any]]]


def _none() -> Samples:
    return {"new": [], "changed": [], "gone": []}


@dataclass
class Tally:
    """What became of the items of a run.

    Parameters
    ----------
    back: items that were gone and are there again; they are among the changed or the unchanged ones, too.
    samples: the keys of a few new, changed and gone items; of changed ones the values before and after.
    """

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    gone: int = 0
    back: int = 0
    samples: Samples = field(default_factory=_none)

    def add(self, other: Tally) -> None:
        """Count these too."""
        for name in ("new", "changed", "unchanged", "gone", "back"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for kind, found in other.samples.items():
            self.samples[kind] = [*self.samples[kind], *found][:SAMPLES]

    def show(self, kind: str, sample: dict[str, Any]) -> None:
        """Keep this as one of the first of its kind."""
        if len(self.samples[kind]) < SAMPLES:
            self.samples[kind].append(sample)

"""What a supervisor asks whether its processes have to begin anew.

Owns: the form of the question and of the answer.
Never: knows why; looks at a file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from automation.supervise.process import Spec


@dataclass(frozen=True)
class Renewal:
    """Processes that begin anew, while the others go on.

    Parameters
    ----------
    why: the first half of a sentence, for the terminal.
    first: runs before; if it does not end with 0, nothing begins anew. It is of order RELEASE.
    specs: by name, what begins anew, and how it is started from now on; empty says `why` and does nothing.
    """

    why: str
    first: Spec | None = None
    specs: Mapping[str, Spec] = field(default_factory=dict)


class Watch(Protocol):
    """Something that notices when processes have become old; asked about twice a second."""

    def look(self, *, asked: bool) -> Renewal | None:
        """What has to begin anew; `asked` when a person asked for this look."""
        ...

    def took(self) -> None:
        """The last renewal is under way."""
        ...

"""The audit trail of the command line: what was done with it leaves a line like what was done over HTTP.

Owns: who that was and from where.
Never: stands in the way of a command: what was done is done.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from automation.settings import login_name

if TYPE_CHECKING:
    from automation.ledger.ledger import Ledger


def leave(ledger: Ledger, action: str, target: str = "", *, who: str | None = None, **details: object) -> None:
    """Add a line.

    Parameters
    ----------
    who: as `--by` says; default: the login name.
    """
    ledger.audit.record(
        action, target, who=who or login_name(), via="cli", address=socket.gethostname(), details=details
    )

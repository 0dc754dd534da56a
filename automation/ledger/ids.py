"""The ids of runs.

Owns: what a new one looks like, and those that are the same whoever computes them.
Never: knows a row.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from datetime import datetime

from automation.text import instant


def new_id() -> str:
    """A run id that nobody else has: 20 lower-case letters and digits."""
    return _id(secrets.token_bytes(12))


def occurrence_id(job: str, schedule: str, nominal_time: datetime) -> str:
    """The id of an occurrence's run, the same whoever computes it; so a second insert finds the first."""
    return _derived(job, schedule, instant(nominal_time))


def scope_of(job: str, schedule: str | None, nominal_time: datetime, run_id: str) -> str:
    """What the effects of a run are single for: the occurrence, or the run where there is none."""
    return f"{job}/{schedule}@{instant(nominal_time)}" if schedule else f"run/{run_id}"


def follower_id(flow: str, step: str, index: int | None) -> str:
    """The id of a run that follows others in a flow, the same whoever computes it.

    Parameters
    ----------
    index: which element of a list it is for; None, where there is no list, is as the first.
    """
    return _derived("flow", flow, step, str(index or 0))


def _derived(*parts: str) -> str:
    return _id(hashlib.blake2b("\0".join(parts).encode(), digest_size=12).digest())


def _id(raw: bytes) -> str:
    return base64.b32encode(raw).decode().rstrip("=").lower()

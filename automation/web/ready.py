"""Whether this process can do its work: what a load balancer asks.

Owns: the checks of `/readyz`, quick enough to be asked every second.
Never: repairs, or waits longer than the ping's time.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from automation.broker import Endpoints, ping
from automation.errors import AutomationError
from automation.health.check import Check, fail, ok
from automation.ledger.schema import require_current, unavailable

_PING_SECONDS = 1.0


def readiness(engine: sa.Engine, where: Endpoints) -> list[Check]:
    """The ledger has this program's schema, and the broker answers."""
    return [_ledger(engine), _broker(where)]


def _ledger(engine: sa.Engine) -> Check:
    try:
        require_current(engine)
    except AutomationError as error:
        return fail("ledger", str(error))
    except SQLAlchemyError as error:
        return fail("ledger", str(unavailable(engine, error)))
    return ok("ledger", "answers, schema current")


def _broker(where: Endpoints) -> Check:
    try:
        ping(where, _PING_SECONDS)
    except AutomationError as error:
        return fail("broker", str(error))
    return ok("broker", "answers")

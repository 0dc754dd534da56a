"""The audit of answers: each request that may change something leaves a line, done or refused.

Owns: writing that line before the answer goes out.
Never: stands in the way of an answer: what was done is told, also when its line could not be written.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from automation.errors import AutomationError
from automation.ledger.audit import Audit
from automation.web.access.needs import SAFE

_log = logging.getLogger(__name__)


class Trail:
    """Writes the audit trail of an application; `audit` is asked for at each line."""

    def __init__(self, app: ASGIApp, audit: Callable[[], Audit]) -> None:
        self.app, self._audit = app, audit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in SAFE:
            await self.app(scope, receive, send)
            return

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                await run_in_threadpool(self._write, scope, message["status"])
            await send(message)

        scope.setdefault("state", {})
        await self.app(scope, receive, told)

    def _write(self, scope: Scope, status: int) -> None:
        state: dict[str, Any] = scope["state"]
        act = state.get("act")
        if act is None or status == 429:  # nothing was begun; and what comes too often would fill the trail
            return
        principal, caller = state.get("principal"), state.get("caller")
        address = caller.address if caller else (scope.get("client") or ("",))[0]
        try:
            self._audit().record(
                act["action"],
                act["target"] or " ".join(str(value) for value in scope.get("path_params", {}).values()),
                who=principal.name if principal else act.get("who", "unknown"),
                via=principal.via if principal else act.get("via", "none"),
                address=address,
                status=status,
                details=act["details"],
            )
        except (SQLAlchemyError, AutomationError) as error:
            _log.error("The audit trail misses %s by %s: %s", act["action"], principal, getattr(error, "orig", error))

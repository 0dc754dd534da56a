"""Celery's consumer, which waits for a broker that is away without forgetting what its worker holds.

Owns: how often the broker is asked, and that the keeper goes on meanwhile (Celery's loop, and its timer, stand still);
that a connection on which something failed is never gone on with; that children are watched over a new connection.
Never: looks at a message.
"""

from __future__ import annotations

import logging
from typing import Any

from celery.worker.consumer import Consumer
from celery.worker.request import Request
from celery.worker.state import maybe_shutdown

from automation.secrets import mask_urls

_log = logging.getLogger("automation.worker")
_PAUSE_SECONDS = 1.0


class PatientConsumer(Consumer):
    """Asks the broker again each second, for as long as it takes."""

    def ensure_connected(self, conn: Any) -> Any:
        """The connection, once it is there; until then the keeper is called each second."""
        told: set[str] = set()

        def tell(error: BaseException, _interval: float) -> None:
            said = mask_urls(str(error))
            if said not in told:
                _log.warning("The broker cannot be reached, the worker waits for it: %s", said)
            told.add(said)

        conn.ensure_connection(
            tell,
            None,
            interval_start=_PAUSE_SECONDS,
            interval_step=0,
            interval_max=_PAUSE_SECONDS,
            callback=self._meanwhile,
        )
        if told:
            _log.info("The broker is there again")
        self.first_connection_attempt = False
        return conn

    def loop_args(self) -> Any:
        """What Celery's loop begins with; before it watches the pool's children again."""
        watch_again(getattr(self.pool, "_pool", None))
        return super().loop_args()

    def on_unknown_message(self, body: Any, message: Any) -> None:
        """What is no task is thrown away."""
        super().on_unknown_message(body, _Loud(message))

    def on_unknown_task(self, body: Any, message: Any, exc: Exception) -> None:
        """A task that is none of ours is thrown away."""
        super().on_unknown_task(body, _Loud(message), exc)

    def on_invalid_task(self, body: Any, message: Any, exc: Exception) -> None:
        """What cannot be read, or may not be, is thrown away."""
        super().on_invalid_task(body, _Loud(message), exc)

    def _meanwhile(self) -> None:
        keeper = getattr(self.app, "keeper", None)
        if keeper is not None:
            keeper.beat_alone(children=not self.first_connection_attempt)
        maybe_shutdown()


def watch_again(pool: Any) -> None:
    """Let Celery's loop watch those children too of which it has heard that they died, and which are not gone yet.

    Celery's pool keeps in `_sentinel_poll` that it watches no more, and a loop that begins then takes None for a file.
    Between a child's last word and the moment in which it can be waited for lies the time that the kernel takes to free
    its memory; a connection that is lost just then would end the worker.

    Parameters
    ----------
    pool: Celery's own; None where there is none yet.
    """
    for process in getattr(pool, "_pool", ()):
        if getattr(process, "_sentinel_poll", -1) is None:
            del process._sentinel_poll


class _Loud:
    """A message whose failing rejection ends the connection, for the reason that `PromptRequest` gives."""

    def __init__(self, message: Any) -> None:
        self._message = message

    def __getattr__(self, name: str) -> Any:
        return getattr(self._message, name)

    def reject_log_error(self, _logger: Any, _errors: Any, requeue: bool = False) -> None:
        self._message.reject(requeue=requeue)


class PromptRequest(Request):
    """A request whose failing acknowledgement ends the connection, so that the consumer opens another one.

    Celery logs such a failure and goes on. The message then counts as held for ever, and a worker that holds as many as
    it may take never asks for another one, nor notices that its connection is gone.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{**options, "connection_errors": ()})

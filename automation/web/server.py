"""The web process: listen on loopback, serve, leave when told.

Owns: where it may listen, and the end.
Never: knows a page.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from automation.errors import Refused
from automation.web.headers import is_this_machine

if TYPE_CHECKING:
    from fastapi import FastAPI

_log = logging.getLogger(__name__)


def is_loopback(host: str) -> bool:
    """Whether this machine alone can reach what listens there."""
    return is_this_machine(f"[{host}]" if ":" in host else host)


def listen(host: str, port: int, *, guarded: Callable[[], bool], public_url: str = "") -> socket.socket:
    """A listening socket; port 0 takes a free one.

    Raises Refused for a port that is taken, and where others could come in while nobody has to sign in.

    Parameters
    ----------
    guarded: whether there is a user or a token.
    """
    if (public_url or not is_loopback(host)) and not guarded():
        what = f"AUTOMATION_PUBLIC_URL is {public_url}" if public_url else f"AUTOMATION_HOST is '{host}'"
        raise Refused(
            f"{what}, which others can reach, and there is no user. Add one: automation users add NAME --role admin; "
            f"or leave it at 127.0.0.1 and reach it through a tunnel: ssh -L {port}:127.0.0.1:{port} THIS_MACHINE"
        )
    try:
        made = socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=128
        )
    except OSError as error:
        raise Refused(
            f"The dashboard cannot listen on {host}:{port}: {_why(error)}. Set PORT to a free one, such as PORT={port + 1}"
        ) from error
    # asyncio does this by itself only for sockets that name their protocol. Without it the second half of each answer on a
    # kept connection waits for the visitor's acknowledgement, which takes its 40 ms.
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


def _why(error: OSError) -> str:
    # create_server() adds the address to the text, which ours has already.
    return os.strerror(error.errno) if error.errno else str(error)


def serve(app: FastAPI, listening: socket.socket, grace: timedelta) -> None:
    """Serve until SIGTERM or SIGINT; open answers get up to `grace` to end."""
    import uvicorn

    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        lifespan="off",
        timeout_graceful_shutdown=max(1, round(grace.total_seconds())),
    )
    host, port = listening.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    _log.info("The dashboard is at http://%s:%s/", shown, port)
    server = uvicorn.Server(config)

    def stop(*_: object) -> None:
        server.should_exit = True
        app.state.leaving.say()  # a page that listens would hold us

    # Ours from the first moment; and uvicorn raises the signal again once it has stopped, which would else end us by it.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    server.run(sockets=[listening])

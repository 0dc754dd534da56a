"""A port before somebody starts to listen on it.

Owns: finding out that it is taken, while there is still time to say so in one sentence.
Never: keeps it.
"""

from __future__ import annotations

import errno
import socket

from automation.errors import InvalidInput, Refused


def require_free(host: str, port: int) -> None:
    """Do nothing if `host:port` can be listened on; port 0 always can.

    Raises Refused if another program has it, InvalidInput if this machine or user cannot have it.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise Refused(
                f"Port {port} of {host} is taken by another program; stop that one, or set PORT to a free one, "
                f"for example PORT={port + 1 if port < 65535 else port - 1}"
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM):
            raise InvalidInput(f"This user may not listen on port {port}; set PORT to 1024 or more") from error
        raise InvalidInput(
            f"This machine cannot listen on {host} ({error.strerror}); correct AUTOMATION_HOST"
        ) from error

"""Connections to MariaDB and MySQL, cheap enough to open one for a question.

Owns: that what TLS needs of this machine is read once for a process.
Never: decides whether a connection has TLS; its URL and the server do.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any


def connect(_dialect: Any, _record: Any, arguments: list[Any], options: dict[str, Any]) -> Any:
    """A connection, for SQLAlchemy's event `do_connect`."""
    return _class()(*arguments, **options)


@cache
def _class() -> Any:
    base: Any = import_module("pymysql.connections").Connection
    contexts: list[Any] = []

    class Connection(base):  # type: ignore[misc]  # PyMySQL has no types
        """PyMySQL's, which reads all certificates that the machine trusts for each connection: 30 ms of processor."""

        def _create_ssl_ctx(self, wanted: Any) -> Any:
            if wanted:
                return super()._create_ssl_ctx(wanted)
            if not contexts:
                contexts.append(super()._create_ssl_ctx(wanted))
            return contexts[0]

    return Connection

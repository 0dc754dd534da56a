"""The face of the guarded HTTP client: `Client` for plugins, `Fetcher` for crawls, and what both share.

Names resolve on first use: whoever only checks an address does not load an HTTP client.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from automation.net.client import Client
    from automation.net.failures import retry_after, status_failure
    from automation.net.fetcher import Fetcher
    from automation.net.guard import Guard
    from automation.net.limits import Limits
    from automation.net.response import Response

__all__ = ["Client", "Fetcher", "Guard", "Limits", "Response", "retry_after", "status_failure"]

_HOMES = {"retry_after": "failures", "status_failure": "failures"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'automation.net' has no attribute {name!r}")
    return getattr(import_module(f"automation.net.{_HOMES.get(name, name.lower())}"), name)

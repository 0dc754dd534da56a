"""Foreign pages: a form or a script of another site does nothing with the rights of whoever looks at it.

Owns: the token of our forms, and what a browser must say of where a request comes from.
Never: is asked for a bearer token, which no browser adds by itself.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import urlsplit

#: What a form of any page can send without asking us first.
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data", "text/plain")
_OURS = ("same-origin", "none")


def token_of(secret: str) -> str:
    """What our forms carry: derived from the secret of the session, and of no use without it."""
    return hmac.new(secret.encode(), b"automation csrf", hashlib.sha256).hexdigest()


def is_form(headers: Mapping[str, str]) -> bool:
    """Whether the body is of a kind that forms send."""
    return headers.get("content-type", "").partition(";")[0].strip().lower() in _FORMS


def foreign(headers: Mapping[str, str], origins: set[str]) -> str | None:
    """Why a browser's request is not from our pages, as a sentence without its dot; None where nothing says so.

    Parameters
    ----------
    headers: of the request, names in lower case.
    origins: where our pages are.
    """
    site = headers.get("sec-fetch-site")
    if site is not None and site not in _OURS:
        return f"The request comes from a page elsewhere (Sec-Fetch-Site: {site[:20]})"
    origin = headers.get("origin")
    if origin is not None and _normal(origin) not in {_normal(one) for one in origins}:
        return f"The request comes from a page of {origin[:100]}"
    return None


def _normal(origin: str) -> str:
    """The origin with its port left out where that is the usual one."""
    try:
        parts = urlsplit(origin.strip().lower())
        usual = {"http": 80, "https": 443}.get(parts.scheme)
        port = "" if parts.port in (None, usual) else f":{parts.port}"
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    except ValueError:
        return "?"
    return f"{parts.scheme}://{host}{port}"


def is_token(given: str, expected: str) -> bool:
    """Whether a form brought what our forms carry."""
    return bool(expected) and hmac.compare_digest(given.encode(), expected.encode())

"""Why somebody does not get in.

Owns: the three answers: who are you, you may not, not so fast.
Never: words a page.
"""

from __future__ import annotations

from starlette.exceptions import HTTPException


class NotSignedIn(HTTPException):
    """Nobody knows who calls: 401."""

    def __init__(self, detail: str = "Sign in, or call with a token: Authorization: Bearer …") -> None:
        super().__init__(401, detail, {"WWW-Authenticate": 'Bearer realm="automation"'})


class Forbidden(HTTPException):
    """Known, and not allowed; or a page elsewhere that would act in their name: 403."""

    def __init__(self, detail: str) -> None:
        super().__init__(403, detail)


class TooOften(HTTPException):
    """Again after a while: 429."""

    def __init__(self, seconds: int, what: str = "Too many requests") -> None:
        super().__init__(429, f"{what}; come again after {seconds} seconds", {"Retry-After": str(seconds)})

"""Names of users: which there may be.

Owns: that rule, for commands and for the API.
Never: asks whether there is such a user.
"""

from __future__ import annotations

from automation.errors import InvalidInput
from automation.text import printable

_LONGEST = 64
_BESIDE = str.maketrans("", "", "-_.@+")


def user_name(text: str) -> str:
    """A user's name as it is kept: lower case. Raises InvalidInput."""
    name = text.strip().lower()
    if not (name.translate(_BESIDE).isalnum() and name.isascii() and len(name) <= _LONGEST):
        raise InvalidInput(
            f"'{printable(text, 60)}' is no name of a user; write up to {_LONGEST} letters, digits, '.', '-', '_', "
            "'+' or '@'"
        )
    return name

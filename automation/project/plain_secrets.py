"""Passwords that stand in a file in plain text.

Owns: what is taken for one: the password of a URL, a value under `password` or `bearer`, an Authorization header.
Never: shows one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from automation.secrets import references

REFUSAL = (
    'a password stands here in plain text; write "${env:NAME}" or "${file:/path}" for it, '
    "or allow it with allow_plain_secrets = true under [defaults]"
)
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://[^\s/:@]*:([^\s/@]+)@\S*")
PASSWORD_KEYS = ("password", "passwd", "bearer")
_CREDENTIALS = re.compile(r"(?:basic|bearer|token)\s+\S", re.IGNORECASE)


def plain_secrets(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The path of every string inside the value that holds a password and no reference."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from plain_secrets(item, (*path, key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from plain_secrets(item, (*path, number))
    elif isinstance(value, str) and is_secret(path, value):
        yield path


def is_secret(path: tuple[str | int, ...], text: str) -> bool:
    """Whether the string at this path holds a password and no reference."""
    key = str(path[-1]).casefold() if path else ""
    if key in PASSWORD_KEYS:
        held = bool(text)
    elif key == "authorization" and _CREDENTIALS.match(text):
        held = True
    else:
        held = "://" in text and _URL.fullmatch(text) is not None
    return held and not any(references(text))

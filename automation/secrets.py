"""References to secrets in TOML, their values, and masking.

Owns: `${env:NAME}`, `${env:NAME:-default}`, `${file:/path}` and the redactor that keeps their values out of sight.
Never: stores a value anywhere but in memory; puts one into a message.
"""

from __future__ import annotations

import base64
import json
import re
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus, unquote, urlsplit

from automation.errors import InvalidInput

MASK = "***"
_REFERENCE = re.compile(r"\$\{(env|file):([^}]*)\}")
_URL_PASSWORD = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*://[^\s/:@'\"]*:)([^\s/@'\"]+)(@)")
_SHORTEST = 4


class SecretMissing(InvalidInput):
    """A reference that cannot be resolved; says which, and never shows a value."""


class Redactor:
    """Knows secret values and replaces them, in plain, URL, JSON, `repr` and base64 form, by `***`.

    Values shorter than four characters are not replaced: they would eat ordinary words.
    """

    def __init__(self) -> None:
        self._forms: set[str] = set()
        self._pattern: re.Pattern[str] | None = None

    def learn(self, value: str) -> None:
        """Keep a value, and the password of a URL, out of everything masked from now on."""
        password = _password_of(value)
        for secret in filter(None, (value.strip(), password, unquote(password or ""))):
            if len(secret) >= _SHORTEST:
                self._forms.update(_forms(secret))
        longest_first = sorted(self._forms, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def mask(self, text: str) -> str:
        """The text without any known secret, and without the password of any URL."""
        if self._pattern is not None:
            text = self._pattern.sub(MASK, text)
        return mask_urls(text)

    def mask_all(self, value: Any) -> Any:
        """The same for every string inside lists, tuples and mappings."""
        if isinstance(value, str):
            return self.mask(value)
        if isinstance(value, Mapping):
            return {self.mask(key) if isinstance(key, str) else key: self.mask_all(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.mask_all(item) for item in value]
        return value


def mask_urls(text: str) -> str:
    """Text with the password of every URL in it replaced."""
    return _URL_PASSWORD.sub(rf"\1{MASK}\3", text) if "://" in text else text


def references(value: Any) -> Iterator[str]:
    """Every reference in the strings of a nested value, as written."""
    if isinstance(value, str):
        yield from (found.group(0) for found in _REFERENCE.finditer(value))
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from references(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from references(item)


def resolve(value: Any, environ: Mapping[str, str], redactor: Redactor, base: Path | None = None) -> Any:
    """The value with every reference replaced by what it names; the redactor learns each.

    Parameters
    ----------
    base: the folder that relative `${file:…}` paths start from.

    Raises SecretMissing for a variable that is not set, or a file that cannot be read or that others may read.
    """
    if isinstance(value, str):
        return _REFERENCE.sub(lambda found: _lookup(found, environ, redactor, base), value)
    if isinstance(value, Mapping):
        return {key: resolve(item, environ, redactor, base) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [resolve(item, environ, redactor, base) for item in value]
    return value


def _lookup(found: re.Match[str], environ: Mapping[str, str], redactor: Redactor, base: Path | None) -> str:
    kind, name = found.groups()
    if kind == "file":
        secret = _from_file((base or Path()) / name)
    else:
        name, with_default, default = name.partition(":-")
        secret = environ.get(name, "")
        if not secret and with_default:
            return default
        if not secret:
            state = "is empty" if name in environ else "is not set"
            raise SecretMissing(
                f"${{env:{name}}}: the variable {name} {state}; set it, or write ${{env:{name}:-default}}"
            )
    if "\n" in secret or "\r" in secret:
        raise SecretMissing(f"{found.group(0)}: the value has a line break; keep it on one line")
    redactor.learn(secret)
    return secret


def _from_file(path: Path) -> str:
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            raise SecretMissing(f"${{file:{path}}}: not a regular file; name a file that holds only the secret")
        if mode & stat.S_IRWXO:
            raise SecretMissing(f"${{file:{path}}}: other users may read it; run: chmod o-rwx {path}")
        return path.read_text("utf-8").removesuffix("\n").removesuffix("\r")
    except OSError as error:
        raise SecretMissing(f"${{file:{path}}}: {error.strerror}; create it, readable by this user only") from error
    except UnicodeDecodeError as error:
        raise SecretMissing(f"${{file:{path}}}: not UTF-8 text at byte {error.start}") from error


def _password_of(value: str) -> str | None:
    try:
        return urlsplit(value).password if "://" in value else None
    except ValueError:
        return None


def _forms(secret: str) -> Iterator[str]:
    raw = secret.encode()
    yield secret
    yield quote(secret)
    yield quote(secret, safe="")
    yield quote_plus(secret)
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield repr(secret)[1:-1]
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield encode(raw).decode().rstrip("=")

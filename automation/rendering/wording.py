"""What a document says in its own words, by language: the sentences of `words/LANGUAGE.toml`.

Owns: which language's words are taken, plural forms, and what a user may put in their place.
Never: knows where a sentence stands.
"""

from __future__ import annotations

import string
import tomllib
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from babel import Locale
from markupsafe import Markup, escape

from automation.text import nearest, printable

Phrase = str | dict[str, str]
_FOLDER = Path(__file__).with_name("words")
_FORMS = ("zero", "one", "two", "few", "many", "other")


class Wording(Mapping[str, str]):
    """The words of one document: the user's own, those of its language, and English where there are none.

    A template writes `{{ words.total }}`, or `{{ words.say("limited", n=20, found=3000) }}` where something is filled in.

    Parameters
    ----------
    language: such as `de`, `de-AT` or `pt_BR`; empty for English.
    own: words over those of the language.
    number: writes a number that is filled in.
    """

    def __init__(self, language: str, own: Mapping[str, Phrase], number: Callable[[int], str]) -> None:
        self._language, self._number = language or "en", number
        self._phrases = {**shipped(self._language), **own}

    def say(self, key: str, /, **values: Any) -> str:
        """The sentence with its values filled in, in the form that the number `n` wants; markup stays markup."""
        written = {name: self._number(value) if isinstance(value, int) else value for name, value in values.items()}
        text = self._chosen(key, values.get("n"))
        return (escape(text) if any(isinstance(value, Markup) for value in values.values()) else text).format(**written)

    def _chosen(self, key: str, n: Any) -> str:
        phrase = self._phrases[key]
        if isinstance(phrase, str):
            return phrase
        form = _plural(self._language, n) if isinstance(n, int) else "other"
        return phrase.get(form, phrase["other"])

    def __getitem__(self, key: str) -> str:
        return self._chosen(key, None)

    def __iter__(self) -> Iterator[str]:
        return iter(self._phrases)

    def __len__(self) -> int:
        return len(self._phrases)


@lru_cache(maxsize=64)
def shipped(language: str) -> Mapping[str, Phrase]:
    """The words of a language over those of English; `de-AT` has those of `de`."""
    name = language.replace("-", "_").partition("_")[0].lower()
    path = _FOLDER / f"{name}.toml"
    known = _read(path) if name.isalpha() and path.exists() else {}
    return {**_read(_FOLDER / "en.toml"), **known}


def languages() -> list[str]:
    """The languages that words are shipped for."""
    return sorted(path.stem for path in _FOLDER.glob("*.toml"))


def _read(path: Path) -> dict[str, Phrase]:
    return tomllib.loads(path.read_text("utf-8"))


@lru_cache(maxsize=1000)
def _plural(language: str, number: int) -> str:
    return str(Locale.parse(language.replace("-", "_")).plural_form(number))


def check_words(words: Mapping[str, Phrase]) -> dict[str, Phrase]:
    """A user's words, as they are. Raises ValueError for a key, form or brace that no document asks for."""
    known = shipped("en")
    for key, phrase in words.items():
        if key not in known:
            meant = nearest(key, known)
            hint = f"did you mean '{meant}'?" if meant else f"there is: {', '.join(known)}"
            raise ValueError(f"'{printable(key, 40)}' is no word of a report; {hint}")
        forms = phrase if isinstance(phrase, dict) else {"other": phrase}
        unknown = next((form for form in forms if form not in _FORMS), None)
        if unknown is not None or "other" not in forms:
            raise ValueError(f"{key}: write its plural forms as one, few, many and other; other is needed")
        for text in forms.values():
            _check_braces(key, text, _places(known[key]))
    return dict(words)


def _check_braces(key: str, text: str, allowed: set[str]) -> None:
    try:
        found = _places(text)
    except ValueError as error:
        raise ValueError(f"{key}: {error}; write {{{{ and }}}} for braces") from None
    for name in sorted(found - allowed):
        there = ", ".join(f"{{{one}}}" for one in sorted(allowed)) or "nothing"
        raise ValueError(f"{key}: '{{{printable(name, 40)}}}' is not filled in; there is {there}")


def _places(phrase: Phrase) -> set[str]:
    """The names in braces. Raises ValueError for what `format` does not understand."""
    texts = phrase.values() if isinstance(phrase, dict) else [phrase]
    parts = [part[1:] for text in texts for part in string.Formatter().parse(text) if part[1] is not None]
    if any(form or conversion for _, form, conversion in parts):
        raise ValueError("a value is filled in as it is; write its name alone between the braces")
    return {name or "" for name, _, _ in parts}

"""The kinds of values that a scrape's parameters are made of.

Owns: how a duration, an address, a network, one or many of something are written, and what is said of wrong ones.
Never: knows what a parameter is for.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import InitErrorDetails, PydanticCustomError

from automation.errors import JobFailed
from automation.net.guard import check_url, parse_network
from automation.scraping.selectors import AnySelector
from automation.text import parse_duration

#: The kind of an error whose place is the key, and not the value.
WRONG_NAME = "wrong_name"


class Strict(BaseModel):
    """A table of which every key is known."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def wrong(place: tuple[str | int, ...], message: str, kind: str = "does_not_fit") -> InitErrorDetails:
    """What does not fit together, at its place."""
    return InitErrorDetails(type=PydanticCustomError(kind, "{message}", {"message": message}), loc=place, input=None)


def one_or_many(value: Any) -> Any:
    """A list, also of one that stands alone."""
    return [value] if isinstance(value, (str, dict)) else value


def _duration(value: Any) -> Any:
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str):
        raise TypeError(f'{value!r} is not a duration; write text such as "1s" or "500ms"')
    return parse_duration(value)


def _url(text: str) -> str:
    try:
        check_url(text)
    except JobFailed as error:
        raise ValueError(str(error)) from None
    return text


def _network(text: str) -> str:
    return str(parse_network(text))


Duration = Annotated[timedelta, BeforeValidator(_duration), WithJsonSchema({"type": "string", "examples": ["1s"]})]
Url = Annotated[str, BeforeValidator(lambda value: _url(value) if isinstance(value, str) else value)]
Network = Annotated[str, BeforeValidator(lambda value: _network(value) if isinstance(value, str) else value)]
Urls = Annotated[tuple[Url, ...], BeforeValidator(one_or_many), Field(min_length=1)]
Texts = Annotated[tuple[str, ...], BeforeValidator(one_or_many)]
Selectors = Annotated[tuple[AnySelector, ...], BeforeValidator(one_or_many)]

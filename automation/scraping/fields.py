"""What a TOML file may say about one value of an item, checked when it is read.

Owns: the keys of a field, what goes together, the messages about what does not.
Never: reads a value.
"""

from __future__ import annotations

import re
from datetime import datetime
from functools import cached_property, lru_cache
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from automation.scraping.cleaning import check_step
from automation.scraping.dates import DateForm
from automation.scraping.downloads import AnyDownload
from automation.scraping.locales import NOBODYS, customs
from automation.scraping.selectors import Selector, check_regex, short_form
from automation.text import nearest, printable

Kind = Literal["text", "html", "int", "number", "money", "url", "date", "bool"]
_DEFAULTS: dict[str, tuple[type, ...]] = {"int": (int,), "number": (int, float), "money": (int, float), "bool": (bool,)}
PAGE_FACTS = ("page.url", "page.status", "page.title", "page.depth", "page.charset")
ARTICLE_FACTS = ("article.text", "article.title", "article.author", "article.date", "article.description")
_OF_ROW = re.compile(r"row\.\w+")
#: Key → the types that it goes with, the first one being what the message names.
_GOES_WITH = {
    "download": ("url",), "format": ("date",), "languages": ("date",), "zone": ("date",), "order": ("date",),
    "decimal": ("number", "money", "int"), "locale": ("money", "number", "int"), "currency": ("money",),
}  # fmt: skip


def _date_format(text: str) -> str:
    try:
        datetime.strptime("", text)  # noqa: DTZ007 - only the format is looked at
    except ValueError as error:
        if "directive" in str(error) or "stray" in str(error):
            raise ValueError(f"'{printable(text, 60)}': {error}; write one such as %d/%m/%Y, or epoch") from None
    return text


class FieldRule(Selector):
    """One value of an item."""

    meta: str | None = Field(None, min_length=1, description="content of the page's meta element: og:title")
    column: str | int | None = Field(
        None, description="of a row of a table: the column's heading, or its number from 1"
    )
    label: str | None = Field(None, min_length=1, description="what stands beside this heading in a table or a dl list")
    regex: Annotated[str, AfterValidator(check_regex)] | None = Field(
        None, description="kept of the text: group 1, or the whole match"
    )
    source: str | None = Field(None, alias="from", description="a fact of the page in place of its content")
    type: Kind = Field("text", description="what the text is read as")
    many: bool = Field(False, description="all matches as a list, in place of the first")
    split: str | None = Field(None, min_length=1, description="make a list of one text, parted at this")
    required: bool = Field(False, description="an item without it is dropped and counted")
    default: Any = Field(None, description="the value where nothing is found")
    clean: tuple[Annotated[str, AfterValidator(check_step)], ...] = Field(
        (), description="steps after strip and collapse, such as lower or remove:…"
    )
    format: Annotated[str, AfterValidator(_date_format)] | None = Field(
        None, description="of a date, as in strptime: %d/%m/%Y; epoch for seconds or milliseconds since 1970"
    )
    languages: tuple[str, ...] = Field((), description='of a date in words or figures: "es", "en-GB"')
    order: Literal["DMY", "MDY", "YMD"] | None = Field(None, description="of a date in figures, such as 03/04/2026")
    zone: str | None = Field(None, description="time zone of a date with a time and without one: Europe/Madrid")
    decimal: Literal[".", ","] | None = Field(None, description="the decimal sign, where the text leaves it open")
    locale: str | None = Field(None, description="whose decimal sign and currency are meant: es-MX")
    currency: str | None = Field(None, description="of money, where the text names none: EUR")
    download: AnyDownload = Field(
        None, description="true, or { types, max_bytes }: the file behind the link becomes an artifact"
    )

    @model_validator(mode="before")
    @classmethod
    def _list_is_many(cls, value: Any) -> Any:
        """`type = "list"` is a text with `many`, and `split` makes a list."""
        if not isinstance(value, dict) or not (value.get("type") == "list" or value.get("split")):
            return value
        kind = "text" if value.get("type") == "list" else value.get("type", "text")
        return {**value, "type": kind, "many": value.get("many", True)}

    @property
    def places(self) -> tuple[str, ...]:
        return (*super().places, "meta")

    @cached_property
    def is_plain(self) -> bool:
        """Whether it is the first match of a CSS selector, of which most fields are."""
        others = (self.path, self.meta, self.column, self.label, self.source, self.split)
        return self.css is not None and not self.many and all(one is None for one in others)

    @cached_property
    def decimal_sign(self) -> str | None:
        """The decimal sign, where the field says which."""
        return self.decimal or (customs(self.locale).decimal if self.locale else None)

    @cached_property
    def paid_in(self) -> str | None:
        """The currency of a price that names none."""
        return self.currency or (customs(self.locale).currency if self.locale else None)

    @cached_property
    def local_signs(self) -> dict[str, str]:
        """What the field's locale means by a sign that several countries have."""
        known = customs(self.locale) if self.locale else NOBODYS
        return {known.sign: known.currency} if known.sign and known.currency else {}

    @cached_property
    def date_form(self) -> DateForm:
        """How its dates are written."""
        return DateForm(self.format, self.languages, self.order, self.zone)

    @cached_property
    def place(self) -> Selector:
        """Where a label is looked for, or a value within a cell."""
        return Selector.model_validate({"css": self.css, "xpath": self.xpath, "attr": self.attr})

    @field_validator("source")
    @classmethod
    def _source_is_known(cls, text: str | None) -> str | None:
        known = (*PAGE_FACTS, *ARTICLE_FACTS)
        if text is not None and text not in known and not _OF_ROW.fullmatch(text):
            meant = nearest(text, known)
            way_out = f"did you mean '{meant}'? Write" if meant else "write"
            raise ValueError(f"there is no '{printable(text, 40)}'; {way_out} one of: {', '.join(known)}, row.COLUMN")
        return text

    @field_validator("clean", "languages", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    @field_validator("languages")
    @classmethod
    def _languages_are_known(cls, languages: tuple[str, ...]) -> tuple[str, ...]:
        for one in languages:
            _check_language(one)
        return languages

    @field_validator("locale")
    @classmethod
    def _locale_is_known(cls, text: str | None) -> str | None:
        if text is not None:
            customs(text)
        return text

    @field_validator("zone")
    @classmethod
    def _zone_is_known(cls, text: str | None) -> str | None:
        if text is not None:
            from zoneinfo import ZoneInfo, available_timezones

            try:
                ZoneInfo(text)
            except (KeyError, ValueError, OSError):
                meant = nearest(text, available_timezones())
                hint = f"; did you mean '{meant}'?" if meant else "; write one such as Europe/Madrid"
                raise ValueError(f"there is no time zone '{printable(text, 60)}'{hint}") from None
        return text

    @model_validator(mode="after")
    def _fits_together(self) -> FieldRule:
        if self.source and not (self.is_item_itself and self.attr is None and self.label is None):
            raise ValueError("write from, or where the value stands (css, xpath, json, …), not both")
        bare = self.is_item_itself and self.attr is None and self.regex is None and self.type != "html"
        if not self.source and bare and self.column is None and self.label is None:
            raise ValueError('say where the value stands: css, xpath, json, regex, attr or from = "page.url"')
        if self.label is not None and self.column is not None:
            raise ValueError("write label or column, not both")
        if isinstance(self.column, int) and self.column < 1:
            raise ValueError(f"columns are counted from 1; found {self.column}")
        for name, kinds in _GOES_WITH.items():
            if getattr(self, name) not in (None, ()) and self.type not in kinds:
                raise ValueError(f"{name} goes with type = \"{kinds[0]}\", and this field is of type '{self.type}'")
        if self.format is not None and (self.languages or self.order):
            raise ValueError("a date with a format needs neither languages nor order; write one way to read it")
        self._check_default()
        return self

    def _check_default(self) -> None:
        wanted = (list,) if self.many else _DEFAULTS.get(self.type, (str,))
        if self.default is not None and (
            not isinstance(self.default, wanted) or isinstance(self.default, bool) != (bool in wanted)
        ):
            kind = "list" if self.many else self.type
            raise ValueError(f"default {self.default!r} is not of the field's type ({kind})")


@lru_cache(maxsize=64)
def _check_language(text: str) -> str:
    """A language or one of its forms, as dateparser knows them. Raises ValueError for others."""
    from dateparser.data.languages_info import language_locale_dict

    language, _, region = text.partition("-")
    if language not in language_locale_dict:
        meant = nearest(text, language_locale_dict)
        hint = f"did you mean '{meant}'?" if meant else "write one such as es, de, en-GB"
        raise ValueError(f"'{printable(text, 40)}' is not a known language; {hint}")
    if region and text not in language_locale_dict[language]:
        known = ", ".join(language_locale_dict[language][:12]) or "none"
        raise ValueError(f"'{printable(text, 40)}' is not a known form of '{language}'; known: {language}, {known}")
    return text


AnyField = Annotated[FieldRule, BeforeValidator(short_form)]

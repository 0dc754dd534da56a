"""What a TOML file may say about where something stands on a page, checked when it is read.

Owns: the forms of a selector, a link and a field, and the messages about wrong ones.
Never: looks at a page.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from automation.scraping.cleaning import check_step
from automation.text import nearest, printable

_CSS_AND_ATTRIBUTE = re.compile(r"(.*?)\s*@([\w:.-]+)\s*", re.DOTALL)
Kind = Literal["text", "html", "int", "number", "money", "url", "date", "bool"]
_SIMPLE = r"(?:[a-zA-Z]\w*(?:[.#][a-zA-Z][\w-]*)*|(?:[.#][a-zA-Z][\w-]*)+)"
#: Tags, classes and ids: known to be right without the parser, which takes longer to load than most commands to run.
PLAIN_CSS = re.compile(rf"{_SIMPLE}(?:(?: | > |, ){_SIMPLE})*", re.ASCII)
_DEFAULTS: dict[str, tuple[type, ...]] = {"int": (int,), "number": (int, float), "money": (int, float), "bool": (bool,)}
_NO_ELEMENT = (
    "selects no element: pseudo-elements (such as ::text) and at-rules do not. "
    'A text is read without saying so, and "a@href" reads an attribute, in place of a::attr(href)'
)
PAGE_FACTS = ("page.url", "page.status", "page.title", "page.depth", "page.charset")


def _short_form(value: Any) -> Any:
    """`"css"` and `"css@attr"` as a table."""
    if not isinstance(value, str):
        return value
    found = _CSS_AND_ATTRIBUTE.fullmatch(value)
    css, attr = (found[1], found[2]) if found else (value, None)
    given = {"css": css.strip() or None, "attr": attr}
    return {name: part for name, part in given.items() if part}


class Selector(BaseModel):
    """Where something stands: a CSS selector or an XPath expression; with neither, the item itself."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    css: str | None = Field(None, description="CSS selector, relative to the item")
    xpath: str | None = Field(None, description="XPath expression, relative to the item: write .//a")
    attr: str | None = Field(None, description="attribute to read; default: the text")

    @model_validator(mode="before")
    @classmethod
    def _attribute_in_css(cls, value: Any) -> Any:
        """`css = "a@href"` in a table means what it means as a string."""
        if not isinstance(value, dict) or not isinstance(value.get("css"), str):
            return value
        short = _short_form(value["css"])
        if "attr" in short and value.get("attr") not in (None, short["attr"]):
            raise ValueError(f"css names the attribute '{short['attr']}' and attr another; write one of them")
        rest = {name: part for name, part in value.items() if name != "css"}
        return {**rest, **short}

    @field_validator("css")
    @classmethod
    def _css_is_valid(cls, text: str | None) -> str | None:
        if text is not None and not PLAIN_CSS.fullmatch(text):
            import soupsieve

            try:
                soupsieve.compile(text)
            except soupsieve.SelectorSyntaxError as error:
                problem = str(error).partition("\n")[0]
                raise ValueError(f"'{printable(text, 80)}' is not a CSS selector: {problem}") from None
            except NotImplementedError:  # soupsieve's answer to a pseudo-element and to an at-rule
                raise ValueError(f"'{printable(text, 80)}' {_NO_ELEMENT}") from None
        return text

    @field_validator("xpath")
    @classmethod
    def _xpath_is_valid(cls, text: str | None) -> str | None:
        if text is not None:
            from lxml import etree

            try:
                etree.XPath(text)
            except (etree.XPathError, ValueError) as error:
                raise ValueError(f"'{printable(text, 80)}' is not an XPath expression: {error}") from None
        return text

    @model_validator(mode="after")
    def _one_place(self) -> Selector:
        if self.css is not None and self.xpath is not None:
            raise ValueError("write css or xpath, not both")
        return self

    @property
    def is_item_itself(self) -> bool:
        """Whether nothing is looked for inside the item."""
        return self.css is None and self.xpath is None


class FieldRule(Selector):
    """One value of an item."""

    regex: str | None = Field(None, description="kept of the text: group 1, or the whole match")
    source: str | None = Field(None, alias="from", description="a fact of the page in place of its content")
    type: Kind = "text"
    many: bool = Field(False, description="all matches as a list, in place of the first")
    required: bool = Field(False, description="an item without it is dropped and counted")
    default: Any = Field(None, description="the value where nothing is found")
    clean: tuple[Annotated[str, AfterValidator(check_step)], ...] = Field(
        (), description="steps after strip and collapse, such as lower or remove:…"
    )
    format: str | None = Field(None, description="of a date, as in strptime: %d/%m/%Y")
    decimal: Literal[".", ","] | None = Field(None, description="the decimal sign, where the text leaves it open")
    currency: str | None = Field(None, description="of money, where the text names none: EUR")

    @field_validator("regex")
    @classmethod
    def _regex_is_valid(cls, text: str | None) -> str | None:
        if text is not None:
            try:
                re.compile(text)
            except (re.error, RecursionError, OverflowError) as error:
                raise ValueError(f"'{printable(text, 80)}' is not a regular expression: {error}") from None
        return text

    @field_validator("source")
    @classmethod
    def _source_is_known(cls, text: str | None) -> str | None:
        if text is not None and text not in PAGE_FACTS:
            meant = nearest(text, PAGE_FACTS)
            way_out = f"did you mean '{meant}'? Write" if meant else "write"
            raise ValueError(f"there is no '{printable(text, 40)}'; {way_out} one of: {', '.join(PAGE_FACTS)}")
        return text

    @field_validator("clean", mode="before")
    @classmethod
    def _one_step_or_many(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    @model_validator(mode="after")
    def _fits_together(self) -> FieldRule:
        if self.source and not (self.is_item_itself and self.attr is None):
            raise ValueError("write from, or css, xpath and attr, not both")
        if not self.source and self.is_item_itself and self.attr is None and self.regex is None and self.type != "html":
            raise ValueError('say where the value stands: css, xpath, regex, attr or from = "page.url"')
        for name, kinds in (("format", ("date",)), ("decimal", ("number", "money", "int")), ("currency", ("money",))):
            if getattr(self, name) is not None and self.type not in kinds:
                raise ValueError(f"{name} goes with type = \"{kinds[0]}\", and this field is of type '{self.type}'")
        wanted = (list,) if self.many else _DEFAULTS.get(self.type, (str,))
        if self.default is not None and (
            not isinstance(self.default, wanted) or isinstance(self.default, bool) != (bool in wanted)
        ):
            kind = "list" if self.many else self.type
            raise ValueError(f"default {self.default!r} is not of the field's type ({kind})")
        return self


AnySelector = Annotated[Selector, BeforeValidator(_short_form)]
AnyField = Annotated[FieldRule, BeforeValidator(_short_form)]

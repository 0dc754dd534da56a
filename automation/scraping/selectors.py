"""What a TOML file may say about where something stands on a page, checked when it is read.

Owns: the forms of a selector, and the messages about wrong ones.
Never: looks at a page; knows what a field is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from automation.text import nearest, printable

#: Backtracking takes time by the length of the expression, too.
LONGEST_REGEX = 1000
#: How long one regex may look at one text.
REGEX_SECONDS = 1.0
_CSS_AND_ATTRIBUTE = re.compile(r"(.*?)\s*@([\w:.-]+)\s*", re.DOTALL)
_SIMPLE = r"(?:[a-zA-Z]\w*(?:[.#][a-zA-Z][\w-]*)*|(?:[.#][a-zA-Z][\w-]*)+)"
#: Tags, classes and ids: known to be right without the parser, which takes longer to load than most commands to run.
PLAIN_CSS = re.compile(rf"{_SIMPLE}(?:(?: | > |, ){_SIMPLE})*", re.ASCII)
_NO_ELEMENT = (
    "selects no element: pseudo-elements (such as ::text) and at-rules do not. "
    'A text is read without saying so, and "a@href" reads an attribute, in place of a::attr(href)'
)


def short_form(value: Any) -> Any:
    """`"css"` and `"css@attr"` as a table."""
    if not isinstance(value, str):
        return value
    found = _CSS_AND_ATTRIBUTE.fullmatch(value)
    css, attr = (found[1], found[2]) if found else (value, None)
    given = {"css": css.strip() or None, "attr": attr}
    return {name: part for name, part in given.items() if part}


def _functions_in(node: Any) -> Iterator[str]:
    """The functions that an expression, as JMESPath has parsed it, calls."""
    if isinstance(node, dict):
        if node["type"] == "function_expression":
            yield node["value"]
        for child in node["children"]:
            yield from _functions_in(child)


@lru_cache(maxsize=1024)
def check_path(text: str) -> str:
    """The JMESPath expression as it is. Raises ValueError for one that is none."""
    import jmespath

    try:
        parsed = jmespath.compile(text).parsed
    except (jmespath.exceptions.JMESPathError, ValueError) as error:
        problem = str(error).partition("\n")[0].rstrip(": ")
        raise ValueError(f"'{printable(text, 80)}' is not a JMESPath expression: {printable(problem, 200)}") from None
    known = jmespath.functions.Functions.FUNCTION_TABLE
    for name in set(_functions_in(parsed)) - set(known):
        meant = nearest(name, known)
        hint = f"; did you mean {meant}()?" if meant else ""
        raise ValueError(f"'{printable(text, 80)}' is not a JMESPath expression: there is no function {name}(){hint}")
    return text


def check_regex(text: str) -> str:
    """The regular expression as it is. Raises ValueError for one that is none, or is too long to be meant."""
    if len(text) > LONGEST_REGEX:
        raise ValueError(f"a regular expression of {len(text)} characters; write at most {LONGEST_REGEX}")
    import regex

    try:
        regex.compile(text)
    except (regex.error, RecursionError, OverflowError) as error:
        raise ValueError(f"'{printable(text, 80)}' is not a regular expression: {error}") from None
    return text


def regex_matches(pattern: str, text: str, *, whole: bool = False) -> bool:
    """Whether the expression is found in the text, or is all of it. Raises ValueError where looking takes too long."""
    import regex

    try:
        if whole:
            return regex.fullmatch(pattern, text, regex.DOTALL, timeout=REGEX_SECONDS) is not None
        return regex.search(pattern, text, timeout=REGEX_SECONDS) is not None
    except TimeoutError:
        raise ValueError(
            f"the regex '{printable(pattern, 60)}' took more than {REGEX_SECONDS:g} s on a text of {len(text):,} characters; "
            "write one without a repetition inside of a repetition"
        ) from None


JsonPath = Annotated[str, AfterValidator(check_path)]


class Selector(BaseModel):
    """Where something stands: CSS, XPath, or a path in JSON, JSON-LD or microdata; with none of them, the item itself."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    css: str | None = Field(None, description="CSS selector, relative to the item")
    xpath: str | None = Field(None, description="XPath expression, relative to the item: write .//a")
    attr: str | None = Field(None, description="attribute to read; default: the text")
    path: JsonPath | None = Field(
        None, alias="json", description="JMESPath in a JSON page or item, or in the JSON that css or xpath finds"
    )
    jsonld: JsonPath | None = Field(None, description="path in the page's JSON-LD: Product.offers.price")
    microdata: JsonPath | None = Field(None, description="path in the page's microdata: Product.offers.price")

    @model_validator(mode="before")
    @classmethod
    def _attribute_in_css(cls, value: Any) -> Any:
        """`css = "a@href"` in a table means what it means as a string."""
        if not isinstance(value, dict) or not isinstance(value.get("css"), str):
            return value
        short = short_form(value["css"])
        if "attr" in short and value.get("attr") not in (None, short["attr"]):
            raise ValueError(f"css names the attribute '{short['attr']}' and attr another; write one of them")
        rest = {name: part for name, part in value.items() if name != "css"}
        return {**rest, **short}

    @field_validator("css", "table", check_fields=False)
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
                # Unknown functions and prefixes are told by no other way than by asking.
                etree.XPath(text)(etree.Element("html"))
            except (etree.XPathError, ValueError) as error:
                raise ValueError(f"'{printable(text, 80)}' is not an XPath expression: {error}") from None
        return text

    @model_validator(mode="after")
    def _one_place(self) -> Selector:
        named = [name for name in self.places if getattr(self, name) is not None]
        if self.css is not None and self.xpath is not None:
            raise ValueError("write css or xpath, not both")
        if len(named) > 1 and set(named) not in ({"css", "path"}, {"xpath", "path"}):
            shown = ["json" if name == "path" else name for name in named]
            raise ValueError(f"write {' or '.join(shown)}, not both; css and xpath go with json alone")
        return self

    @property
    def places(self) -> tuple[str, ...]:
        """The keys that say where something stands."""
        return ("css", "xpath", "path", "jsonld", "microdata")

    @property
    def is_item_itself(self) -> bool:
        """Whether nothing is looked for inside the item."""
        return all(getattr(self, name) is None for name in self.places)

    @property
    def is_whole_json(self) -> bool:
        """Whether it is a path in a page or item that is JSON itself."""
        return self.path is not None and self.css is None and self.xpath is None and self.attr is None


class ItemSelector(Selector):
    """What one item is: a match, an object of JSON, or a row of a table."""

    table: str | None = Field(None, description="CSS selector of tables whose rows are the items, read by column")

    @property
    def places(self) -> tuple[str, ...]:
        return (*super().places, "table")


AnySelector = Annotated[Selector, BeforeValidator(short_form)]
AnyItems = Annotated[ItemSelector, BeforeValidator(short_form)]

"""Markdown with Jinja2 in it → HTML, in which data stays text.

Owns: the order of the two, and what of Markdown is on.
Never: lets a value become a link, an image, markup or HTML.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from jinja2 import DictLoader
from markupsafe import Markup

from automation.errors import InvalidInput
from automation.rendering.escapes import as_text
from automation.rendering.sandbox import Sandbox, make_environment
from automation.rendering.templates import explained


def render_markdown(source: str, values: Mapping[str, Any]) -> Markup:
    """The HTML of a Markdown template: headings, lists, links, tables; HTML in it is shown as text.

    Every character of a value that means something in Markdown is escaped, and its line breaks become spaces.

    Raises JobFailed (`config`) with the line of what is wrong in the template.
    """
    try:
        from markdown_it import MarkdownIt
    except ModuleNotFoundError as error:
        raise InvalidInput("Markdown needs markdown-it-py; run: pip install markdown-it-py") from error
    environment = _environment()
    with explained(environment, "markdown", values):
        text = environment.from_string(source).render(values)
    parser = MarkdownIt("commonmark", {"html": False}).enable("table").enable("strikethrough")
    return Markup(parser.render(text))  # noqa: S704 - the parser escapes HTML, and values are escaped above


@cache
def _environment() -> Sandbox:
    return make_environment(DictLoader({}), escape=False, finalize=as_text)

"""Markdown is the author's; data in it stays text."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.errors import JobFailed
from automation.rendering import render_markdown


class Reader(HTMLParser):
    """Collects the tags and the text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(str(page))
        self.close()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_authors_markdown_is_markup():
    """Headings, lists, links, tables and loops work."""
    source = (
        "# Hi {{ name }}\n\n{% for x in rows %}\n- {{ x }}\n{% endfor %}\n\n[Pay]({{ url }})\n\n| a |\n|---|\n| 1 |\n"
    )

    page = render_markdown(source, {"name": "Ann", "rows": [1, 2], "url": "https://pay.example/?a=1&b=2"})

    assert Reader(page).tags == ["h1", "ul", "li", "li", "p", "a", "table", "thead", "tr", "th", "tbody", "tr", "td"]
    assert 'href="https://pay.example/?a=1&amp;b=2"' in page


@pytest.mark.parametrize(
    "value",
    [
        "<script>alert(1)</script>",
        "[click](https://evil.example)",
        "![x](https://evil.example/x.png)",
        "<https://evil.example>",
        "# heading",
        "**bold** _it_ ~~gone~~",
        "`code`",
        "&lt;b&gt;",
        "a\n\n# second",
        "1. list",
        "- list",
        "> quote",
        "a\r\n- b",
        "| a | b |",
        "{{ 7*7 }}",
    ],
)
def test_a_value_stays_text(value):
    """No value becomes a link, an image, markup or HTML."""
    page = Reader(render_markdown("{{ value }}", {"value": value}))

    assert page.tags == ["p"]
    assert "".join(page.text.split()) == "".join(value.split())


@given(st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1).filter(lambda text: text.strip()))
def test_any_value_stays_text(value):
    """Whatever stands in the data, the paragraph keeps its shape."""
    assert set(Reader(render_markdown("Dear {{ value }}!", {"value": value})).tags) == {"p"}


def test_html_of_the_author_is_shown_as_text():
    """Markdown mails hold no raw HTML."""
    assert "&lt;img" in render_markdown("<img src=x onerror=alert(1)>", {})


def test_a_link_from_data_cannot_be_a_script():
    """A URL of the data is a link only when it is one."""
    assert "<a" not in render_markdown("[x]({{ url }})", {"url": "javascript:alert(1)"})


def test_a_mistake_tells_the_line():
    """The author is sent to the line."""
    with pytest.raises(JobFailed, match=r"template markdown, line 2: 'nam' is undefined; did you mean 'name'"):
        render_markdown("Hi\n{{ nam }}", {"name": "Ann"})

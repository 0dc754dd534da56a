"""The text of an HTML mail."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.mail import text_from_html


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("<p>One</p><p>Two</p>", "One\n\nTwo\n"),
        ("a<br>b", "a\nb\n"),
        ("<ul><li>x<li>y</ul>", "- x\n- y\n"),
        ("<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></table>", "a | b\n\n1 | 2\n"),
        ("<a href='https://x.example'>https://x.example</a>", "https://x.example\n"),
        ("<a href='mailto:a@x.example'>write</a>", "write (a@x.example)\n"),
        ("<a href='javascript:x'>no</a>", "no\n"),
        ("<img src='x' alt='Logo'>", "Logo\n"),
        ("<title>t</title><style>p{}</style><script>x</script>seen", "seen\n"),
        ("5 &lt; 6 &amp; &eacute;", "5 < 6 & é\n"),
        ("<b>unclosed <i>tags", "unclosed tags\n"),
        ("a\n   b", "a b\n"),
    ],
)
def test_words_links_lists_and_tables_stay(page, text):
    """What a reader without HTML needs, and nothing else."""
    assert text_from_html(page) == text


@given(st.text())
def test_any_page_gives_text(page):
    """No input is too broken, and what comes out ends with one line break."""
    assert text_from_html(page).endswith("\n")

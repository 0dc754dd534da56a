"""The charset of a page, in a browser's order."""

from __future__ import annotations

import pytest

from automation.scraping.soup import decode, make_soup

META = '<meta charset="{}"><p>{}'


@pytest.mark.parametrize(
    ("content", "header", "text"),
    [
        ("\ufeffé".encode("utf-8"), "text/html; charset=latin-1", "é"),
        ("é".encode("utf-16"), "text/html; charset=utf-8", "é"),
        ("é€".encode("cp1252"), "text/html; charset=iso-8859-1", "é€"),
        ("é".encode(), "text/html; charset=utf-8", "é"),
        ("é".encode(), 'text/html; charset="UTF-8"; x=y', "é"),
        (META.format("iso-8859-2", "ł").encode("iso-8859-2"), "text/html", META.format("iso-8859-2", "ł")),
        (META.format("shift_jis", "日本").encode("cp932"), None, META.format("shift_jis", "日本")),
        (META.format("gb2312", "中文").encode("gb18030"), None, META.format("gb2312", "中文")),
        (META.format("utf-16", "é").encode(), None, META.format("utf-16", "é")),
        (META.format("koi8-r", "é").encode(), "text/html; charset=utf-8", META.format("koi8-r", "é")),
        ("naïve".encode(), None, "naïve"),
        ("naïve €".encode("cp1252"), None, "naïve €"),
        ("é".encode(), "text/html; charset=nonsense", "é"),
        (b"a\xffb", "text/html; charset=utf-8", "a\ufffdb"),
        (b"", None, ""),
    ],
)
def test_the_charset_is_found_as_browsers_do(content, header, text):
    """BOM, header, meta, then UTF-8 where it fits and Windows-1252 where it does not."""
    assert decode(content, header)[1] == text


def test_a_null_byte_hides_nothing():
    """What follows a NUL is still there."""
    assert make_soup(b"<p>a\x00b</p><p>c</p>").get_text() == "abc"

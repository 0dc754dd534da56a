"""The fast reading of a page beside BeautifulSoup's: the same elements, texts and attributes, whatever the page."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automation.scraping.css import translate
from automation.scraping.extract import Item
from automation.scraping.lexbor import LexborReading
from automation.scraping.page import Page
from automation.scraping.params import ScrapeParams
from automation.scraping.reading import SoupReading
from automation.scraping.soup import make_soup
from automation.scraping.tree import LONGEST, WIDE, TreeReading, grow

TRANSLATED = """
* | h1 | title | base[href] | p, li, h1 | body > * | dl > dt | h2 + p | h2 ~ p | div p em | .toctree-wrapper a | a.reference
#module-contents, .body | [id] | a[href^='http'] | a[href$='.html'] | a[href*='library'] | [class~='docutils'] | [lang|=en]
[class='reference internal'] | [class='a b'] | a[class^='ref'] | a[href=''] | [href!='#'] | meta[name='viewport' i] | input[type=TEXT]
link[rel=next] | a[rel='next prev'] | link[rel~='stylesheet'] | [defer] | a:not([href]) | :not(p, .a):not(b) | *:is(h1, h2, .a)
p:first-child | li:last-child | dd p:only-child | td:nth-child(2) | li:nth-child(2n+1) | li:nth-child(-n+2) | li:nth-last-child(-n+2)
p:nth-of-type(3) | pre span.k:first-of-type | p:last-of-type | li:nth-child(2 of .toctree-l1) | p:empty | td:empty
div:has(> p) | dt:has(+ dd) | h2:has(~ h3) | section:has(pre) | a:not(:has(*)) | code:-soup-contains('import')
p:-soup-contains('a', 'text') | span:-soup-contains-own('x') | :is(ul, ol) > li:nth-child(even) a
[id^='module-']:not(:has(> :is(h2, h3):-soup-contains-own('Module'):not(:has(code))))
"""
LEFT_TO_BEAUTIFULSOUP = r":root | a:link | :scope > p | [defer=''] | [rel=next] | svg\:x | p:-soup-contains('a b') | [a_b] | :nth-of-type(2)"
LEFT, QUICK = (text.strip().replace("\n", " | ").split(" | ") for text in (LEFT_TO_BEAUTIFULSOUP, TRANSLATED))
CSS = QUICK + LEFT
XPATHS = [
    "//a/@href", "//p/text()", "//p", "string(//title)", "count(//li)", "//*[@class='a b']", "normalize-space(//h1)", "//text()",
    "//@*", "//@defer", "//comment()", "//a[contains(., 'x')]", "/html/body/*", "//td[2]", "//svg_x", "//@xlink_href", "//@_click",
    ".//a", "text()", "ancestor::*", "following-sibling::*[1]", "@class", "string()",
]  # fmt: skip
TAGS = """
<p>|</p>|<div>|</div>|<div class=' a  b'>|<b>|</b>|<i class=a>|</i>|<html>|</html>|<html lang=en>|<head>|</head>|<title>|</title>|<body>
</body>|<body class=x>|<table>|</table>|<tr>|</tr>|<td>|</td>|<th>|<li>|</li>|<ul>|</ul>|<svg:x>|</svg:x>|<svg>|</svg>|<path d=1 />
<a href='x'>|<a href=y xlink:href=z rel=' next  prev '>|</a>|<li|a:b=1|2=3>|>|<|</|text|&amp;|&nbsp;|&lt|&foo;|&#65;|&#x41|&#12;|<br/>
<br>|<hr>|<img src=x>|<!-- c -->|<!--|-->|<!doctype html>|<?pi x?>|<?xml version='1.0'?>|<![CDATA[x]]>|<script>|</script>
<script defer src=x>|<style>|</style>|<pre>|</pre>|<textarea>|</textarea>|<select>|<option selected>|</option>|</select>|<form>|</form>
<input type=TEXT checked>|<iframe>|</iframe>|<noscript>|</noscript>|<template>|</template>|<rt>|<frameset>|<frame>|</frameset>|<h1>|</h1>
<h2>|</h2>|<h3>|<dl>|<dt id=q>|<dd>|</dl>|<p/>|<o:p>|</o:p>|<x-y>|</x-y>|<font>|</font>|<button>|</button>|<meta charset=x>
<link rel=stylesheet>|<base href=/x>|<object>|<param>|</object>|<plaintext>|<xmp>|é|class='x y'|<p class='x&nbsp;y' id=' z '>
<p @click=x :y=z v-on:k='1'>|<span a_b=1 A-B=2>|</span>|'|"|=|<caption>|<tbody>|<col>|<label for=x>|<applet>|<p title='a&#10;b'>|<code>
"""
SPACE = [" ", "\n", "\t \n", "  ", "\r", "\r\n", "\ufeff", "\x0c", "\x01", "\xa0"]
PARTS = TAGS.strip().replace("\n", "|").split("|") + SPACE


class Pair:
    """A page by both readings, where the fast one takes it."""

    def __init__(self, html):
        self.soup = SoupReading(make_soup(html))
        self.root = grow(html)
        if self.root is not None:
            self.tree = TreeReading(self.root, lambda: self.soup)
            self.elements, self.tags = list(self.root.iter("*")), self.soup.soup.find_all(True)
            self.places = {id(one): place for place, one in [*enumerate(self.elements), *enumerate(self.tags)]}

    def differs(self, ask, place):
        """Both answers where they are not alike, an element being its place in the document; else None."""
        mine = self.plain(ask(self.tree, self.tree.whole if place is None else self.elements[place]))
        theirs = self.plain(ask(self.soup, self.soup.whole if place is None else self.tags[place]))
        return None if mine == theirs else (mine, theirs)

    def plain(self, answer):
        """An answer that both readings can give alike."""
        if not isinstance(answer, list):
            return answer
        return [one if isinstance(one, str) else self.places[id(one)] for one in answer]

    def differences(self, css, xpaths, some):
        """What is answered otherwise of all that can be asked of the page, and of some of its elements."""
        mine = [(one.tag, self.places.get(id(one.getparent()))) for one in self.elements]
        theirs = [(tag.name, self.places.get(id(tag.parent))) for tag in self.tags]
        if mine != theirs:
            return [("names and parents", mine, theirs)]
        asked = self.questions(css, xpaths, some)
        return [(what, place, *found) for what, place, ask in asked if (found := self.differs(ask, place))]

    def questions(self, css, xpaths, some):
        """What is asked, of the element at which place (None: the page), and how a reading is asked it."""
        for place, tag in enumerate(self.tags):
            for name in tag.attrs:
                yield f"@{name}", place, lambda reading, element, name=name: reading.attribute(element, name)
        for place in (None, *some[:3]):
            for selector in css:
                yield selector, place, lambda reading, scope, selector=selector: reading.css(selector, scope)
                yield f"first {selector}", place, lambda reading, scope, it=selector: first(reading, it, scope)
            for expression in xpaths:
                yield expression, place, lambda reading, scope, it=expression: reading.xpath(it, scope)
        for place in (None, *some):
            yield "raw", place, lambda reading, element: reading.raw(element)
            yield "text", place, lambda reading, element: reading.text(element)


def first(reading, selector, scope):
    """The first match, as a list of what there is."""
    found = reading.first(selector, scope)
    return [] if found is None else [found]


@settings(max_examples=300)
@given(
    st.lists(st.sampled_from(PARTS), max_size=25).map("".join),
    st.lists(st.sampled_from(CSS), min_size=6, max_size=6),
    st.lists(st.sampled_from(XPATHS), min_size=3, max_size=3),
)
def test_broken_html_is_read_as_beautifulsoup_reads_it(html, css, xpaths):
    """Tags that never close, close twice or stand where they may not; entities, comments, control characters."""
    pair = Pair(html)

    assert pair.root is None or pair.differences(css, xpaths, range(len(pair.tags))) == []


@pytest.mark.parametrize(
    "html",
    [
        "<p class=' a  b'>x</p><p class='x&nbsp;a&#10;b'>y</p><a rel=' next  prev ' href=''>z</a>",
        "<script defer src=x></script><input type=text checked><option selected>o</option>",
        "<svg:x xlink:href=q @click=1>s</svg:x><span a_b=1 A-B=2>t<!-- c -->  <?pi?>u</span><pre> \n </pre>",
        "<dl><dt id=module-a><h2>Module</h2><dd></dl><ul><li class=toctree-l1>a<li>b<li class=toctree-l1>c</ul>\n\t\n",
    ],
)
def test_where_the_two_trees_differ_the_answers_do_not(html):
    """Words with odd spaces between, attributes without a value, names that XPath cannot say, comments, blank texts."""
    pair = Pair(html)

    assert pair.differences(CSS, XPATHS, range(len(pair.tags))) == []


def documentation(needs):
    """The pages of a real site, the smaller ones first."""
    return sorted(needs("python3-doc").rglob("*.html"), key=lambda page: (page.stat().st_size, page))


def read(page):
    """Both readings of a page of the site; only one that is too long is left to BeautifulSoup."""
    html = page.read_text(encoding="utf-8")
    pair = Pair(html)
    assert (pair.root is None) == (len(html) > LONGEST), page
    return pair


def test_some_real_pages_are_read_as_beautifulsoup_reads_them(needs):
    """Every selector on the page and within elements of it; none of the pages needs the slow way."""
    chance = random.Random(7)
    for page in chance.sample(documentation(needs)[:400], 6):
        pair = read(page)
        assert pair.differences(CSS, XPATHS, chance.sample(range(len(pair.tags)), 12)) == [], page


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("part", range(8))
def test_all_real_pages_are_read_as_beautifulsoup_reads_them(needs, part):
    """Forty selectors, and every XPath, on each page of the site that is not too long."""
    chance = random.Random(part)
    for page in documentation(needs)[part::8]:
        pair = read(page)
        assert pair.root is None or pair.differences(chance.sample(QUICK, 40), XPATHS, []) == [], page


def test_common_selectors_are_translated_and_others_are_left_to_beautifulsoup():
    """Which way a selector goes is no accident."""
    assert [one for one in CSS if translate(one) is None] == LEFT
    assert len(QUICK) >= 40


@pytest.mark.parametrize(
    "html",
    [
        "", " ", "<!-- only -->", "<p>a</p></body></html><p>b", "a\x0cb", "&#12;", "&#x1f;", "<template><p>x</p></template>",
        "<ruby>x<rt>y</rt></ruby>", "a <!doctype html> b", "\xa0<!doctype html>\t \n", "<div>" * 300, "<!doctype html><!doctype html>",
    ],
)  # fmt: skip
def test_pages_that_the_two_parsers_may_see_otherwise_go_to_beautifulsoup(html):
    """Nothing there, two roots, characters that XML has not, elements with rules of their own."""
    assert grow(html) is None
    assert isinstance(Page("https://x.example/", 200, 0, "utf-8", html).reading, SoupReading)


@pytest.mark.parametrize(("items", "asked"), [(WIDE, False), (WIDE + 1, True)])
def test_siblings_of_a_page_with_very_many_are_counted_by_beautifulsoup(items, asked):
    """Counting them in XPath takes the square of their number, so that the slow way is the faster."""
    soups = []
    html = "<ul>" + "<li>x</li>" * items + "</ul>"
    tree = TreeReading(grow(html), lambda: soups.append(SoupReading(make_soup(html))) or soups[0])

    assert len(tree.css("li:nth-child(2n+1)", tree.whole)) == (items + 1) // 2
    assert bool(soups) is asked


def test_lexbor_answers_the_same_questions():
    """On a page that is not broken: elements below a place, texts apart where blocks are, attributes, JSON in a script."""
    html = """<!doctype html><html><head><title>T</title></head><body><div class="a b"><div><p>One<br>two <b>bo</b>ld<script>no()</script></p><p>Three</p></div>
    <input checked value=" x "></div><table><tr><th>Name<th>Price</tr><tr><td>A<td>1</table><script id=s>{"n": [1]}</script></body></html>"""
    fast, reference = LexborReading(html), SoupReading(make_soup(html))
    for css in ("div", "p", "div > p", ".b p:nth-child(2)", "td", "[checked]", "b, title"):
        mine, theirs = fast.css(css, fast.whole), reference.css(css, reference.whole)
        assert [fast.name(one) for one in mine] == [reference.name(one) for one in theirs], css
        assert [fast.text(one).split() for one in mine] == [reference.text(one).split() for one in theirs], css
    outer = fast.first("div", fast.whole)
    assert len(fast.css("div", outer)) == 1
    assert fast.css("p", outer)[0] is fast.first("p", fast.whole)
    box = fast.first("input", fast.whole)
    assert [fast.attribute(box, name) for name in ("checked", "value", "id")] == ["", " x ", None]
    page = Page("https://x.example/", 200, 0, "utf-8", html, parser="lexbor")
    params = ScrapeParams.model_validate(
        {
            "start": "https://x.example/",
            "parser": "lexbor",
            "items": {"table": "table"},
            "fields": {"name": {"column": "Name"}},
        }
    )
    found = Item()
    found.read(params.fields, page, page.select(params.items)[0])
    assert found.values == {"name": "A"}

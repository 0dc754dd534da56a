"""Reports look as they did: pictures of now beside those in the documents."""

from __future__ import annotations

import pytest
from PIL import Image, ImageChops, ImageStat

from tests.acceptance.pictures import NAMES, PICTURES, gallery, look, project, shoot

#: Of 255, on average: the edges of another version's letters are below it, a lost line or colour is above.
TOLERANCE = 4.0


@pytest.fixture(scope="module")
def drawn(needs, tmp_path_factory):
    """The picture of each block as it is now, light and dark."""
    needs("chromium")
    return gallery(needs("shared-data"), tmp_path_factory.mktemp("gallery"))


def difference(one, two):
    """How far apart two pictures are, after a look from some distance."""
    small = (max(one.width // 6, 1), max(one.height // 6, 1))
    distant = [picture.convert("RGB").resize(small, Image.Resampling.BOX) for picture in (one, two)]
    return max(ImageStat.Stat(ImageChops.difference(*distant)).mean)


@pytest.mark.slow
def test_every_block_looks_as_in_the_documents(drawn):
    """Light and dark; a change that is meant makes the pictures anew, and somebody looks at them."""
    wrong = {}
    for name in (*NAMES, *(f"{name}-dark" for name in NAMES)):
        before = Image.open(PICTURES / f"{name}.png")
        assert abs(before.height - drawn[name].height) <= 12, f"{name}: {before.size} and {drawn[name].size}"
        away = difference(before, drawn[name])
        if away > TOLERANCE:
            wrong[name] = away

    assert wrong == {}


@pytest.mark.slow
def test_a_change_would_be_seen(drawn):
    """The comparison tells blocks apart, and light from dark."""
    assert difference(drawn["bar"], drawn["line"]) > TOLERANCE
    assert difference(drawn["cards"], drawn["cards-dark"]) > TOLERANCE


@pytest.mark.slow
def test_a_phone_shows_it_without_scrolling_sideways(needs, tmp_path):
    """At 400 points of width the page's own ground is at the right edge of each line, as at the left."""
    needs("chromium")
    page = look(project("gallery.md", needs("shared-data"), tmp_path / "gallery"), "gallery") / "report.html"
    picture = shoot(page, tmp_path / "phone.png", width=500, height=3000)

    left = [picture.getpixel((1, y)) for y in range(0, 3000, 25)]
    assert [picture.getpixel((498, y)) for y in range(0, 3000, 25)] == left

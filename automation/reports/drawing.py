"""SVG, put together shape by shape.

Owns: markup, escaping, colours, and how wide a text is.
Never: knows what is drawn. Colours stand in each shape, for paper and for pictures; classes let a page set its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

WIDTH = 720
#: Series in order: told apart by lightness as well as by hue, so that prints and colour-blind readers keep them apart.
PALETTE = ("#2f62d0", "#e08a1e", "#1d9a78", "#8d5bc4", "#d0493e", "#4aa3df", "#8a7a2f", "#c75c9b")
INK, SOFT, GRID, MUTED = "#1a2230", "#5a6577", "#e1e6ed", "#a9b4c4"
HEAT = ("#eef2f8", "#c9daf6", "#93b5ec", "#568ade", "#2457c5")
_FONT = "system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,'DejaVu Sans',sans-serif"
_NARROW, _BROAD = frozenset("iIjlt.,:;|!'()[] "), frozenset("mwMW@%")


class Drawing:
    """Shapes of one picture.

    Parameters
    ----------
    summary: the picture in a sentence, for those who do not see it.
    """

    def __init__(self, width: float, height: float, summary: str) -> None:
        self.width, self.height, self.summary = width, height, summary
        self._parts: list[str] = []

    def rect(
        self, x: float, y: float, width: float, height: float, color: str, kind: str, *, tip: str = "", round: float = 2
    ) -> None:
        """A rectangle with a little of its corners off."""
        shape = f'<rect x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}" rx="{_n(round)}" fill="{color}" class="{kind}"'
        self._parts.append(self._tipped(shape, "rect", tip))

    def path(
        self,
        d: str,
        kind: str,
        *,
        fill: str = "none",
        stroke: str = "none",
        width: float = 2,
        opacity: float = 1,
        dash: str = "",
        tip: str = "",
    ) -> None:
        """Any line or area."""
        shape = f'<path d="{d}" fill="{fill}" class="{kind}"'
        if stroke != "none":
            shape += f' stroke="{stroke}" stroke-width="{_n(width)}" stroke-linejoin="round" stroke-linecap="round"'
        if opacity != 1:
            shape += f' fill-opacity="{opacity}"'
        if dash:
            shape += f' stroke-dasharray="{dash}"'
        self._parts.append(self._tipped(shape, "path", tip))

    def line(self, x1: float, y1: float, x2: float, y2: float, color: str = GRID, kind: str = "grid") -> None:
        """A hairline."""
        self._parts.append(
            f'<line x1="{_n(x1)}" y1="{_n(y1)}" x2="{_n(x2)}" y2="{_n(y2)}" stroke="{color}" stroke-width="1" class="{kind}"/>'
        )

    def dot(self, x: float, y: float, radius: float, color: str, kind: str, *, tip: str = "") -> None:
        """A point."""
        shape = f'<circle cx="{_n(x)}" cy="{_n(y)}" r="{_n(radius)}" fill="{color}" class="{kind}"'
        self._parts.append(self._tipped(shape, "circle", tip))

    def text(
        self,
        x: float,
        y: float,
        words: str,
        *,
        anchor: str = "start",
        soft: bool = True,
        size: float = 12,
        bold: bool = False,
    ) -> None:
        """Words on their base line; `anchor` is start, middle or end."""
        color, kind = (SOFT, "soft") if soft else (INK, "ink")
        weight = ' font-weight="600"' if bold else ""
        self._parts.append(
            f'<text x="{_n(x)}" y="{_n(y)}" text-anchor="{anchor}" font-size="{_n(size)}"{weight} fill="{color}" class="{kind}">{_safe(words)}</text>'
        )

    def svg(self) -> str:
        """The picture for a page; `document` makes a file of it."""
        return (
            f'<svg viewBox="0 0 {_n(self.width)} {_n(self.height)}" '
            f'width="{_n(self.width)}" height="{_n(self.height)}" role="img" aria-label="{_safe(self.summary)}" '
            f'font-family="{_FONT}">{"".join(self._parts)}</svg>'
        )

    @staticmethod
    def _tipped(shape: str, name: str, tip: str) -> str:
        return f"{shape}><title>{_safe(tip)}</title></{name}>" if tip else f"{shape}/>"


def document(svg: str) -> str:
    """The picture as a file of its own."""
    # A plain text: markup would escape what is put in.
    return str(svg).replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)


def _n(number: float) -> str:
    """A number of at most two digits after the point."""
    shown = f"{number:.2f}"
    return shown.rstrip("0").rstrip(".") if "." in shown else shown


def _safe(text: str) -> str:
    """Text as XML holds it: escaped, without characters that XML has not."""
    kept = "".join(
        char if char >= " " and not "\ud800" <= char <= "\udfff" and char not in "\x7f\ufffe\uffff" else "\ufffd"
        for char in text.replace("\n", " ").replace("\t", " ")
    )
    return escape(kept)


def text_width(text: str, size: float = 12) -> float:
    """About how wide a text is; a drawing cannot ask the font."""
    units = sum(
        0.34 if char in _NARROW else 0.95 if char in _BROAD else 1.0 if ord(char) > 0x2E80 else 0.63 for char in text
    )
    return units * size


def fitted(text: str, width: float, size: float = 12) -> str:
    """The text, shortened with an ellipsis where it is wider than that."""
    if text_width(text, size) <= width:
        return text
    while text and text_width(text + "…", size) > width:
        text = text[:-1]
    return text.rstrip() + "…"


def legend(drawing: Drawing, names: Sequence[tuple[str, str, str]], x: float, y: float) -> None:
    """Names with their colours in a row: (name, colour, class) each."""
    for name, color, kind in names:
        shown = fitted(name, 200)
        drawing.rect(x, y - 9, 10, 10, color, kind, round=3)
        drawing.text(x + 15, y, shown)
        x += 15 + text_width(shown) + 22

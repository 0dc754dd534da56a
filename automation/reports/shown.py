"""What a section of a report shows: its columns, and its large numbers.

Owns: their shapes.
Never: writes a value.
"""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup


@dataclass(frozen=True)
class Column:
    """A column as it is shown; `numeric` ones stand on the right.

    Parameters
    ----------
    role: `before`, `delta` or `change` where it stands behind another one.
    """

    name: str
    title: str
    numeric: bool
    role: str = ""

    @property
    def heading(self) -> str:
        """The title; that of a period breaks between its ends alone."""
        if self.role != "before":
            return self.title
        return self.title.replace(" ", "\u00a0").replace("\u00a0–\u00a0", "\u00a0– ")


@dataclass(frozen=True)
class Figure:
    """One large number.

    Parameters
    ----------
    before: what it was, and `change` the difference, where a period is compared with.
    news: `good`, `bad` or nothing.
    spark: its past, where rows have one.
    """

    title: str
    text: str
    numeric: bool
    before: str = ""
    change: str = ""
    percent: str = ""
    news: str = ""
    spark: Markup | None = None

"""Pages on which something was wrong, one for each cause.

Owns: which pages are kept, under which name. Never: decides what is wrong with a run.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from automation.scraping.extract import Item
from automation.scraping.fields import FieldRule
from automation.scraping.page import Page

#: How many causes of one run have a page kept.
MOST = 5
_NAME = re.compile(r"[^a-z0-9_.]+")


class Snapshots:
    """The first page of each cause, written to a folder while the run goes on."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.files: dict[str, Path] = {}
        self._latest: Page | None = None

    def judged(self, cause: str) -> None:
        """The run as a whole is bad: keep the last page that was read, unless one of its own shows what is wrong."""
        if not self.files and self._latest is not None:
            self.note(cause, self._latest)

    def note(self, cause: str, page: Page) -> None:
        """Keep the page, and its screenshot where it was rendered, unless one was kept for this cause."""
        stem = f"failed-{_NAME.sub('-', cause.lower()).strip('-')[:60]}"
        if f"{stem}.html" in self.files or sum(name.endswith(".html") for name in self.files) >= MOST:
            return
        screenshot = getattr(page, "screenshot", None)
        for suffix, content in ((".html", page.html.encode("utf-8", "replace")), (".png", screenshot)):
            if content is not None:
                self.files[stem + suffix] = self._folder / (stem + suffix)
                self.files[stem + suffix].write_bytes(content)

    def look(self, page: Page, items: Sequence[Item], rules: Mapping[str, FieldRule]) -> None:
        """Keep the page where an item lacks a required field or has a text that cannot be read, or where no item is."""
        self._latest = page
        if not items:
            self.note("no-items", page)
        required = [name for name, rule in rules.items() if rule.required]
        for item in items:
            for name in item.unreadable:
                self.note(f"unreadable-{name}", page)
            for name in required:
                if item.values.get(name) in (None, "", []):
                    self.note(f"missing-{name}", page)

"""The files of items: which one is next, under which name it is kept, and what the item says of it.

Owns: `NAME_file` beside a field with `download`. Never: fetches by a way of its own; orders visits.
"""

from __future__ import annotations

import hashlib
import mimetypes
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from automation.errors import JobFailed
from automation.net.limits import Limits
from automation.net.response import Response
from automation.scraping.downloads import Download
from automation.scraping.extract import Item
from automation.scraping.fields import FieldRule
from automation.scraping.pages import Pages

_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,5}")
Known = Callable[[Item, str, str], str | None]


class Files:
    """The files of one attempt.

    Parameters
    ----------
    keep: makes a finished file of `folder` an artifact.
    known: item, field, link → the file that an earlier run kept of the same link, which is not fetched again.
    """

    def __init__(
        self, rules: Mapping[str, FieldRule], folder: Path, keep: Callable[[str, Path], object], known: Known
    ) -> None:
        self._rules = {name: rule for name, rule in rules.items() if rule.download}
        self._folder, self._keep, self._known = folder, keep, known
        self._kept: dict[str, str] = {}

    def next(self, item: Item) -> tuple[str, str, Download] | None:
        """Field, link and limits of the next file to fetch for this item; None when it has all."""
        for name, rule in self._rules.items():
            while (link := self._wanted(item, name)) is not None and rule.download is not None:
                known = self._kept.get(link) or self._known(item, name, link)
                if known is None:
                    return name, link, rule.download
                self.note(item, name, known)
        return None

    async def fetch(self, pages: Pages, item: Item) -> str:
        """Fetch and keep the next file. Returns why it was not; the item goes on without it then.

        Raises JobFailed where the server asks to wait.
        """
        wanted = self.next(item)
        if wanted is None:
            return ""
        field, link, limits = wanted
        try:
            response = await pages.get(link, limits=Limits(max_bytes=limits.max_bytes))
            why = self._take(item, field, limits, response) if response.is_success else "is gone"
        except JobFailed as error:
            if error.retry_after is not None:
                raise
            why = f"cannot be had: {error}"
        if why:
            self.note(item, field, None)
        return why

    def _take(self, item: Item, field: str, limits: Download, response: Response) -> str:
        if not limits.takes(response.content_type):
            return f"is of type {response.content_type or 'unknown'}"
        digest = hashlib.sha256(response.content).hexdigest()[:16]
        name = f"{field}-{digest}{_suffix(response)}"
        path = self._folder / name
        path.write_bytes(response.content)
        self._keep(name, path)
        self._kept[response.url] = name
        self.note(item, field, name)
        return ""

    def note(self, item: Item, field: str, name: str | None) -> None:
        """What became of the file that was next: its name, or None."""
        if self._rules[field].many:
            item.values[f"{field}_file"] = [*item.values.get(f"{field}_file", []), name or ""]
        else:
            item.values[f"{field}_file"] = name

    def _wanted(self, item: Item, name: str) -> str | None:
        links, have = item.values.get(name), item.values.get(f"{name}_file", ...)
        if not self._rules[name].many:
            return links if have is ... else None
        done = 0 if have is ... else len(have)
        return links[done] if links and done < len(links) else None


def file_columns(rules: Mapping[str, FieldRule]) -> list[str]:
    """The columns that downloads add."""
    return [f"{name}_file" for name, rule in rules.items() if rule.download]


def _suffix(response: Response) -> str:
    found = Path(urlsplit(response.url).path).suffix
    guessed = mimetypes.guess_extension(response.content_type or "") or ""
    return found.lower() if _SUFFIX.fullmatch(found) else guessed or ".bin"

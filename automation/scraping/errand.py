"""What a visit is for beside its address: which source, what kind of file, what is sent, which row of a query.

Owns: its form in memory and as the text that is kept between attempts; the next page of a numbered or marked pagination.
Never: fetches; reads a page.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any, Literal
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

File = Literal["page", "sitemap", "feed", "file"]


@dataclass(frozen=True)
class Errand:
    """The why of a visit.

    Parameters
    ----------
    source: its number in the parameters.
    file: what stands at the address.
    body: what is sent: `{"method": …}`, with `json` or `data`; empty for a plain GET.
    row: the row of `for_query` that it is for.
    """

    source: int = 0
    file: File = "page"
    body: Mapping[str, Any] | None = None
    row: Mapping[str, Any] | None = None

    def packed(self) -> str | None:
        """As text; None for the plain one."""
        if self == PLAIN:
            return None
        return json.dumps([self.source, self.file, self.body, self.row], ensure_ascii=False, default=str)

    def mark(self) -> str:
        """What tells two visits of one address apart."""
        return json.dumps([self.source, self.body], sort_keys=True, default=str) if self.source or self.body else ""


PLAIN = Errand()


def unpacked(text: str | None) -> Errand:
    """The errand that `packed` made a text of."""
    return Errand(*json.loads(text)) if text else PLAIN


def advanced(url: str, errand: Errand, name: str, value: Any, where: str | None) -> tuple[str, Errand]:
    """The same request with a parameter set: in the query, or in the body at a path such as `variables.page`."""
    body = errand.body or {}
    place = "json" if "json" in body else "data" if "data" in body else None
    if where == "query" or (where is None and place is None) or place is None:
        parts = urlsplit(url)
        kept = [(key, text) for key, text in parse_qsl(parts.query, keep_blank_values=True) if key != name]
        return urlunsplit(parts._replace(query=urlencode([*kept, (name, str(value))]), fragment="")), errand
    changed = deepcopy(dict(body))
    inner: dict[str, Any] = changed[place]
    steps = name.split(".") if place == "json" else [name]
    for step in steps[:-1]:
        if not isinstance(inner.get(step), dict):
            inner[step] = {}
        inner = inner[step]
    inner[steps[-1]] = value if place == "json" else str(value)
    return url, replace(errand, body=changed)

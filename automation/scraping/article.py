"""The text of an article without the page around it, by trafilatura (the extra `article`).

Owns: asking trafilatura, and what is said where it is not installed.
Never: reads fields; fetches.
"""

from __future__ import annotations

import logging

from automation.errors import FailureClass, JobFailed


def read_article(html: str, url: str) -> dict[str, str | None]:
    """Text, title, author, date and description of a page's article; each None where there is none.

    Raises JobFailed (CONFIG) where the extra is not installed.
    """
    try:
        from trafilatura import bare_extraction
    except ImportError as error:
        raise JobFailed(
            "article.… needs the extra 'article'; install it: pip install 'automation[article]'",
            FailureClass.CONFIG,
            code="extra",
        ) from error
    logging.getLogger("trafilatura").setLevel(logging.CRITICAL)  # a page without an article is no error of ours
    found = bare_extraction(html, url=url, with_metadata=True, include_comments=False)
    if found is None:
        return {}
    known = found if isinstance(found, dict) else found.as_dict()
    return {name: known.get(name) or None for name in ("text", "title", "author", "date", "description")}

"""PDF pages of an HTML page.

Owns: the engine for that (WeasyPrint), which fetches nothing but what stands in the page itself.
Never: reads a file or an address that the page names.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from automation.errors import FailureClass, InvalidInput, JobFailed

#: What a relative address of the page starts from; no such host can exist (RFC 2606).
_NOWHERE = "https://report.invalid/"


def write_pdf(page: str, path: Path) -> None:
    """Write the page as PDF; what it would fetch is refused and left out, and `data:` is read.

    Raises InvalidInput where WeasyPrint is not installed, JobFailed (`config`) for a page that it cannot lay out.
    """
    weasyprint = _engine()
    closed = weasyprint.urls.URLFetcher(allowed_protocols=("data",), allow_redirects=False)
    try:
        document = weasyprint.HTML(string=page, base_url=_NOWHERE, url_fetcher=closed)
        document.write_pdf(str(path), pdf_identifier=b"automation", pdf_tags=True)
    except (ValueError, LookupError, RecursionError, ArithmeticError, AttributeError, TypeError) as error:
        raise JobFailed(f"the page cannot be laid out as PDF: {error}", FailureClass.CONFIG) from error


def _engine() -> Any:
    try:
        import weasyprint
    except ModuleNotFoundError as error:
        raise InvalidInput("PDF needs WeasyPrint; run: pip install 'automation[pdf]'") from error
    except OSError as error:
        raise InvalidInput(
            "WeasyPrint is installed and its libraries are not: install Pango, such as Debian's libpango-1.0-0, "
            f"libpangoft2-1.0-0 and libharfbuzz-subset0 ({error})"
        ) from error
    # Each thing of CSS that paper does not know would be a line in the run's log.
    logging.getLogger("weasyprint").setLevel(logging.ERROR)
    logging.getLogger("fontTools").setLevel(logging.ERROR)
    return weasyprint

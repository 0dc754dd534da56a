"""Crawling from Python: `ctx.fetch` and `ctx.crawl`, under the same guard, politeness and limits as the plugin `scrape`.

Owns: from keyword arguments to a crawl, the hooks, and what is kept open between two fetches of an attempt.
Never: fetches or stores by a way of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from typing import Any

from pydantic import ValidationError

from automation.errors import InvalidInput
from automation.net.response import Response
from automation.scraping.asking import pages_of
from automation.scraping.hooks import Hooks
from automation.scraping.pages import Pages
from automation.scraping.params import ScrapeParams
from automation.scraping.reader import is_markup
from automation.scraping.runs import Run, do, surroundings
from automation.text import printable


class Scraper:
    """Fetches and crawls for one attempt; close it at its end.

    Parameters
    ----------
    run: the attempt, as its plugin sees it.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._runner: asyncio.Runner | None = None
        self._open: dict[str, Pages] = {}
        self._stack = AsyncExitStack()

    def __enter__(self) -> Scraper:
        return self

    def __exit__(self, *_error: object) -> None:
        if self._runner is not None:
            try:
                self._runner.run(self._stack.aclose())
            finally:
                self._runner.close()

    def fetch(self, url: str, options: dict[str, Any]) -> Response:
        """A page. Raises JobFailed, InvalidInput for options that `scrape` does not know."""
        _needs_thread("fetch")
        if options.get("render") == "auto":
            raise InvalidInput(
                'ctx.fetch: render is True or False; "auto" looks for items, which a single page has not'
            )
        params = _checked("fetch", {"fields": {"url": {"from": "page.url"}}, **options, "start": url})
        if self._runner is None:
            self._runner = asyncio.Runner()
        return self._runner.run(self._get(url, params, repr((sorted(params.start_hosts), sorted(options.items())))))

    def crawl(
        self,
        params: dict[str, Any],
        *,
        each: Callable[[dict[str, Any]], Any] | None,
        parse: Callable[[Any], Iterable[Any]] | None,
        columns: Mapping[str, str] | None,
    ) -> dict[str, Any]:
        """A crawl and its result. Raises JobFailed, InvalidInput for parameters that `scrape` does not know."""
        _needs_thread("crawl")
        if (parse is None) != (columns is None):
            raise InvalidInput('ctx.crawl: parse and columns go together: columns={"title": "text", "price": "money"}')
        if columns is not None:
            if refused := [name for name in ("fields", "items", "detail", "follow") if name in params]:
                raise InvalidInput(
                    f"ctx.crawl: with parse there is no {refused[0]}; parse says what is read and followed"
                )
            params = {**params, "fields": {name: {"css": ":root", "type": kind} for name, kind in columns.items()}}
        checked = _checked("crawl", params)
        return asyncio.run(do(self._run, checked, Hooks(each, parse)))

    async def _get(self, url: str, params: ScrapeParams, key: str) -> Response:
        if key not in self._open:
            around = surroundings(self._run, params)
            self._open[key] = await self._stack.enter_async_context(pages_of(params, around))
        pages = self._open[key]
        response = await pages.get(url)
        shown = params.render and response.is_success and is_markup(response)
        return await pages.render(response) if shown else response


def _checked(what: str, params: dict[str, Any]) -> ScrapeParams:
    try:
        return ScrapeParams.model_validate(params)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in one['loc']) or 'parameters'}: {one['msg']}" for one in error.errors()
        )
        raise InvalidInput(f"ctx.{what}: {printable(problems, 500)}") from error


def _needs_thread(what: str) -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise InvalidInput(f"ctx.{what} waits for the web; in async def write: await asyncio.to_thread(ctx.{what}, …)")

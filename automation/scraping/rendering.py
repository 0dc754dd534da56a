"""A page as a browser shows it: its scripts have run, and all that they asked for went through our own client.

Owns: which requests of a page are answered and with what, when it counts as done, its HTML and picture.
Never: opens a connection; decides which pages are rendered.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from automation.errors import FailureClass, JobFailed
from automation.net.response import Response
from automation.scraping.chromium import Chromium
from automation.text import printable

#: A page that asks for more than this is cut off; most ask for some dozens.
_MOST_REQUESTS = 300
#: What no field is read from.
_LEFT_OUT = frozenset(
    ("Image", "Media", "Font", "Ping", "Manifest", "Prefetch", "TextTrack", "CSPViolationReport", "WebSocket")
)
#: So long nothing is asked for before a page counts as done.
_QUIET = 0.4
_STEP = 0.05
_UNSENT = frozenset(("host", "content-length", "connection", "user-agent", "accept-encoding", "cookie"))
#: Our client has undone the coding, and made one body of the pieces.
_UNDONE = frozenset(("content-encoding", "content-length", "transfer-encoding", "connection", "keep-alive"))
_HTML = "document.documentElement ? document.documentElement.outerHTML : ''"
#: `method`, `url`, headers, body → the answer, without following redirects.
Ask = Callable[[str, str, Mapping[str, str], bytes | None], Awaitable[Response]]


@dataclass(frozen=True)
class Rendered(Response):
    """A page after its scripts have run.

    Parameters
    ----------
    screenshot: what a reader would see, as PNG.
    """

    screenshot: bytes | None = field(default=None, repr=False)


class Unready(JobFailed):
    """A page that never had what was waited for.

    Parameters
    ----------
    page: as it was in the end.
    """

    def __init__(self, message: str, page: Rendered) -> None:
        super().__init__(message, FailureClass.PARSE_DRIFT, code="render:wait_for")
        self.page = page


@dataclass
class _Tab:
    """A page that is being rendered."""

    first: Response
    asked: int = 0
    open: int = 0
    loaded: bool = False
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    refused: str = ""


class Renderer:
    """Renders pages with one browser, started with the first and ended by `close`.

    Parameters
    ----------
    ask: fetches what a page asks for; the guard against inner addresses is in it.
    page: fetches a page that it leads to by itself, at the host's pace and as its robots.txt allows.
    deadline: seconds for one page.
    wait_for: a selector that has to match before the page counts as done.
    """

    def __init__(
        self, ask: Ask, page: Callable[[str], Awaitable[Response]], *, deadline: float, wait_for: str | None = None
    ) -> None:
        self._ask, self._page, self._deadline, self._wait_for = ask, page, deadline, wait_for
        self._browser: Chromium | None = None
        self._tabs: dict[str, _Tab] = {}
        self._one = asyncio.Lock()

    async def render(self, response: Response) -> Rendered:
        """The page of this answer, which is not fetched again. Raises JobFailed where there is no browser, or it fails."""
        async with self._one:
            browser = await self._started()
            target = (await browser.ask("Target.createTarget", url="about:blank"))["targetId"]
            session = (await browser.ask("Target.attachToTarget", targetId=target, flatten=True))["sessionId"]
            tab = self._tabs[session] = _Tab(response)
            try:
                return await self._shown(browser, session, tab)
            finally:
                del self._tabs[session]
                for task in tab.tasks:
                    task.cancel()
                with contextlib.suppress(JobFailed):
                    await browser.ask("Target.closeTarget", targetId=target)

    async def close(self) -> None:
        """End the browser."""
        if self._browser is not None:
            await self._browser.close()
            self._browser = None

    async def _started(self) -> Chromium:
        if self._browser is None:
            browser = Chromium(self._take)
            try:
                await browser.start()
            except BaseException:
                await browser.close()
                raise
            self._browser = browser
        return self._browser

    async def _shown(self, browser: Chromium, session: str, tab: _Tab) -> Rendered:
        for method, params in (
            ("Page.enable", {}), ("Network.enable", {}), ("Network.setBypassServiceWorker", {"bypass": True}),
            ("Fetch.enable", {"patterns": [{"urlPattern": "*"}]}), ("Page.setDownloadBehavior", {"behavior": "deny"}),
        ):  # fmt: skip
            await browser.ask(method, session, **params)
        try:
            async with asyncio.timeout(self._deadline):
                await browser.ask("Page.navigate", session, url=tab.first.url)
                await self._done(browser, session, tab)
        except TimeoutError:
            if self._wait_for is not None and not await self._has(browser, session, self._wait_for):
                message = (
                    f"{printable(tab.first.url, 200)}: nothing matches wait_for = '{printable(self._wait_for, 80)}' within "
                    f"{self._deadline:g} s{f'; {tab.refused}' if tab.refused else ''}"
                )
                raise Unready(message, await self._as_it_is(browser, session, tab)) from None
        return await self._as_it_is(browser, session, tab)

    async def _as_it_is(self, browser: Chromium, session: str, tab: _Tab) -> Rendered:
        html = await self._value(browser, session, _HTML)
        url = await self._value(browser, session, "location.href")
        picture = (await browser.ask("Page.captureScreenshot", session, format="png")).get("data", "")
        headers = tab.first.headers.copy()
        headers["content-type"] = "text/html; charset=utf-8"
        given = {name: getattr(tab.first, name) for name in Response.__dataclass_fields__}
        given |= {"content": f"<!doctype html>\n{html}".encode("utf-8", "replace"), "headers": headers}
        given["url"] = url if url.startswith(("http://", "https://")) else tab.first.url
        return Rendered(**given, screenshot=base64.b64decode(picture) or None)

    async def _done(self, browser: Chromium, session: str, tab: _Tab) -> None:
        """Wait until nothing is asked for any more, and what is waited for is there."""
        quiet = 0.0
        while True:
            await asyncio.sleep(_STEP)
            quiet = quiet + _STEP if tab.loaded and not tab.open else 0.0
            if quiet >= _QUIET and (self._wait_for is None or await self._has(browser, session, self._wait_for)):
                return

    async def _has(self, browser: Chromium, session: str, selector: str) -> bool:
        quoted = selector.replace("\\", "\\\\").replace("'", "\\'").replace("\n", " ")
        return bool(await self._value(browser, session, f"!!document.querySelector('{quoted}')"))

    async def _value(self, browser: Chromium, session: str, expression: str) -> Any:
        answer = await browser.ask("Runtime.evaluate", session, expression=expression, returnByValue=True)
        return answer.get("result", {}).get("value") or ""

    def _take(self, method: str, params: dict[str, Any], session: str | None) -> None:
        tab = self._tabs.get(session or "")
        if tab is None:
            return
        if method == "Page.loadEventFired":
            tab.loaded = True
        elif method == "Page.javascriptDialogOpening" and self._browser is not None:
            self._keep(tab, self._quietly("Page.handleJavaScriptDialog", session, accept=False))
        elif method == "Fetch.requestPaused":
            tab.open += 1
            self._keep(tab, self._answer(tab, session, params))

    def _keep(self, tab: _Tab, work: Any) -> None:
        task = asyncio.ensure_future(work)
        tab.tasks.add(task)
        task.add_done_callback(tab.tasks.discard)

    async def _answer(self, tab: _Tab, session: str | None, params: dict[str, Any]) -> None:
        """Give the page what it asked for, or refuse it."""
        tab.asked += 1
        paused, request = params["requestId"], params["request"]
        try:
            unread = params.get("resourceType") in _LEFT_OUT or str(request["url"]).endswith("/favicon.ico")
            if unread or tab.asked > _MOST_REQUESTS:
                await self._quietly("Fetch.failRequest", session, requestId=paused, errorReason="BlockedByClient")
                return
            try:
                answer = await self._of(tab, request, params.get("resourceType") == "Document")
            except JobFailed as error:
                tab.refused = f"a request of the page was refused: {error}"
                await self._quietly("Fetch.failRequest", session, requestId=paused, errorReason="AccessDenied")
                return
            headers = [
                {"name": name, "value": value}
                for name, value in answer.headers.multi_items()
                if name.lower() not in _UNDONE
            ]
            await self._quietly(
                "Fetch.fulfillRequest", session, requestId=paused, responseCode=answer.status_code,
                responseHeaders=headers, body=base64.b64encode(answer.content).decode(),
            )  # fmt: skip
        finally:
            tab.open -= 1

    async def _of(self, tab: _Tab, request: dict[str, Any], is_document: bool) -> Response:
        url, method = str(request["url"]), str(request["method"])
        if url == tab.first.url.partition("#")[0] and method == "GET" and tab.asked == 1:
            return replace(tab.first, status_code=200)
        if is_document and method == "GET":
            return await self._page(url)
        headers = {name: value for name, value in request.get("headers", {}).items() if name.lower() not in _UNSENT}
        body = request.get("postData")
        return await self._ask(method, url, headers, body.encode() if isinstance(body, str) else None)

    async def _quietly(self, method: str, session: str | None, **params: Any) -> None:
        """A command whose page may be gone meanwhile."""
        if self._browser is not None:
            with contextlib.suppress(JobFailed):
                await self._browser.ask(method, session, **params)

"""The demonstration shop as an HTTP server on loopback: `python -m automation.demo.shop --port 8123`.

Owns: what each address answers, and the accidents of a real site: a 429, a 500 and a slow page now and then.
Never: listens beyond loopback.
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from automation.clock import Clock, SystemClock
from automation.demo import pages
from automation.demo.catalogue import CATEGORIES, Catalogue, Product, page_of
from automation.text import printable

HOST = "127.0.0.1"
PAGE_SIZE = 24
HTML = "text/html; charset=utf-8"


@dataclass(frozen=True)
class Accidents:
    """Every so many requests for a page, something goes wrong; 0 means never.

    Parameters
    ----------
    throttle: a 429 that asks to come back in one second.
    error: a 500.
    slow: an answer that takes `slow_seconds`.
    """

    throttle: int = 97
    error: int = 131
    slow: int = 61
    slow_seconds: float = 1.5


@dataclass(frozen=True)
class Answer:
    """What goes back to the visitor."""

    body: str
    status: int = 200
    media_type: str = HTML
    headers: tuple[tuple[str, str], ...] = ()


class Shop:
    """What each address answers; counts visits, so that accidents come at the same place each time."""

    def __init__(self, clock: Clock, accidents: Accidents | None = None, catalogue: Catalogue | None = None) -> None:
        self.clock = clock
        self.accidents = accidents or Accidents()
        self.catalogue = catalogue or Catalogue()
        self._visits = 0
        self._lock = threading.Lock()

    def answer(self, target: str, base: str) -> Answer:
        """The answer to `GET target`; `base` is the shop's own address, such as `http://127.0.0.1:8123`."""
        parts = urlsplit(target)
        if parts.path == "/robots.txt":
            return Answer(pages.ROBOTS.format(base=base), media_type="text/plain; charset=utf-8")
        if parts.path == "/style.css":
            return Answer(pages.STYLE, media_type="text/css; charset=utf-8")
        if parts.path == "/sitemap.xml":
            return Answer(pages.sitemap(base, self.catalogue.products), media_type="application/xml; charset=utf-8")
        return self._accident() or self._page(parts.path, parts.query, base)

    def _accident(self) -> Answer | None:
        with self._lock:
            self._visits += 1
            visit = self._visits
        if _every(self.accidents.throttle, visit):
            page = pages.message("One moment, please", "Too many visitors at once. Come back in a second.")
            return Answer(page, HTTPStatus.TOO_MANY_REQUESTS, headers=(("Retry-After", "1"),))
        if _every(self.accidents.error, visit):
            page = pages.message("Something broke", "The shelf fell down. We are putting it up again.")
            return Answer(page, HTTPStatus.INTERNAL_SERVER_ERROR)
        if _every(self.accidents.slow, visit):
            self.clock.sleep(self.accidents.slow_seconds)
        return None

    def _page(self, path: str, query: str, base: str) -> Answer:
        if path in ("/cart", "/search"):
            return Answer(pages.message("For people only", "robots.txt asks programs not to come here."))
        if path in ("/", "/products"):
            return self._listing("/products", "", query)
        kind, _, slug = path.strip("/").partition("/")
        if kind == "c" and any(slug == category.slug for category in CATEGORIES):
            return self._listing(path, slug, query)
        if kind == "p" and slug in self.catalogue.by_slug:
            return Answer(pages.detail(self._offer(self.catalogue.by_slug[slug]), base + path))
        return _not_found()

    def _listing(self, path: str, slug: str, query: str) -> Answer:
        wanted = parse_qs(query).get("page", ["1"])[0]
        number = int(wanted) if wanted.isascii() and wanted.isdigit() and len(wanted) < 6 else 0
        category = next((each for each in CATEGORIES if each.slug == slug), None)
        products = self.catalogue.in_category(slug) if category else self.catalogue.products
        shown, count = page_of(products, number, PAGE_SIZE)
        if not shown:
            return _not_found()
        offers = [self._offer(product) for product in shown]
        return Answer(pages.listing(pages.Listing(path, category, offers, number, count, len(products))))

    def _offer(self, product: Product) -> pages.Offer:
        now = self.clock.now()
        return pages.Offer(product, self.catalogue.price(product, now), self.catalogue.stock(product, now))


class ShopServer(ThreadingHTTPServer):
    """Serves a shop on loopback, one thread a visitor; `port` 0 takes a free one."""

    daemon_threads = True

    def __init__(self, shop: Shop, port: int = 0) -> None:
        self.shop = shop
        super().__init__((HOST, port), _Visitor)

    @property
    def base(self) -> str:
        """The shop's address."""
        return f"http://{HOST}:{self.server_address[1]}"


class _Visitor(BaseHTTPRequestHandler):
    """Speaks HTTP/1.1 and nothing else."""

    server: ShopServer
    server_version = "CornerShelf"
    sys_version = ""
    protocol_version = "HTTP/1.1"
    timeout = 30
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        answer = self.server.shop.answer(self.path, self.server.base)
        body = answer.body.encode()
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.media_type)
        self.send_header("Content-Length", str(len(body)))
        for name, value in answer.headers:
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_HEAD(self) -> None:
        self.do_GET()

    def log_request(self, code: int | str = "-", _size: int | str = "-") -> None:
        """Only accidents are worth a line."""
        if int(code) >= HTTPStatus.BAD_REQUEST:
            _say(f"{int(code)} {printable(self.path, 100)}")


def _every(number: int, visit: int) -> bool:
    return number > 0 and visit % number == 0


def _not_found() -> Answer:
    return Answer(pages.message("Not on our shelves", "There is no such page."), HTTPStatus.NOT_FOUND)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until told to stop; 0 when told, 3 when the port is taken."""
    parser = argparse.ArgumentParser(
        prog="python -m automation.demo.shop", description="A make-believe shop on loopback."
    )
    parser.add_argument("--port", type=int, default=0, help="the port to listen on; 0 takes a free one")
    port = parser.parse_args(arguments).port
    try:
        server = ShopServer(Shop(SystemClock()), port)
    except OSError as error:
        sys.stderr.write(f"The shop cannot listen on {HOST}:{port}: {error.strerror}; name another --port\n")
        return 3
    for number in (signal.SIGTERM, signal.SIGINT):
        # shutdown() waits for the loop to end, which the signal has just interrupted; hence the thread.
        signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
    _say(f"The shop is open at {server.base}/")
    with server:
        server.serve_forever(poll_interval=0.1)
    return 0


if __name__ == "__main__":
    sys.exit(main())

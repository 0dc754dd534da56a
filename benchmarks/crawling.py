"""Pages a second, from a shop on loopback: fetched alone, and end to end into SQLite; ours beside others.

Each measurement is a process of its own: seconds and processor time of its crawl, its largest memory. The peers
are installed for the measurement alone: `--scrapy PYTHON` names a Python that has Scrapy.

Owns: the measurements and what each of them does.
Never: makes pages (site does).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from scraping import FIELDS
from shop_site import shop

SCRAPY = """
import sys, time, resource, json, sqlite3, scrapy
from scrapy.crawler import CrawlerProcess
base, pages, database = sys.argv[1], int(sys.argv[2]), sys.argv[3]
class Table:
    def open_spider(self, spider):
        self.db = sqlite3.connect(database)
        self.db.execute("PRAGMA journal_mode=WAL")
        self.db.execute("CREATE TABLE books (url TEXT PRIMARY KEY, title TEXT, price REAL, stock TEXT, rating TEXT)")
        self.rows = []
    def process_item(self, item, spider):
        self.rows.append((item["url"], item["title"], item["price"], item["stock"], item["rating"]))
        if len(self.rows) >= 100:
            self.write()
        return item
    def write(self):
        self.db.executemany("INSERT OR REPLACE INTO books VALUES (?, ?, ?, ?, ?)", self.rows)
        self.db.commit()
        self.rows = []
    def close_spider(self, spider):
        self.write()
class Shop(scrapy.Spider):
    name = "shop"
    custom_settings = {"ITEM_PIPELINES": {Table: 1}, "CONCURRENT_REQUESTS": 16, "CONCURRENT_REQUESTS_PER_DOMAIN": 16,
                       "ROBOTSTXT_OBEY": True, "LOG_LEVEL": "ERROR", "TELNETCONSOLE_ENABLED": False, "DOWNLOAD_DELAY": 0}
    async def start(self):
        for number in range(pages):
            yield scrapy.Request(f"{base}/{number}")
    def parse(self, response):
        for item in response.css("article.product"):
            yield {"url": response.urljoin(item.css("h3 > a::attr(href)").get()), "title": item.css("h3 > a::text").get(),
                   "price": float(item.css(".price::text").get().lstrip("£")), "stock": item.css(".stock::text").getall()[-1].strip(),
                   "rating": item.css("p.rating::attr(data-stars)").get()}
began, cpu = time.perf_counter(), time.process_time()
process = CrawlerProcess()
process.crawl(Shop)
process.start()
spent = time.perf_counter() - began
cpu = time.process_time() - cpu
use = resource.getrusage(resource.RUSAGE_SELF)
rows = sqlite3.connect(database).execute("SELECT count(*) FROM books").fetchone()[0]
print(json.dumps({"seconds": spent, "cpu": cpu, "memory": use.ru_maxrss / 1024, "items": rows}))
"""


def done(began: tuple[float, float], items: int) -> None:
    """What a measurement prints; start and imports are not in it."""
    seconds, cpu = time.perf_counter() - began[0], time.process_time() - began[1]
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "cpu": cpu, "memory": memory, "items": items}))


def now() -> tuple[float, float]:
    """The moment, on the wall and on the processor."""
    return time.perf_counter(), time.process_time()


async def fetch_ours(base: str, pages: int, at_once: int) -> None:
    """Our fetcher: guard, limits and own decoding included."""
    from automation.net import Fetcher

    async with Fetcher(allow_networks=["127.0.0.0/8"], connections=at_once) as fetcher:
        await _gather(fetcher.get, base, pages, at_once)


async def fetch_httpx(base: str, pages: int, at_once: int) -> None:
    """httpx as it comes."""
    import httpx

    limits = httpx.Limits(max_connections=at_once, max_keepalive_connections=at_once)
    async with httpx.AsyncClient(limits=limits, timeout=120, trust_env=False) as client:
        await _gather(client.get, base, pages, at_once)


async def _gather(get: Any, base: str, pages: int, at_once: int) -> None:
    numbers = iter(range(pages))
    read = 0

    async def worker() -> None:
        nonlocal read
        for number in numbers:
            answer = await get(f"{base}/{number}")
            read += answer.status_code == 200

    began = now()
    await asyncio.gather(*(worker() for _ in range(at_once)))
    done(began, read)


async def crawl_ours(base: str, pages: int, at_once: int) -> None:
    """The engine: robots.txt, turns kept in a ledger, checks, change tracking, checkpoints; into SQLite."""
    from surroundings import surroundings

    from automation.scraping.engine import scrape
    from automation.scraping.params import ScrapeParams

    params = ScrapeParams.model_validate(
        {
            "start": [f"{base}/{number}" for number in range(pages)], "items": "article.product", "fields": FIELDS,
            "key": ["url"], "table": "books", "delay": "0s", "concurrency": min(at_once, 16), "max_pages": pages,
            "allow_networks": "127.0.0.0/8",
        }
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        around = surroundings(folder)
        began = now()
        outcome = await scrape(params, around)
        assert outcome.problem is None, outcome.problem
        done(began, int(outcome.result["items"]))


WORKS = {"ours": fetch_ours, "httpx": fetch_httpx, "crawl": crawl_ours}


def measure(command: list[str], repeats: int, pages: int) -> str:
    """The median line of some runs."""
    runs = []
    for _ in range(repeats):
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stderr[-2000:]
        runs.append(json.loads(ended.stdout.splitlines()[-1]))
    rate = statistics.median(pages / one["seconds"] for one in runs)
    cpu = statistics.median(one["cpu"] * 1000 / pages for one in runs)
    memory = statistics.median(one["memory"] for one in runs)
    return f"{rate:6.0f} pages/s   {cpu:5.2f} ms CPU a page   {memory:4.0f} MB   {runs[0]['items']} got"


def main() -> None:
    """Measure and print, or be one of the measurements."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--scrapy", help="a Python that has Scrapy")
    parser.add_argument("--work", choices=WORKS)
    parser.add_argument("--base", default="")
    parser.add_argument("--at-once", type=int, default=100)
    given = parser.parse_args()
    if given.work:
        asyncio.run(WORKS[given.work](given.base, given.pages, given.at_once))
        return
    me = [sys.executable, str(Path(__file__)), "--pages", str(given.pages)]
    with shop(200, 0.05) as base:
        for name in ("httpx", "ours"):
            line = measure([*me, "--work", name, "--base", base], given.repeats, given.pages)
            print(f"fetch, 50 ms, 100 at once, {name:8}{line}", flush=True)
    with shop(given.pages, 0.0) as base:
        line = measure([*me, "--work", "crawl", "--base", base, "--at-once", "16"], given.repeats, given.pages)
        print(f"end to end into SQLite, ours    {line}", flush=True)
        if given.scrapy:
            for _ in range(1):
                with tempfile.TemporaryDirectory() as folder:
                    script = Path(folder, "spider.py")
                    script.write_text(SCRAPY, encoding="utf-8")
                    command = [given.scrapy, str(script), base, str(given.pages), f"{folder}/data.db"]
                    line = measure(command, 1, given.pages)
                    print(f"end to end into SQLite, Scrapy  {line}", flush=True)


if __name__ == "__main__":
    main()

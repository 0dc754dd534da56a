"""How long each page takes at a million runs of a thousand jobs: alone, and with twenty visitors who look every second.

python benchmarks/web.py [--rows N] [--clients N] [--seconds S] [--postgresql URL]

Owns: the pages that are asked for, the visitors, and the table.
Never: shares its ledger, or its web server, with anything else.
"""

from __future__ import annotations

import argparse
import http.client
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil
from history import FILES, MOST_JOBS, ledger_of

from automation.ledger.ledger import Ledger

_PACE = 1.0
_ALONE = 15


def main() -> None:
    """Measure each database that is asked for."""
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--rows", type=int, default=1_000_000)
    given.add_argument("--clients", type=int, default=20)
    given.add_argument("--seconds", type=float, default=60)
    given.add_argument("--postgresql", default="")
    options = given.parse_args()
    for url in (None, options.postgresql or None)[: 2 if options.postgresql else 1]:
        with ledger_of(url, options.rows) as ledger:
            print(f"\n{ledger.engine.dialect.name}, {options.rows:,} runs, load {os.getloadavg()[0]:.1f}")
            measure(ledger, options.clients, options.seconds)


def measure(ledger: Ledger, clients: int, seconds: float) -> None:
    """Ask for every page alone, then with many visitors at once, and print what it took."""
    (run,) = ledger.queries.runs(limit=1)
    (dead,) = ledger.queries.runs(state="dead", limit=1)
    pages = {
        "overview": "/", "overview, a week": "/?span=7d", "jobs": "/jobs", "jobs, searched": "/jobs?q=state:failing",
        "job": "/jobs/job1", "why": "/jobs/job1/why", "runs": "/runs", "runs, dead": "/runs?q=state:dead", "run": f"/runs/{run.id}",
        "dead run": f"/runs/{dead.id}", "flows": "/flows", "dead letters": "/dead", "outbox": "/outbox", "workers": "/workers",
        "settings": "/settings",
    }  # fmt: skip
    with served(ledger) as (port, process):
        alone = {name: ask_alone(port, path, process) for name, path in pages.items()}
        together = visit(port, pages, clients, seconds)
    print(
        f"{'page':<18}{'first':>9}{'alone p50':>11}{'max':>9}{'cpu':>9}{'with ' + str(clients) + ': p50':>14}{'p99':>9}{'kB':>7}   (ms)"
    )
    for name in pages:
        first, times, cpu, size = alone[name]
        both = sorted(together[name])
        p99 = both[min(int(len(both) * 0.99), len(both) - 1)] if both else float("nan")
        print(
            f"{name:<18}{first:>9.0f}{statistics.median(times):>11.1f}{max(times):>9.1f}{cpu:>9.1f}"
            f"{statistics.median(both) if both else float('nan'):>14.1f}{p99:>9.1f}{size / 1000:>7.0f}"
        )


def ask_alone(port: int, path: str, process: psutil.Process) -> tuple[float, list[float], float, int]:
    """The first answer's time, the later ones', processor time for each, and its size; times in milliseconds."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    first, size = ask(connection, path)
    before = process.cpu_times()
    times = [ask(connection, path)[0] for _ in range(_ALONE)]
    after = process.cpu_times()
    connection.close()
    spent = (after.user + after.system - before.user - before.system) * 1000 / _ALONE
    return first, times, spent, size


def ask(connection: http.client.HTTPConnection, path: str) -> tuple[float, int]:
    """One answer: milliseconds, and bytes. Raises RuntimeError for any but 200."""
    begun = time.perf_counter()
    connection.request("GET", path, headers={"Accept": "text/html", "Cookie": "zone=Europe%2FMadrid"})
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != 200:
        raise RuntimeError(f"{path}: {answer.status} {body[:200]!r}")
    return (time.perf_counter() - begun) * 1000, len(body)


def visit(port: int, pages: Mapping[str, str], clients: int, seconds: float) -> dict[str, list[float]]:
    """Milliseconds of each page while so many visitors open one each second."""
    found: dict[str, list[float]] = {name: [] for name in pages}
    until = time.monotonic() + seconds

    def one(number: int) -> None:
        chance, connection = random.Random(number), http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        time.sleep(chance.random() * _PACE)
        while time.monotonic() < until:
            name = chance.choice(list(pages))
            spent, _ = ask(connection, pages[name])
            found[name].append(spent)
            time.sleep(max(_PACE - spent / 1000, 0))
        connection.close()

    visitors = [threading.Thread(target=one, args=(number,)) for number in range(clients)]
    for each in visitors:
        each.start()
    for each in visitors:
        each.join()
    return found


@contextmanager
def served(ledger: Ledger) -> Iterator[tuple[int, psutil.Process]]:
    """`automation web` over the ledger, with as many jobs as it has."""
    with tempfile.TemporaryDirectory(prefix="automation-web-") as folder:
        Path(folder, "schedules").mkdir()
        text = "".join(f"[jobs.job{number}]\n{FILES}" for number in range(MOST_JOBS))
        Path(folder, "schedules", "a.toml").write_text(text)
        port = random.SystemRandom().randrange(10_000, 30_000)
        url = ledger.engine.url.render_as_string(hide_password=False).replace("+psycopg", "")
        environ = {**os.environ, "PORT": str(port), "AUTOMATION_DATABASE_URL": url}
        process = subprocess.Popen([*_command(folder), "web"], env=environ, stderr=subprocess.DEVNULL)
        try:
            _await(port)
            yield port, psutil.Process(process.pid)
        finally:
            process.terminate()
            process.wait(30)


def _command(folder: str) -> Sequence[str]:
    return [sys.executable, "-m", "automation", "-C", folder]


def _await(port: int) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            connection.request("GET", "/healthz")
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError("The web process did not come up")


if __name__ == "__main__":
    main()

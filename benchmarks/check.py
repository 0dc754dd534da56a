"""How long `check`, `list` and `next JOB` take for ten thousand jobs in a hundred files, and how much memory.

Owns: the files, in a temporary folder.
Never: keeps them; uses the network, Redis or a database.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

AUTOMATION = Path(sys.executable).with_name("automation")
RULES = (
    'cron = "H H(0-6) * * *"',
    'cron = "*/15 8-20 * * mon-fri"\njitter = "2m"',
    'every = "6h"\noverlap = "queue_one"\njitter = "10m"',
    'cron = "H 7 1 * *"\ncatchup = "all"\ncatchup_max = 3',
    'fixed_delay = "30m"',
)
HEAD = '[defaults]\ntimezone = "Europe/Madrid"\n'
SCRAPE = """
[jobs.site-{number}]
plugin = "scrape"
{rule}
tags = ["shop", "site-{number}"]
retry.max_attempts = 4
[jobs.site-{number}.params]
start = "https://shop-{number}.example.com/"
items = "article.product"
key = ["url"]
table = "site_{number}"
[jobs.site-{number}.params.fields]
title = "h3 > a@title"
url = {{ css = "h3 > a@href", type = "url" }}
price = {{ css = ".price", type = "money", required = true }}
"""
SHELL = """
[jobs.task-{number}]
plugin = "shell"
{rule}
tags = ["ops"]
timeout = "5m"
params = {{ command = ["echo", "{number}"] }}
"""


def main() -> None:
    """Make the project, run each command some times, print medians."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--jobs", type=int, default=10_000)
    options.add_argument("--files", type=int, default=100)
    options.add_argument("--times", type=int, default=5)
    given = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="automation-bench-") as folder:
        write(Path(folder), given.jobs, given.files)
        some = f"site-{given.jobs // 2}"
        commands = {"check": ["check"], "list": ["list"], "next JOB": ["next", some]}
        found = {name: measured(folder, command, given.times) for name, command in commands.items()}
    print(json.dumps({"jobs": given.jobs, "files": given.files, **found}, indent=2))


def write(folder: Path, jobs: int, files: int) -> None:
    """A project of so many jobs: half of them scrape, half run a command."""
    (folder / "schedules").mkdir()
    (folder / "automation.toml").write_text(HEAD)
    for file in range(files):
        numbers = range(file * jobs // files, (file + 1) * jobs // files)
        text = "".join(
            (SHELL if number % 2 else SCRAPE).format(number=number, rule=RULES[number % len(RULES)])
            for number in numbers
        )
        (folder / "schedules" / f"{file:04}.toml").write_text(text)


def measured(folder: str, command: list[str], times: int) -> dict[str, float]:
    """Medians of wall and processor time in seconds, and the most memory that was held, in MB."""
    walls: list[float] = []
    used: list[float] = []
    most = 0
    for _ in range(times):
        started = time.perf_counter()
        running = subprocess.Popen([AUTOMATION, "-C", folder, *command], stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(running.pid, 0)
        walls.append(time.perf_counter() - started)
        used.append(usage.ru_utime + usage.ru_stime)
        most = max(most, usage.ru_maxrss)
        if status:
            raise SystemExit(f"{' '.join(command)} failed")
        running.returncode = 0
    return {
        "wall": round(statistics.median(walls), 2),
        "processor": round(statistics.median(used), 2),
        "memory_mb": round(most / 1000),
    }


if __name__ == "__main__":
    main()

"""How long `automation up` takes to be ready and to finish its first run, what each idle process weighs, how it stops.

Owns: a fresh project, made by `automation init`, and the whole command as a user runs it.
Never: touches a running one: it takes a folder and a port of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import psutil

AUTOMATION = [sys.executable, "-m", "automation"]
DEADLINE = 60.0
KINDS = ("guardian", "web", "scheduler", "worker", "up")


def wait_until(condition: Callable[[], bool], started: float) -> float:
    """Seconds from `started` until the condition holds."""
    while not condition():
        if time.perf_counter() - started > DEADLINE:
            raise SystemExit(f"nothing after {DEADLINE:.0f} seconds")
        time.sleep(0.01)
    return time.perf_counter() - started


def answers(port: int) -> bool:
    """Whether the web process says that it is ready."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def has_run(project: Path) -> bool:
    """Whether the job that runs at the start has left its file."""
    return any((project / ".automation" / "artifacts").rglob("hello.html"))


def weights(parent: psutil.Process) -> dict[str, float]:
    """Proportional set size in MB of each process below this one, and of itself."""
    found: dict[str, float] = {}
    for process in [parent, *parent.children(recursive=True)]:
        try:
            words, memory = process.cmdline(), process.memory_full_info()
        except psutil.NoSuchProcess:
            continue
        name = next((kind for kind in KINDS if any(kind in word for word in words)), process.name())
        while name in found:
            name += " child" if "child" not in name else "'"
        found[name] = round(getattr(memory, "pss", memory.rss) / 1e6, 1)
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--idle", type=float, default=10.0, help="Seconds of idleness before memory is read.")
    idle = parser.parse_args().idle
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="automation-bench-") as folder:
        project = Path(folder, "project")
        subprocess.run([*AUTOMATION, "init", str(project)], check=True, capture_output=True)
        environ = {**os.environ, "PORT": str(port)}
        started = time.perf_counter()
        up = subprocess.Popen([*AUTOMATION, "-C", str(project), "up"], env=environ, stdout=subprocess.DEVNULL)
        ready = wait_until(lambda: answers(port), started)
        first = wait_until(lambda: has_run(project), started)
        time.sleep(idle)
        memory = weights(psutil.Process(up.pid))
        stopping = time.perf_counter()
        up.send_signal(signal.SIGINT)
        code = up.wait(timeout=DEADLINE)
        stopped = time.perf_counter() - stopping
    figures = {
        "seconds to ready": round(ready, 2),
        "seconds to the first finished run": round(first, 2),
        "seconds to stop": round(stopped, 2),
        "exit code": code,
        "megabytes (PSS)": {**memory, "sum": round(sum(memory.values()), 1)},
    }
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()

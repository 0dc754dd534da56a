"""How long `automation --help` takes, beside bare Python, a bare typer program and `celery --help`.

Owns: whole processes, taken in turns so that a busy machine hits all alike, bytecode cached; the median of each.
Never: measures imports inside a process.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

TYPER = """
import typer
app = typer.Typer(rich_markup_mode=None, add_completion=False)
@app.command()
def one(name: str) -> None: "Do one thing."
@app.command()
def two(name: str) -> None: "Do another."
app()
"""


def program(name: str) -> list[str]:
    """The console script beside this Python, or the module where it is not installed."""
    script = Path(sys.executable).with_name(name)
    return [str(script)] if script.exists() else [sys.executable, "-m", name]


def milliseconds(command: list[str]) -> float:
    """One whole process, from start to end."""
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return (time.perf_counter() - started) * 1000


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    rounds = parser.parse_args().rounds
    commands = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "a bare typer program": [sys.executable, "-c", TYPER, "--help"],
        "automation --help": [*program("automation"), "--help"],
        "celery --help": [*program("celery"), "--help"],
    }
    taken: dict[str, list[float]] = {name: [] for name in commands}
    for command in commands.values():  # writes the bytecode
        milliseconds(command)
    for _ in range(rounds):
        for name, command in commands.items():
            taken[name].append(milliseconds(command))
    print(json.dumps({name: round(statistics.median(times)) for name, times in taken.items()}, indent=2))


if __name__ == "__main__":
    main()

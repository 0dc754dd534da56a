"""How long it takes from a fresh clone to the first succeeded run: environment, installation, project, run.

Owns: a clone of this repository's last commit in a temporary folder, and an environment of its own.
Never: empties a cache; the first time it runs, packages may be downloaded.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="automation-bench-") as folder:
        clone = Path(folder, "automation")
        python, automation = clone / ".venv" / "bin" / "python", clone / ".venv" / "bin" / "automation"
        steps = {
            "clone": ["git", "clone", "--quiet", str(ROOT), str(clone)],
            "environment": [sys.executable, "-m", "venv", str(clone / ".venv")],
            "install": [str(python), "-m", "pip", "install", "--quiet", "-e", str(clone)],
            "init": [str(automation), "init", str(Path(folder, "project"))],
            "run --here": [str(automation), "-C", str(Path(folder, "project")), "run", "hello", "--here"],
        }
        seconds: dict[str, float] = {}
        for name, command in steps.items():
            started = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            seconds[name] = round(time.perf_counter() - started, 1)
    print(json.dumps({**seconds, "sum": round(sum(seconds.values()), 1)}, indent=2))


if __name__ == "__main__":
    main()

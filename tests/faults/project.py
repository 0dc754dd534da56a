"""The project that is tormented: jobs of several kinds, and a plugin that tells what it did in a file of its own.

Owns: its files, and the same schedules as the oracle is told them.
Never: starts anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests.faults.evidence import Plan

PLANS = (
    Plan("tick", "main", 1, alone=True),
    Plan("pair", "two", 2),
    Plan("pair", "five", 5),
    Plan("line", "main", 3, alone=True, max_queued=500),
    Plan("flaky", "main", 3),
    Plan("slow", "main", 5),
    Plan("ledger", "main", 3, alone=True, counts=True, max_queued=500),
)

SCHEDULES = """
[defaults]
timeout = "20s"
kill_after = "2s"
retry = { max_attempts = 4, first = "200ms", max_delay = "2s", max_lost = 50 }

[jobs.tick]
plugin = "act"
every = "1s"
overlap = "skip"

[jobs.pair]
plugin = "act"
overlap = "allow"
[[jobs.pair.schedules]]
id = "two"
every = "2s"
[[jobs.pair.schedules]]
id = "five"
every = "5s"

[jobs.line]
plugin = "act"
every = "3s"
overlap = "queue_all"
max_queued = 500
params = { seconds = 0.3 }

[jobs.flaky]
plugin = "act"
every = "3s"
overlap = "allow"
params = { fails = 50 }

[jobs.slow]
plugin = "act"
every = "5s"
overlap = "allow"
params = { seconds = 3.0 }

[jobs.ledger]
plugin = "act"
every = "3s"
overlap = "queue_all"
max_queued = 500
params = { counts = true, fails = 10 }
"""

#: Of every plugin of the fault tests: a line of the effect log, on disk before it goes on.
TELL = """def _tell(ctx: Context, what: str) -> None:
    line = {"what": what, "run": ctx.run_id, "attempt": ctx.attempt, "pid": os.getpid(), "at": datetime.now(UTC).isoformat()}
    file = os.open(ctx.project / "effects.log", os.O_APPEND | os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        os.write(file, (json.dumps(line) + "\\n").encode())
        os.fsync(file)
    finally:
        os.close(file)
"""

PLUGIN = (
    '''
"""What the torment runs: each attempt and each effect leaves a line in a file that the product does not know."""

import json, os, time, zlib
from datetime import UTC, datetime
from email.message import EmailMessage

from automation import Context, plugin


@plugin
def act(ctx: Context, seconds: float = 0.05, fails: int = 0, counts: bool = False) -> dict:
    """Work for some seconds, have one effect, fail some times out of a hundred."""
    _tell(ctx, "began")
    half = time.monotonic() + seconds / 2
    while time.monotonic() < half:
        time.sleep(0.01)
    luck = zlib.crc32(f"{ctx.run_id}{ctx.attempt}".encode())
    if luck % 100 < fails and luck % 2:
        raise ValueError("failed before the effect")
    _tell(ctx, "effect" if ctx.once("effect") else "again")
    if counts:
        ctx.state["count"] = ctx.state.get("count", 0) + 1
        mail = EmailMessage()
        mail["To"], mail["Subject"] = "somebody@example.org", ctx.run_id
        mail.set_content("once")
        ctx.send(mail)
    time.sleep(seconds / 2)
    if luck % 100 < fails:
        raise ValueError("failed after the effect")
    _tell(ctx, "ended")
    return {"attempt": ctx.attempt}


'''
    + TELL
)


FILES = {"schedules/torment.toml": SCHEDULES, "jobs/act.py": PLUGIN}


def write(root: Path, files: Mapping[str, str] = FILES) -> None:
    """Write a project into this folder: its files by path."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")

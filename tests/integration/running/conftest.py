"""A project whose processes are started one by one, as a Procfile runner would, and killed at will."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from automation.broker import endpoints, wait_ready
from automation.broker.place import sweep
from automation.clock import SystemClock
from automation.services import Services, build_services
from automation.supervise.tether import die_with_parent

ROOT = Path(__file__).resolve().parents[3]

PLUGIN = '''
import itertools, os, subprocess, time
from pathlib import Path
from automation import Context, Retry, Skip, plugin

@plugin
def act(ctx: Context, what: str = "", seconds: float = 0, note: str = "") -> dict:
    """Do what a test asks for, and leave a line in a file outside the product."""
    effects = Path(ctx.project) / "effects.log"
    with effects.open("a") as file:
        file.write(f"{ctx.run_id} {ctx.attempt} {os.getpid()} {note}\\n")
    ctx.log.info("at work on %s", what or "nothing")
    if what == "memory": raise MemoryError
    if what == "exit": raise SystemExit(3)
    if what == "recursion": return act(ctx, what)
    if what == "die once" and ctx.attempt == 1: os.kill(os.getpid(), 9)
    if what == "die": os.kill(os.getpid(), 9)
    if what == "fail once" and ctx.attempt == 1: raise ValueError("the first time fails")
    if what == "family":
        forked = os.fork()
        if not forked: time.sleep(600)
        spawned = subprocess.Popen("sleep 600 & sleep 600", shell=True, start_new_session=True)
        (Path(ctx.project) / "family").write_text(f"{forked} {spawned.pid}")
    if what == "grow": held = bytearray(os.urandom(1000) * 500_000)
    if what == "locked": 1 in itertools.repeat(0)
    if what in ("hang", "family", "grow"):
        while True:
            try: time.sleep(60)
            except BaseException: pass
    if what == "stay":
        while (Path(ctx.project).parent / "stay").exists(): time.sleep(0.05)
    if what == "until cancelled":
        deadline = time.monotonic() + 30
        while not ctx.cancelled and time.monotonic() < deadline: time.sleep(0.05)
        raise Skip("told to stop")
    time.sleep(seconds)
    return {"attempt": ctx.attempt, "pid": os.getpid()}
'''


def eventually(condition: Callable[[], Any], within: float = 60.0) -> Any:
    """The condition's first true answer; an error with its last one when the deadline passes."""
    deadline = time.monotonic() + within
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"not within {within:g} s; last answer: {answer!r}"
        time.sleep(0.05)
    return answer


class Stack:
    """A project and its processes."""

    def __init__(self, root: Path, **environ: str) -> None:
        self.root = root
        (root / "schedules").mkdir()
        (root / "jobs").mkdir()
        (root / "jobs" / "act.py").write_text(PLUGIN)
        quick = {"AUTOMATION_LEASE": "4s", "AUTOMATION_GRACE": "1s", "AUTOMATION_STAND_IN": "0s"}
        self.environ = {**quick, **environ}
        self.processes: list[subprocess.Popen[bytes]] = []
        self.log = root / "processes.log"

    eventually = staticmethod(eventually)

    def declare(self, text: str) -> None:
        (self.root / "schedules" / "test.toml").write_text(text)

    @property
    def services(self) -> Services:
        return build_services(self.root, environ=self.environ)

    def start(self, *command: str, **environ: str) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "automation", *command],
                cwd=self.root,
                env={**os.environ, "PYTHONPATH": str(ROOT), **self.environ, **environ},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=die_with_parent(),  # noqa: PLW1509 (tests start processes from their one thread)
            )
        self.processes.append(process)
        return process

    def broker(self) -> subprocess.Popen[bytes]:
        process = self.start("broker")
        wait_ready(endpoints(self.services.settings), SystemClock(), timedelta(seconds=60))
        return process

    def worker(self, **environ: str) -> subprocess.Popen[bytes]:
        process = self.start("worker", "-c", environ.get("AUTOMATION_WORKERS", "1"), **environ)
        self.await_alive("worker", process.pid)
        return process

    def scheduler(self, **environ: str) -> subprocess.Popen[bytes]:
        process = self.start("scheduler", **environ)
        self.await_alive("scheduler", process.pid)
        return process

    def await_alive(self, kind: str, pid: int) -> None:
        services = self.services
        eventually(lambda: any(one.pid == pid for one in services.ledger.processes.alive(kind)))
        services.close()

    def run(self, job: str, *options: str) -> dict[str, Any]:
        """`automation run JOB --json` as a user types it; the run's object."""
        command = [sys.executable, "-m", "automation", "run", job, "--json", *options]
        done = subprocess.run(
            command,
            cwd=self.root,
            env={**os.environ, "PYTHONPATH": str(ROOT), **self.environ},
            capture_output=True,
            check=False,
        )
        assert done.stdout, done.stderr.decode()
        return json.loads(done.stdout)

    def ended(self, run_id: str, within: float = 60.0) -> Any:
        """The run as soon as it has ended."""
        services = self.services
        states = ("succeeded", "dead", "skipped", "cancelled")
        try:
            eventually(lambda: services.ledger.queries.run(run_id).state in states, within)
            return services.ledger.queries.run(run_id)
        finally:
            services.close()

    def outcomes(self, run_id: str) -> list[str | None]:
        services = self.services
        try:
            return [one.outcome for one in services.ledger.queries.attempts(run_id)]
        finally:
            services.close()

    def effects(self) -> list[list[str]]:
        """What was really done: run, attempt, pid, note."""
        path = self.root / "effects.log"
        return [line.split(" ", 3) for line in path.read_text().splitlines()] if path.exists() else []

    def stop(self) -> None:
        for process in reversed(self.processes):
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        sweep(self.root / ".automation")


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """An empty project with its ledger; nothing runs yet."""
    made = Stack(tmp_path)
    made.declare('[jobs.act]\nplugin = "act"\noverlap = "allow"\n')
    made.services.upgraded_ledger().close()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A broker and a worker for all tests of a module that leave them as they are."""
    made = Stack(tmp_path_factory.mktemp("shared"))
    made.declare(
        '[jobs.act]\nplugin = "act"\noverlap = "allow"\n[jobs.act.retry]\nmax_attempts = 2\nfirst = "100ms"\n'
        '[jobs.short]\nplugin = "act"\ntimeout = "300ms"\nkill_after = "300ms"\nretry = { max_attempts = 1 }\n'
        '[jobs.hungry]\nplugin = "act"\nmax_memory = "400MB"\nretry = { max_attempts = 2, first = "100ms" }\n'
        '[jobs.stubborn]\nplugin = "act"\nkill_after = "300ms"\n'
        '[jobs.trap]\nplugin = "shell"\n'
        "params = { command = \"trap 'touch asked; exit' TERM; touch ready; sleep 600 & wait\" }\n"
    )
    made.services.upgraded_ledger().close()
    made.broker()
    made.worker()
    yield made
    made.stop()

"""Projects of tiny programs, and a supervisor over them as a process of its own."""

from __future__ import annotations

import os
import re
import selectors
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from automation.broker.place import sweep

ROOT = Path(__file__).resolve().parents[3]
PATIENCE = 60.0

PROGRAMS = {
    "stay.py": """
        import os, signal, sys
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})  # a pause() may miss what comes just before it
        print(sys.argv[1], "is here as", os.getpid(), flush=True)
        signal.sigwait({signal.SIGTERM})
        print(sys.argv[1], "goes", flush=True)
        """,
    "stubborn.py": """
        import os, signal, subprocess, sys
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        wait = [sys.executable, "-c", "import signal; signal.pause()"]
        near, far = subprocess.Popen(wait), subprocess.Popen(wait, start_new_session=True)
        print("stubborn is here as", os.getpid(), near.pid, far.pid, flush=True)
        while True:
            signal.pause()
        """,
    "say.py": """
        import signal, sys
        print(*sys.argv[1:], sep="|", flush=True)
        signal.pause()
        """,
    "end.py": """
        import sys
        print("going with", sys.argv[1], flush=True)
        sys.exit(int(sys.argv[1]))
        """,
}

#: Runs the Procfile of the current folder without a broker; arguments: grace, steady.
DRIVER = """
import os, sys
from pathlib import Path
from automation.clock import SystemClock
from automation.errors import AutomationError
from automation.supervise.manager import Supervisor
from automation.supervise.printer import Printer
from automation.supervise.process import Order, Spec
from automation.supervise.procfile import read_procfile
from automation.supervise.restart import Pace
here, environ = Path.cwd(), dict(os.environ)
try:
    commands = read_procfile(here / "Procfile").commands(environ)
    specs = [Spec(name, one.argv, here, {**environ, **one.environ}, Order.of(name)) for name, one in commands.items()]
    pace = Pace(first=0.05, longest=0.2, steady=float(sys.argv[2]))
    sys.exit(Supervisor(specs, SystemClock(), Printer(sys.stdout, width=11), grace=float(sys.argv[1]), pace=pace).run())
except AutomationError as error:
    print(error)
    sys.exit(error.exit_code)
"""


@dataclass
class Running:
    """A process under test, and all that it has said so far."""

    process: subprocess.Popen[bytes]
    lines: list[str] = field(default_factory=list)
    _rest: bytes = b""

    def until(self, text: str, times: int = 1) -> str:
        """Read until so many lines hold the text; the last of them."""
        deadline = time.monotonic() + PATIENCE
        while sum(text in line for line in self.lines) < times:
            assert self._more(deadline), f"{text!r} did not come; there was:\n" + "\n".join(self.lines)
        return [line for line in self.lines if text in line][times - 1]

    def pids(self, text: str) -> list[int]:
        """The numbers at the end of the line that holds the text."""
        return [int(number) for number in re.findall(r"\d+", self.until(text).split(text)[1])]

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def end(self) -> int:
        """Read to the end of the output; the exit code."""
        deadline = time.monotonic() + PATIENCE
        while self._more(deadline):
            continue
        return self.process.wait(PATIENCE)

    def stop(self) -> int:
        self.signal(signal.SIGTERM)
        return self.end()

    def _more(self, deadline: float) -> bool:
        stream = self.process.stdout
        assert stream is not None
        with selectors.DefaultSelector() as selector:
            selector.register(stream, selectors.EVENT_READ)
            if not selector.select(max(0.0, deadline - time.monotonic())):
                return False
        chunk = os.read(stream.fileno(), 65536)
        *whole, self._rest = (self._rest + chunk).split(b"\n")
        self.lines += [line.decode() for line in whole]
        return bool(chunk)


@pytest.fixture
def eventually() -> Callable[[Callable[[], object]], None]:
    """`eventually(condition)`: come back when it holds, fail when it never does."""

    def wait(condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, "it did not come true"
            threading.Event().wait(0.02)

    return wait


@pytest.fixture
def left() -> Callable[[list[int]], list[int]]:
    """`left(pids)`: those of these processes that do not go, zombies not counted; as soon as none is left, none."""

    def wait(pids: list[int]) -> list[int]:
        assert pids
        deadline = time.monotonic() + PATIENCE
        while (living := [pid for pid in pids if _alive(pid)]) and time.monotonic() < deadline:
            threading.Event().wait(0.02)
        return living

    return wait


def _alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Path]:
    """A project folder with the programs above; where its path is long, the broker's socket elsewhere goes with it."""
    root = tmp_path / "project"
    (root / "schedules").mkdir(parents=True)
    for name, text in PROGRAMS.items():
        (root / name).write_text(textwrap.dedent(text))
    yield root
    sweep(root / ".automation")


@pytest.fixture
def launch(project: Path) -> Iterator[Callable[..., Running]]:
    """`launch(argv, **environ)`: a process in the project, ended with the test if it still runs."""
    started: list[Running] = []

    def start(argv: list[str], **environ: str) -> Running:
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        process = subprocess.Popen(
            argv,
            cwd=project,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PATH": path, **environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # whoever runs the tests may have a terminal
        )
        started.append(Running(process))
        return started[-1]

    yield start
    for running in started:
        if running.process.poll() is None:
            running.process.kill()
        running.process.wait()
        running.process.stdout.close()


@pytest.fixture
def supervise(project: Path, launch: Callable[..., Running]) -> Callable[..., Running]:
    """`supervise(procfile, grace=…, steady=…)`: a supervisor without a broker over these lines."""

    def start(procfile: str, *, grace: float = 5.0, steady: float = 5.0, **environ: str) -> Running:
        (project / "Procfile").write_text(procfile)
        return launch([sys.executable, "-c", DRIVER, str(grace), str(steady)], **environ)

    return start


@pytest.fixture
def up(project: Path, launch: Callable[..., Running]) -> Callable[..., Running]:
    """`up(procfile, *options)`: `automation up` in the project, on a port of the system's choice."""

    def start(procfile: str, *options: str, **environ: str) -> Running:
        (project / "Procfile").write_text(procfile)
        return launch([sys.executable, "-m", "automation", "up", *options], **{"PORT": "0", **environ})

    return start

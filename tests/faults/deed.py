"""The plugin of the fault tests: what a run is asked to do to itself, or to wait for, and a line for each step.

Owns: the project's files of a scene.
Never: starts anything.
"""

from __future__ import annotations

from tests.faults.project import TELL

PLUGIN = (
    '''
"""What the fault tests run: each step of an attempt leaves a line in a file that the product does not know."""

import ctypes, json, os, resource, signal, sys, time
from datetime import UTC, datetime
from email.message import EmailMessage

from automation import Context, plugin


@plugin
def deed(ctx: Context, what: str = "", seconds: float = 0.0, until: str = "", counts: bool = False) -> dict:
    """Begin, wait, do what is asked, have one effect, end.

    `until` is a file that the first attempt waits for; `what` is done by each attempt, or, with " once", by the first.
    """
    _tell(ctx, "began")
    while until and ctx.attempt == 1 and not (ctx.project / until).exists():
        time.sleep(0.02)
    time.sleep(seconds)
    deed, _, once = what.partition(" ")
    if deed and (not once or ctx.attempt == 1):
        DEEDS[deed]()
    _tell(ctx, "effect" if ctx.once("effect") else "again")
    if counts:
        ctx.state["count"] = ctx.state.get("count", 0) + 1
        mail = EmailMessage()
        mail["To"], mail["Subject"] = "somebody@example.org", ctx.run_id
        mail.set_content("once")
        ctx.send(mail)
    _tell(ctx, "ended")
    return {"attempt": ctx.attempt}


def segfault():
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ctypes.string_at(0)


def memory():
    resource.setrlimit(resource.RLIMIT_AS, (2**29, resource.RLIM_INFINITY))
    try:
        bytearray(2**30)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def recursion():
    return recursion()


def loop():
    while True:
        try:
            while True:
                time.sleep(0.01)
        except BaseException:
            pass


def fork():
    for _ in range(5):  # 2 ** 5 processes, this one among them
        os.fork()
    loop()


def main_process():
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(600)


DEEDS = {
    "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "segfault": segfault,
    "exit": lambda: os._exit(3),
    "memory": memory,
    "eat": lambda: bytearray(2**31),
    "recursion": recursion,
    "leave": lambda: sys.exit(3),
    "fail": lambda: 1 / 0,
    "loop": loop,
    "fork": fork,
    "main": main_process,
    # A call into C that keeps Python's lock for longer than a lease is.
    "hold": lambda: ctypes.PyDLL(None).usleep(LEASES_LONG),
}
LEASES_LONG = 9_000_000


'''
    + TELL
)

BY_HAND = """
[jobs.deed]
plugin = "deed"
overlap = "allow"
timeout = "60s"
kill_after = "2s"
retry = { max_attempts = 3, first = "100ms", max_delay = "1s", max_lost = 3 }

[jobs.count]
plugin = "deed"
overlap = "allow"
params = { counts = true }
retry = { max_attempts = 3, first = "100ms" }

[jobs.short]
plugin = "deed"
overlap = "allow"
timeout = "500ms"
kill_after = "500ms"
retry = { max_attempts = 1 }
"""


def files(*schedules: str) -> dict[str, str]:
    """A project with this plugin, the jobs that run by hand, and these schedules."""
    return {"jobs/deed.py": PLUGIN, "schedules/faults.toml": "\n".join((BY_HAND, *schedules))}


def every_second(*names: str, seconds: float = 0.0) -> str:
    """Jobs that fire each second."""
    return "\n".join(
        f'[jobs.{name}]\nplugin = "deed"\nevery = "1s"\noverlap = "allow"\nparams = {{ seconds = {seconds} }}\n'
        "retry = { max_attempts = 4, max_lost = 50 }\n"
        for name in names
    )

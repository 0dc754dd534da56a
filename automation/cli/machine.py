"""Everything on one machine, under one supervisor: what stands behind `automation up` and `automation demo`.

Owns: what is checked before anything starts, the children's environment, the first lines a user sees.
Never: supervises (supervise/ does); knows what the processes do.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import TextIO

from automation.broker import endpoints, ping
from automation.broker.place import sweep
from automation.broker.serve import require_alone
from automation.broker.server import locate_server
from automation.cli.watching import ProjectWatch
from automation.clock import Clock, SystemClock
from automation.errors import BrokerUnavailable
from automation.secrets import mask_urls
from automation.settings import Settings, environment, with_dotenv
from automation.supervise.data_folder import held, prepare_data_folder
from automation.supervise.manager import SYSTEM, Supervisor
from automation.supervise.port import require_free
from automation.supervise.printer import Printer
from automation.supervise.process import Order, Spec
from automation.supervise.procfile import Procfile
from automation.supervise.restart import worker_grace

GRACE = timedelta(seconds=5)
_PROBE_SECONDS = 0.5


@dataclass(frozen=True)
class Extra:
    """A process beside the Procfile's, such as the demo's shop.

    Parameters
    ----------
    argv: a first word of `automation` means this installation.
    ready: asked until it says yes, before the workers start.
    """

    name: str
    argv: tuple[str, ...]
    environ: Mapping[str, str] = field(default_factory=dict)
    ready: Callable[[], bool] | None = None


@dataclass(frozen=True)
class _Plan:
    """Which processes there are, and how each is started with given settings."""

    procfile: Procfile
    extra: Sequence[Extra]
    grace: timedelta
    terminal: bool

    def environ(self, settings: Settings) -> dict[str, str]:
        return child_environment(settings, self.grace, terminal=self.terminal)

    def specs(self, settings: Settings) -> list[Spec]:
        environ = self.environ(settings)
        commands = self.procfile.commands(environ)
        named = [Extra(name, one.argv, one.environ) for name, one in commands.items()]
        return [_spec(settings, one, environ) for one in (*named, *self.extra)]

    def check(self, settings: Settings) -> Spec:
        """What has to succeed before processes begin anew with changed files."""
        argv = ("automation", "-C", str(settings.project), "check", "--allow-empty")
        return replace(_spec(settings, Extra("check", argv), self.environ(settings)), order=Order.RELEASE)


def run_up(
    settings: Settings,
    procfile: Procfile,
    *,
    extra_processes: Sequence[Extra] = (),
    grace: timedelta = GRACE,
    out: TextIO | None = None,
    clock: Clock | None = None,
    command: str = "automation up",
    ready: Callable[[], None] = lambda: None,
) -> int:
    """Run a Procfile, with the embedded broker where none is set, until SIGINT or SIGTERM; returns the exit code.

    A hang-up of the terminal ends it too; without one, SIGHUP asks for a look at the project's files.

    Parameters
    ----------
    extra_processes: what runs beside the Procfile's.
    grace: from the signal until nothing is left; a second signal ends everything at once.
    command: what the first line says, and what a second one on the same data folder is told.
    ready: called once, when everything has been started.

    Raises InvalidInput, Refused (the data folder is held, the port is taken) or BrokerUnavailable before anything starts.
    """
    out, clock = out or sys.stdout, clock or SystemClock()
    plan = _Plan(procfile, extra_processes, grace, out.isatty())
    specs = plan.specs(settings)
    names = {spec.name for spec in specs}
    prepare_data_folder(settings.data)
    with held(settings.data, clock.now(), command=command):
        if "web" in names:
            require_free(settings.host, settings.port)
        if settings.embedded_broker:
            locate_server()
            require_alone(settings, clock)
            specs = [_broker(settings, plan.environ(settings)), *(spec for spec in specs if spec.name != "broker")]
        colour = out.isatty() and _coloured(plan.environ(settings))
        printer = Printer(out, width=max(len(SYSTEM), *(len(spec.title) for spec in specs)), colour=colour)
        printer.write(_welcome(settings, names, command))
        supervisor = Supervisor(
            specs,
            clock,
            printer,
            grace=grace.total_seconds(),
            ready=ready,
            watch=ProjectWatch(settings, procfile.path, plan.specs, plan.check, clock),
            hang_up_ends=_has_terminal(),
        )
        try:
            return supervisor.run()
        finally:
            if settings.embedded_broker:
                sweep(settings.data)


def child_environment(settings: Settings, grace: timedelta, *, terminal: bool) -> dict[str, str]:
    """What the processes find: the environment and `.env`, this installation first on PATH, and what `up` decides.

    The broker's URL is not among it: with the embedded one, each process finds it by the data folder.
    """
    environ = with_dotenv(settings.project, environment())
    here = [str(Path(sys.executable).parent), sysconfig.get_path("scripts")]
    environ["PATH"] = os.pathsep.join(dict.fromkeys([*here, *environ.get("PATH", os.defpath).split(os.pathsep)]))
    environ["PYTHONUNBUFFERED"] = "1"
    environ["PORT"] = str(settings.port)
    environ["AUTOMATION_GRACE"] = f"{round(worker_grace(grace.total_seconds()) * 1000)}ms"
    if settings.log_format == "auto":
        environ["AUTOMATION_LOG_FORMAT"] = "human" if terminal else "json"
    root = Path(__file__).parents[2]
    if root not in {Path(sysconfig.get_path(kind)) for kind in ("purelib", "platlib")}:
        environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(root), environ.get("PYTHONPATH")]))
    return environ


def _spec(settings: Settings, extra: Extra, environ: Mapping[str, str]) -> Spec:
    argv = (*_this_installation(), *extra.argv[1:]) if extra.argv[0] == "automation" else extra.argv
    return Spec(extra.name, argv, settings.project, {**environ, **extra.environ}, Order.of(extra.name), extra.ready)


def _this_installation() -> tuple[str, ...]:
    """The command line of this very program; `-P` keeps the project's files from standing in for modules."""
    return sys.executable, "-P", "-m", "automation"


def _broker(settings: Settings, environ: Mapping[str, str]) -> Spec:
    where = endpoints(settings)

    def answers() -> bool:
        try:
            ping(where, _PROBE_SECONDS)
        except BrokerUnavailable:
            return False
        return True

    argv = (*_this_installation(), "-C", str(settings.project), "broker")
    return Spec("broker", argv, settings.project, environ, Order.BROKER, answers)


def _has_terminal() -> bool:
    """Whether there is one that can hang up, whatever the output goes to."""
    try:
        os.close(os.open(os.ctermid(), os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


def _coloured(environ: Mapping[str, str]) -> bool:
    return not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"


def _welcome(settings: Settings, names: Collection[str], command: str) -> str:
    broker = mask_urls(settings.broker_url) if settings.broker_url else "embedded, in the data folder"
    lines = [("data", str(settings.data)), ("broker", broker), ("stop", "Ctrl-C")]
    if "web" in names:
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        shown = f"http://{host}:{settings.port}" if settings.port else "on a free port, see the line of web.1"
        lines.insert(0, ("dashboard", shown))
    return "".join([f"\n{command}\n", *(f"  {name:<10} {value}\n" for name, value in lines), "\n"])

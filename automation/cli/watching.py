"""What a change of the project's files means for the processes of `automation up`.

Owns: which processes hold which files (plugins, `.env`, databases, queues), and the sentence for the terminal.
Never: restarts (supervise/ does), or looks after schedules: the scheduler notices those by itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from automation.clock import Clock
from automation.errors import AutomationError, ProjectInvalid
from automation.project.files import PROJECT_FILE
from automation.project.load import load_databases
from automation.project.watched import (
    CODE,
    Settling,
    Stamp,
    changed_names,
    code_files,
    declared_files,
    digest_of,
    named,
    stamp_of,
)
from automation.settings import Settings, read_settings
from automation.supervise.process import Order, Spec
from automation.supervise.renewal import Renewal

_LOOK_SECONDS = 0.5
_QUIET_SECONDS = 1.0
_NAMED = 3
_ENV = ".env"
#: What `up` itself works with; it cannot change under it.
_FIXED = ("data", "host", "port", "broker_url", "redis_url", "database_url", "key_prefix")
_QUEUE = re.compile(rb"""\bqueue["']?\s*=\s*(?:"([^"\n]*)"|'([^'\n]*)')""")
_ALL = frozenset({Order.WORKER, Order.SCHEDULER, Order.WEB})


@dataclass(frozen=True)
class Held:
    """What running processes have read once; a digest each.

    Parameters
    ----------
    procfile: which processes there are; read by `up` itself.
    databases: None when `automation.toml` cannot be read.
    """

    code: str
    environ: str
    procfile: str
    databases: str | None
    queues: frozenset[bytes]


def held(root: Path, procfile: Path) -> Held:
    """What a process that began now would read."""
    try:
        databases: str | None = repr(sorted(load_databases(root).items()))
    except ProjectInvalid:
        databases = None
    code, environ, processes = (digest_of(root, files) for files in (code_files(root), [root / _ENV], [procfile]))
    return Held(code, environ, processes, databases, _queues(declared_files(root)))


def who_is_old(before: Held, now: Held) -> frozenset[Order]:
    """Which processes work with something that is no longer so."""
    if (before.code, before.environ) != (now.code, now.environ):
        return _ALL
    # A worker takes runs from the queues that were named when it began.
    changed = now.databases not in (None, before.databases) or not now.queues <= before.queues
    return frozenset({Order.WORKER}) if changed else frozenset()


class ProjectWatch:
    """Looks at a project's folder for `automation up`.

    Parameters
    ----------
    settings: what `up` began with.
    procfile: the file of which it runs the processes.
    specs: the processes as they are to be started with given settings.
    check: what must succeed with them before any of these begins anew.
    """

    def __init__(
        self,
        settings: Settings,
        procfile: Path,
        specs: Callable[[Settings], Sequence[Spec]],
        check: Callable[[Settings], Spec],
        clock: Clock,
    ) -> None:
        self._root, self._settings, self._clock = settings.project, settings, clock
        self._procfile = procfile.absolute()
        self._specs, self._check = specs, check
        self._declared = read_settings(self._root)
        self._stamp = self._seen = self._look_at_files()
        self._settling = Settling(self._stamp, _QUIET_SECONDS)
        self._held = self._found = held(self._root, self._procfile)
        self._begun = self._told = self._held.procfile
        self._looked = float("-inf")

    def look(self, *, asked: bool) -> Renewal | None:
        """What has to begin anew, once the files have come to rest."""
        now = self._clock.monotonic()
        if not asked and now - self._looked < _LOOK_SECONDS:
            return None
        self._looked = now
        try:
            seen = self._look_at_files()
            if not self._settling.look(seen, now) and not asked:
                return None
            found = held(self._root, self._procfile)
        except OSError:  # a folder went away while it was listed; the next look sees what is left
            return None
        self._seen, self._found = seen, found
        old = who_is_old(self._held, found)
        if old:
            return self._renewal(old)
        if self._has_other_processes():
            return Renewal(f"{named(self._procfile, self._root)} changed; stop and start this command for that")
        return Renewal("asked to look, and nothing has changed that a process holds") if asked else None

    def took(self) -> None:
        """The last renewal is under way: what was found is what the processes hold."""
        self._stamp, self._held = self._seen, self._found

    def _has_other_processes(self) -> bool:
        """Whether the Procfile is another one than that which runs, and than the one that was told last."""
        told, self._told = self._told, self._found.procfile
        return self._found.procfile not in (told, self._begun)

    def _renewal(self, old: frozenset[Order]) -> Renewal:
        why = f"{self._names()} changed"
        if self._has_other_processes():
            why += f" (stop and start this command for {named(self._procfile, self._root)})"
        try:
            declared = read_settings(self._root)
            if differing := [name for name in _FIXED if getattr(self._declared, name) != getattr(declared, name)]:
                return Renewal(f"{why} ({', '.join(differing)}); stop and start this command for that")
            # What the command was told beside them, such as a free port, stays.
            settings = replace(declared, **{name: getattr(self._settings, name) for name in _FIXED})
            specs = {spec.name: spec for spec in self._specs(settings) if spec.order in old}
            return Renewal(why, self._check(settings), specs)
        except AutomationError as error:
            return Renewal(f"{why}; everything runs on as it is, for: {str(error).splitlines()[0]}")

    def _names(self) -> str:
        """The files that matter first: plugins and `.env`."""
        names = changed_names(self._stamp, self._seen)
        names.sort(key=lambda name: (not name.startswith(f"{CODE}/"), name not in (_ENV, PROJECT_FILE), name))
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        return ", ".join(names[:_NAMED]) + more or "the files"

    def _look_at_files(self) -> Stamp:
        own = [self._root / _ENV, self._procfile]
        return stamp_of(self._root, chain(declared_files(self._root), code_files(self._root), own))


def _queues(files: Sequence[Path]) -> frozenset[bytes]:
    """What looks like a queue's name, read as text: quick, and a wrong guess costs one restart."""
    found: set[bytes] = set()
    for path in files:
        try:
            text = path.read_bytes() if path.is_file() else b""
        except OSError:  # the scheduler says what is wrong with it
            continue
        found.update(first or second for first, second in _QUEUE.findall(text))
    return frozenset(found)

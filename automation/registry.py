"""Which plugins there are: the shipped ones, those of installed packages, those of the project.

Owns: finding plugin files, loading them, who holds a name, and why a file holds none.
Never: lets a broken file stop anything but the jobs that need it; knows a shipped plugin by name.

Every `jobs/*.py` of the project is loaded, but for files whose name begins with `_`: those are for the others to
import (`from _rates import fetch`). The project's `jobs/` stands last on the import path and hides no package.

A shipped file is named after its plugin and an entry point should be, so neither is loaded before somebody asks for
that name, for one that nobody holds, or for all.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from functools import cache, partial
from hashlib import sha256
from pathlib import Path
from threading import RLock
from types import ModuleType

from automation.errors import PluginInvalid, Problem, UnknownName
from automation.plugin import PluginSpec, spec_of
from automation.secrets import mask_urls
from automation.text import nearest, printable

GROUP = "automation.plugins"
SHIPPED, PROJECT = "shipped", "project"
_DECLARED = re.compile(r"^@(?:automation\.)?plugin\(\s*[\"']([^\"'\n]+)[\"']", re.MULTILINE)
_LARGEST_FILE = 5_000_000


@dataclass(frozen=True)
class Registry:
    """The plugins by name.

    Parameters
    ----------
    plugins: those that can be loaded; looking one up loads it, and going through all of them loads them all.
    broken: for each plugin name or file stem that could not be loaded, why and where, of those that were tried.
    origins: for each plugin that is loaded, `shipped`, `project`, or the package that brought it.
    """

    plugins: Mapping[str, PluginSpec] = field(default_factory=dict)
    broken: Mapping[str, Problem] = field(default_factory=dict)
    origins: Mapping[str, str] = field(default_factory=dict)

    def plugin(self, name: str) -> PluginSpec:
        """The plugin of this name. Raises UnknownName with the nearest, or PluginInvalid with why it is broken."""
        if name in self.plugins:
            return self.plugins[name]
        if name in self.broken:
            raise PluginInvalid(f"The plugin '{name}' could not be loaded: {self.broken[name]}")
        raise UnknownName("plugin", name, nearest(name, self.plugins), "See `automation plugins`.")


def shipped_folder(name: str) -> Path:
    """The folder `jobs`, `templates` or `schedules` that we ship: in the installed package, else in the checkout."""
    package = Path(__file__).parent
    installed = package / "_shipped" / name
    return installed if installed.is_dir() else package.parent / name


def load_registry(project_root: Path) -> Registry:
    """Every plugin that the project in this folder may use; those in its own `jobs/` are loaded at once.

    Never raises for a plugin that cannot be loaded.
    """
    loading = _Loading(project_root.resolve())
    for path in _plugin_files(shipped_folder("jobs")):
        loading.add_file(path, SHIPPED)
    for entry in _installed(importlib.metadata.entry_points):
        loading.plugins.promise(entry.name, partial(loading.add_entry_point, entry))
    folder = loading.root / "jobs"
    if folder.is_dir() and str(folder) not in sys.path:
        sys.path.append(str(folder))
    for path in _plugin_files(folder):
        loading.add_file(path, PROJECT)
    return Registry(loading.plugins, loading.broken, loading.origins)


@cache
def _installed(ask: Callable[..., Iterable[importlib.metadata.EntryPoint]]) -> list[importlib.metadata.EntryPoint]:
    """What installed packages offer. Looked for once: it takes longer than all else, and a process gains no packages."""
    return sorted(ask(group=GROUP), key=lambda entry: entry.name)


def _plugin_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.py") if not path.name.startswith("_"))


def _named_after(path: Path) -> str:
    return path.stem.replace("_", "-")


class _Plugins(Mapping[str, PluginSpec]):
    """Plugins by name, some of them loaded only when they are asked for; threads may ask at once."""

    def __init__(self) -> None:
        self.loaded: dict[str, PluginSpec] = {}
        self._promised: dict[str, list[Callable[[], None]]] = {}
        self._lock = RLock()

    def promise(self, name: str, load: Callable[[], None]) -> None:
        """Call `load` when somebody asks for this name; it puts what it finds into `loaded`."""
        self._promised.setdefault(name, []).append(load)

    def holder(self, name: str) -> PluginSpec | None:
        """The plugin of this name, if it is loaded or promised under it."""
        with self._lock:
            for load in self._promised.pop(name, ()):
                load()
            return self.loaded.get(name)

    def __getitem__(self, name: str) -> PluginSpec:
        # A package may hold plugins that its entry point is not named after.
        return self.loaded.get(name) or self.holder(name) or self._all()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._all()))

    def __len__(self) -> int:
        return len(self._all())

    def _all(self) -> Mapping[str, PluginSpec]:
        with self._lock:
            for name in list(self._promised):
                self.holder(name)
            return self.loaded


class _Loading:
    """One load of all plugins; collects what is found and what is wrong."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.plugins = _Plugins()
        self.origins: dict[str, str] = {}
        self.broken: dict[str, Problem] = {}
        self._seen: set[str] = set()

    def add_file(self, path: Path, origin: str) -> None:
        """Load one file, a shipped one later, unless the same one was added: the same path, or the same name and bytes.

        A plugin may raise anything while it loads, SystemExit included; only the user's own Ctrl-C goes through.
        """
        try:
            source = _read(path)
        except (OSError, PluginInvalid) as error:
            self._note(path, 1, _reason(path, error), ())
            return
        same = {str(path.resolve()), f"{path.name} {sha256(source).hexdigest()}"}
        if same & self._seen:
            return
        self._seen |= same
        if origin == SHIPPED:
            self.plugins.promise(_named_after(path), partial(self._load, path, source, origin))
        else:
            self._load(path, source, origin)

    def _load(self, path: Path, source: bytes, origin: str) -> None:
        try:
            specs = _specs_of(_execute(path, source))
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            names = _DECLARED.findall(source.decode("utf-8", "replace"))
            self._note(path, _line_in(path, error), _reason(path, error), names)
            return
        if not specs:
            hint = "put @plugin on a function, or begin the file's name with '_' if others import it"
            self._note(path, 1, f"declares no plugin; {hint}", ())
        for spec in specs:
            self._take(spec, origin, path)

    def add_entry_point(self, entry: importlib.metadata.EntryPoint) -> None:
        """Load what an installed package offers: a plugin function, or a module that holds some."""
        package = entry.dist.name if entry.dist else entry.value
        try:
            specs = _specs_at(entry)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            reason = mask_urls(printable(f"{type(error).__name__}: {error}"))
            self.broken[entry.name] = Problem(f"package {package}", f"plugin '{entry.name}' cannot be loaded: {reason}")
            return
        for spec in specs:
            self._take(spec, package, Path(f"package {package}"))

    def _take(self, spec: PluginSpec, origin: str, path: Path) -> None:
        """Give the plugin its name, unless another one holds it."""
        holder = self.plugins.holder(spec.name)
        replaces = spec.replace and origin == PROJECT and self.origins.get(spec.name) != PROJECT
        if holder is not None and not replaces:
            taken_by = holder.source and self._shown(holder.source)
            whose = " by a shipped plugin" if self.origins[spec.name] == SHIPPED else ""
            hint = "another name, or replace=True to stand in for it" if whose else "another name"
            line = spec.function.__code__.co_firstlineno if hasattr(spec.function, "__code__") else 1
            self._note(path, line, f"plugin name '{spec.name}' is taken{whose} in {taken_by}; give it {hint}", ())
            return
        self.plugins.loaded[spec.name] = spec
        self.origins[spec.name] = origin

    def _note(self, path: Path, line: int, reason: str, names: Iterable[str]) -> None:
        problem = Problem(self._shown(path), reason, line=line)
        for name in (path.stem, _named_after(path), *names):
            self.broken.setdefault(name, problem)
        if problem not in self.broken.values():
            self.broken[str(problem.path)] = problem

    def _shown(self, path: Path) -> Path:
        return path.relative_to(self.root) if path.is_relative_to(self.root) else path


def _read(path: Path) -> bytes:
    if not path.is_file():
        raise PluginInvalid("is not a regular file")
    if path.stat().st_size > _LARGEST_FILE:
        raise PluginInvalid("is larger than 5 MB")
    return path.read_bytes()


def _execute(path: Path, source: bytes) -> ModuleType:
    """The module of this file, run from its bytes: a compiled copy may be older than its second."""
    name = f"automation_plugin_{sha256(str(path.resolve()).encode()).hexdigest()[:12]}_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None:
        raise PluginInvalid("cannot be imported under this name")
    module = importlib.util.module_from_spec(spec)
    code = compile(source, str(path), "exec", dont_inherit=True)
    before = sys.modules.get(name)
    # Type hints and dataclasses look their module up here while it is still running.
    sys.modules[name] = module
    try:
        with redirect_stdout(sys.stderr):
            exec(code, module.__dict__)  # noqa: S102  a plugin is code, and loading it is to run it
    except BaseException:
        sys.modules.pop(name) if before is None else sys.modules.update({name: before})
        raise
    return module


def _specs_at(entry: importlib.metadata.EntryPoint) -> list[PluginSpec]:
    with redirect_stdout(sys.stderr):
        thing = entry.load()
    found = spec_of(thing)
    specs = _specs_of(thing) if isinstance(thing, ModuleType) else [found] if found else []
    if not specs:
        raise PluginInvalid(f"'{entry.value}' is no plugin and no module with one; use @plugin")
    return specs


def _specs_of(module: ModuleType) -> list[PluginSpec]:
    """The plugins that this module itself declares, each once."""
    return list({id(spec): spec for spec in _declared_in(module)}.values())


def _declared_in(module: ModuleType) -> Iterator[PluginSpec]:
    for thing in list(vars(module).values()):
        spec = spec_of(thing)
        if spec is not None and spec.function.__module__.startswith(module.__name__):
            yield spec


def _line_in(path: Path, error: BaseException) -> int:
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return error.lineno or 1
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return (lines[-1] if lines else 1) or 1


def _reason(path: Path, error: BaseException) -> str:
    if isinstance(error, PluginInvalid):
        return printable(str(error).removeprefix(f"{path}: "))
    if isinstance(error, SystemExit):
        return f"the file ends the process (sys.exit {printable(repr(error.code), 60)}) when it is loaded; remove that"
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    return mask_urls(printable(f"cannot be loaded: {type(error).__name__}: {text}"))

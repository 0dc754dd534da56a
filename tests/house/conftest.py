"""The house as a reader sees it: every file of ours parsed once, and who imports whom.

Owns: reading the package and the shipped plugins without importing them.
Never: judges; the tests do.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Import:
    """One import, wherever it stands: at the top, inside a function, for the type checker alone."""

    importer: str
    target: str
    line: int

    def __str__(self) -> str:
        return f"{self.importer} imports {self.target} (line {self.line})"


@dataclass(frozen=True)
class SourceFile:
    """One file of ours, parsed."""

    path: Path
    module: str
    name: str  # the path from the top of the repository
    source: str = field(repr=False)

    @cached_property
    def tree(self) -> ast.Module:
        """The parsed file."""
        return ast.parse(self.source)

    def functions(self) -> Iterator[Function]:
        """Every function and method, nested ones too."""
        return (node for node in ast.walk(self.tree) if isinstance(node, Function))

    def imports(self) -> Iterator[tuple[str, int]]:
        """Every imported dotted name, `from x import y` as x.y."""
        package = self.module if self.path.name == "__init__.py" else self.module.rpartition(".")[0]
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from ((alias.name, node.lineno) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
                base = ".".join([*above, *([node.module] if node.module else [])])
                yield from ((f"{base}.{alias.name}", node.lineno) for alias in node.names)


@dataclass(frozen=True)
class House:
    """The package's files and the shipped plugins."""

    package: tuple[SourceFile, ...]
    jobs: tuple[SourceFile, ...]

    @cached_property
    def modules(self) -> dict[str, SourceFile]:
        """The package's files by dotted name."""
        return {file.module: file for file in self.package}

    @property
    def everything(self) -> tuple[SourceFile, ...]:
        """All product code."""
        return self.package + self.jobs

    @cached_property
    def edges(self) -> tuple[Import, ...]:
        """Who imports which file of the package."""
        return tuple(
            Import(file.module, module, line)
            for file in self.package
            for name, line in file.imports()
            if (module := self.home(name)) and module != file.module
        )

    def home(self, name: str) -> str | None:
        """The module of ours that this dotted name lives in, if it is ours."""
        parts = name.split(".")
        if parts[0] != "automation":
            return None
        known = (".".join(parts[:length]) for length in range(len(parts), 1, -1))
        # A dotted name of two parts that is no file is a name of the face.
        return next((name for name in known if name in self.modules), "automation" if len(parts) <= 2 else None)


def read_house(package: Path, jobs: Path) -> House:
    """Parse what these two folders hold."""
    return House(
        package=tuple(_read(path, package.parent) for path in sorted(package.rglob("*.py"))),
        jobs=tuple(_read(path, jobs.parent) for path in sorted(jobs.glob("*.py"))),
    )


def _read(path: Path, top: Path) -> SourceFile:
    parts = path.relative_to(top).with_suffix("").parts
    module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    return SourceFile(path, module, path.relative_to(top).as_posix(), path.read_text("utf-8"))


@pytest.fixture(scope="session")
def root() -> Path:
    """The top of the repository."""
    return ROOT


@pytest.fixture(scope="session")
def house() -> House:
    """This repository's house."""
    return read_house(ROOT / "automation", ROOT / "jobs")


@pytest.fixture
def built(tmp_path: Path) -> Callable[..., House]:
    """`built({"automation/x.py": "…"})`: a small house of its own, to see a rule catch a fault."""

    def build(files: dict[str, str]) -> House:
        for folder in ("automation", "jobs"):
            (tmp_path / folder).mkdir(exist_ok=True)
        for name, source in {"automation/__init__.py": "", **files}.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(source)
        return read_house(tmp_path / "automation", tmp_path / "jobs")

    return build

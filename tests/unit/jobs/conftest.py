"""A context made by hand, and the shipped plugins by name."""

from __future__ import annotations

import importlib.util
import logging
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from automation.plugin import Artifact, Context, JobInfo, PluginSpec, Window, spec_of
from automation.project.load import load_project
from automation.registry import load_registry

JOBS = Path(__file__).resolve().parents[3] / "jobs"
NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


class Kept:
    """What a run left behind: its files, progress and the lines of its log."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.stored: dict[str, bytes] = {}
        self.told: list[tuple[int, int | None]] = []
        self.lines: list[str] = []
        self.approvals: set[str] = set()
        self.plans: dict[str, dict[str, Any]] = {}
        self.stop: Callable[[], bool] = lambda: False
        self.earlier: Callable[[datetime | None, str], list[Artifact]] = lambda before, run: []
        self.known: dict[str, Any] = {}

    def save(self, name: str, content: bytes | str | Path, media_type: str | None) -> Artifact:
        data = (
            content.read_bytes()
            if isinstance(content, Path)
            else content.encode()
            if isinstance(content, str)
            else content
        )
        # What is for machines stands apart.
        (self.stored if name.startswith("_") else self.files)[name] = data
        return Artifact(name, Path(name), media_type or "", len(data), "", "r1", "j", NOW)

    def find(self, job: str, pattern: str, before: datetime | None = None, run: str = "") -> list[Artifact]:
        return self.earlier(before, run)

    def newest(self, job: str, until: datetime) -> dict[str, Any]:
        return self.known

    def progress(self, done: int, total: int | None) -> None:
        self.told.append((done, total))

    def cancelled(self) -> bool:
        return self.stop()

    def approved(self, digest: str) -> bool:
        return digest in self.approvals

    def propose(self, digest: str, plan: dict[str, Any]) -> None:
        self.plans[digest] = plan

    def once(self, key: str) -> bool:
        return True

    def emit(self, record: logging.LogRecord) -> bool:
        self.lines.append(record.getMessage())
        return True


@pytest.fixture
def kept() -> Kept:
    """What the run of `context` left."""
    return Kept()


@pytest.fixture
def context(tmp_path: Path, kept: Kept) -> Callable[..., Context]:
    """`context(dry_run=…)`: a context whose traces are in `kept`."""

    def make(**changed: Any) -> Context:
        logger = logging.getLogger("automation.test.jobs")
        logger.setLevel(logging.INFO)
        logger.filters[:] = [kept.emit]
        work = tmp_path / "work"
        work.mkdir(exist_ok=True)
        values: dict[str, Any] = {
            "job": JobInfo("nightly", "shell"), "run_id": "r1", "attempt": 2, "kind": "scheduled", "schedule": "main",
            "nominal_time": NOW, "window": Window(NOW, NOW), "log": logging.LoggerAdapter(logger), "http": None,
            "state": {}, "workdir_maker": lambda: work, "project": tmp_path, "databases": lambda name, read_only: None,
            "artifact_store": kept, "outbox": None, "effects": kept, "renderer": None, "soup_maker": None,
        }  # fmt: skip
        return Context(**{**values, **changed})

    return make


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"shipped_{name}", JOBS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # pydantic looks annotations up there
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def shipped() -> Callable[[str], PluginSpec]:
    """`shipped("shell")`: the plugin of that name, loaded from its file."""
    found: dict[str, PluginSpec] = {}

    def get(name: str) -> PluginSpec:
        if name not in found:
            spec = spec_of(getattr(load(name), name))
            assert spec is not None
            found[name] = spec
        return found[name]

    return get


@pytest.fixture
def do(shipped: Callable[[str], PluginSpec], context: Callable[..., Context]) -> Callable[..., dict[str, Any]]:
    """`do("shell", command="true")`: run a shipped plugin with these parameters; `ctx={…}` changes its context."""

    def run(name: str, *, ctx: dict[str, Any] | None = None, **params: Any) -> dict[str, Any]:
        plugin = shipped(name)
        arguments = plugin.arguments(plugin.parameters.model_validate(params))
        result: dict[str, Any] = plugin.function(context(**(ctx or {})), **arguments)
        return result

    return run


@pytest.fixture
def told(tmp_path: Path) -> Callable[..., list[str]]:
    """`told(text, files)`: the problems of a project with this schedule file and these others, from their lines on."""

    def read(text: str, files: dict[str, str] | None = None) -> list[str]:
        for name, content in {"schedules/a.toml": text, **(files or {})}.items():
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(content)
        problems = load_project(tmp_path, load_registry(tmp_path), {}).problems
        return [str(problem).removeprefix("schedules/a.toml:") for problem in problems]

    return read

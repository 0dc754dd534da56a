"""A project in a temporary folder, with one plugin, loaded from its files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, Field

from automation.plugin import Context, plugin, spec_of
from automation.project.load import load_project
from automation.project.model import Project
from automation.registry import SHIPPED, Registry

Load = Callable[..., Project]


class Selector(BaseModel, extra="forbid"):
    css: str
    type: Literal["text", "money"] = "text"


@plugin("scrape")
def scrape(
    ctx: Context,
    start: str | list[str],
    pages: Annotated[int, Field(ge=1, le=100)] = 1,
    fields: dict[str, str | Selector] = {},  # noqa: B006  the model copies it
    headers: dict[str, str] = {},  # noqa: B006
    database: str | None = None,
) -> None:
    """Fetch."""


@pytest.fixture
def registry() -> Registry:
    spec = spec_of(scrape)
    assert spec is not None
    return Registry({"scrape": spec}, origins={"scrape": SHIPPED})


@pytest.fixture
def load(tmp_path: Path, registry: Registry) -> Load:
    """`load(text, …)`: the project with these files; a lone text is `schedules/a.toml`."""

    def make(
        text: str | bytes | None = None,
        files: Mapping[str, str | bytes] | None = None,
        environ: Mapping[str, str] | None = None,
        plugins: Registry | None = None,
    ) -> Project:
        (tmp_path / "schedules").mkdir(exist_ok=True)
        for name, content in {**({} if text is None else {"schedules/a.toml": text}), **(files or {})}.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return load_project(tmp_path, plugins or registry, environ or {})

    return make


@pytest.fixture
def load_one(tmp_path: Path, registry: Registry) -> Callable[[str], Project]:
    """`load_one(name)`: the project of the same files, as far as it bears on this job."""
    return lambda name: load_project(tmp_path, registry, {}, only=name)


@pytest.fixture
def problems(load: Load) -> Callable[..., list[str]]:
    """The same, and what it prints: one line for each problem."""
    return lambda *given, **named: [str(problem) for problem in load(*given, **named).problems]

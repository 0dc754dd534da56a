"""From the place where a command is typed to the project that it means.

Owns: the global options, finding the project's folder, loading it with its plugins.
Never: decides whether a problem of the project stops a command; each command does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from automation.project.model import Project
    from automation.registry import Registry


@dataclass(frozen=True)
class Options:
    """What was given before the command.

    Parameters
    ----------
    directory: the project's folder, or one inside it; None is the current one.
    """

    directory: Path | None = None
    debug: bool = False


@dataclass(frozen=True)
class Loaded:
    """A project, its plugins, and the environment that its references are resolved from."""

    root: Path
    registry: Registry
    project: Project
    environ: Mapping[str, str]


def options_of(context: typer.Context) -> Options:
    """The global options of this invocation."""
    return context.obj if isinstance(context.obj, Options) else Options()


def project_root(context: typer.Context) -> Path:
    """The project's folder. Raises InvalidInput when there is none here or upward."""
    from automation.project.files import find_root

    directory = options_of(context).directory
    return find_root(Path.cwd() if directory is None else directory)


def load(context: typer.Context, *, only: str | None = None) -> Loaded:
    """The project, all of it, those jobs included that have a problem.

    Parameters
    ----------
    only: the one job that is asked for; where there is such a job, the others are not read.

    Raises InvalidInput when there is no project here or upward.
    """
    from automation.project.load import load_project
    from automation.registry import load_registry
    from automation.settings import environment, with_dotenv

    root = project_root(context)
    environ = with_dotenv(root, environment())
    registry = load_registry(root)
    return Loaded(root, registry, load_project(root, registry, environ, only=only), environ)

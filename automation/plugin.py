"""The contract between a plugin and the runner: `@plugin`, the parameter model, `Context`.

Owns: how a function becomes a plugin, and all that it may ask of the runner.
Never: finds plugins (the registry does), runs one (the runner does), or knows a shipped one.
"""

from __future__ import annotations

import dataclasses
import inspect
import logging
import re
import sys
import types
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast, get_type_hints, overload

from pydantic import BaseModel, ConfigDict, create_model

from automation.artifacts import Artifact
from automation.errors import PluginInvalid

if TYPE_CHECKING:
    from bs4 import BeautifulSoup
    from sqlalchemy import Engine

    from automation.net import Client

_NAME = re.compile(r"[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*")
Result = dict[str, Any] | None
_Function = TypeVar("_Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class PluginSpec:
    """A plugin as the registry holds it.

    Parameters
    ----------
    parameters: the model of its parameters; unknown names are refused.
    whole_model: the function takes the model itself, as its argument `params`, and not one argument a field.
    replace: may stand in for a shipped plugin of the same name.
    source: the file it came from.
    backfillable: a run for a time that has passed does what it would have done then.
    renders: the strings of its parameters are Jinja2.
    """

    name: str
    function: Callable[..., Any]
    parameters: type[BaseModel]
    description: str
    whole_model: bool = False
    replace: bool = False
    source: Path | None = None
    backfillable: bool = True
    renders: bool = False

    @property
    def is_async(self) -> bool:
        """Whether the function is a coroutine function."""
        return inspect.iscoroutinefunction(self.function)

    def arguments(self, params: BaseModel) -> dict[str, Any]:
        """The keyword arguments of a call with these parameters."""
        if self.whole_model:
            return {"params": params}
        return {name: getattr(params, name) for name in type(params).model_fields}


@overload
def plugin(name: _Function) -> _Function: ...
@overload
def plugin(
    name: str | None = None, *, replace: bool = False, backfillable: bool = True, renders: bool = False
) -> Callable[[_Function], _Function]: ...
def plugin(name: Any = None, *, replace: bool = False, backfillable: bool = True, renders: bool = False) -> Any:
    """Make a function a plugin; its signature is the parameter model, its docstring the help.

    The first parameter is the `Context`. The others are the job's `params`; or there is one, called `params`
    and annotated with a pydantic model.

    Parameters
    ----------
    name: what TOML says after `plugin =`; default: the function's name with dashes.
    replace: take the place of a shipped plugin of that name.
    backfillable: False when a run for a time that has passed makes no sense: it works on what is there now.
    renders: the strings of its parameters are Jinja2, which it renders with `ctx.render_text`; `upstream` and `item` are
        known there, and are not filled in before.

    Raises PluginInvalid when the function cannot be one.
    """
    if callable(name):
        return plugin()(name)

    def declare(function: _Function) -> _Function:
        described = dataclasses.replace(_describe(function, name, replace), backfillable=backfillable, renders=renders)
        function.__automation_plugin__ = described  # type: ignore[attr-defined]
        return function

    return declare


def spec_of(thing: object) -> PluginSpec | None:
    """The plugin that `@plugin` made of this object, if it did."""
    spec = getattr(thing, "__automation_plugin__", None)
    return spec if isinstance(spec, PluginSpec) else None


def _describe(function: Callable[..., Any], name: str | None, replace: bool) -> PluginSpec:
    name = function.__name__.replace("_", "-") if name is None else name
    where = Path(inspect.getsourcefile(function) or "?")
    if not _NAME.fullmatch(name):
        raise PluginInvalid(
            f"{where}: plugin name '{name}': use lower-case letters, digits and '-', such as 'exchange-rates'"
        )
    signature = inspect.signature(function)
    accepted = list(signature.parameters.values())
    if not accepted or accepted[0].kind not in (accepted[0].POSITIONAL_ONLY, accepted[0].POSITIONAL_OR_KEYWORD):
        raise PluginInvalid(
            f"{where}: plugin '{name}': the first parameter must be the context: def {function.__name__}(ctx, …)"
        )
    hints = get_type_hints(function, include_extras=True)
    whole = _whole_model(accepted[1:], hints)
    model = whole or _model_from(name, accepted[1:], hints, where)
    description = inspect.cleandoc(function.__doc__ or "")
    return PluginSpec(name, function, model, description, whole is not None, replace, where)


def _whole_model(accepted: Sequence[inspect.Parameter], hints: dict[str, Any]) -> type[BaseModel] | None:
    if len(accepted) != 1 or accepted[0].name != "params":
        return None
    hint = hints.get("params")
    return hint if isinstance(hint, type) and issubclass(hint, BaseModel) else None


def _model_from(
    name: str, accepted: Sequence[inspect.Parameter], hints: dict[str, Any], where: Path
) -> type[BaseModel]:
    fields: dict[str, Any] = {}
    for parameter in accepted:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
            raise PluginInvalid(f"{where}: plugin '{name}': '{parameter}' has no name that TOML could set; give it one")
        if parameter.name not in hints:
            raise PluginInvalid(f"{where}: plugin '{name}': parameter '{parameter.name}' has no type; annotate it")
        default = ... if parameter.default is parameter.empty else parameter.default
        fields[parameter.name] = (hints[parameter.name], default)
    title = "".join(part.capitalize() for part in re.split("[-_]", name)) + "Params"
    return cast("type[BaseModel]", create_model(title, __config__=ConfigDict(extra="forbid"), **fields))


@dataclass(frozen=True)
class JobInfo:
    """The job that a run does."""

    name: str
    plugin: str
    tags: tuple[str, ...] = ()
    description: str = ""


@dataclass(frozen=True)
class Window:
    """The span that an occurrence stands for: from the previous nominal time to this one, half open, in UTC."""

    start: datetime
    end: datetime


class ArtifactStore(Protocol):
    """Where a run's files go, and where those of others are found."""

    def save(self, name: str, content: bytes | str | Path, media_type: str | None) -> Artifact: ...
    def find(self, job: str, pattern: str) -> list[Artifact]: ...


class Outbox(Protocol):
    """Where mails wait for the end of the run; they are recorded together with its verdict."""

    def add(self, message: EmailMessage, key: str) -> None: ...


class Effects(Protocol):
    """What the ledger remembers for a run while it works."""

    def once(self, key: str) -> bool: ...
    def progress(self, done: int, total: int | None) -> None: ...
    def cancelled(self) -> bool: ...


class Renderer(Protocol):
    """Renders one of the project's templates, sandboxed and strict."""

    def render(self, template: str, values: dict[str, Any]) -> str: ...
    def render_text(self, source: str, values: dict[str, Any], *, html: bool) -> str: ...


@dataclass
class Context:
    """All that a plugin needs, made anew for each attempt.

    Parameters
    ----------
    run_id: the run's id, stable over its attempts.
    attempt: the number of this attempt, from 1; also the fencing token.
    nominal_time: the due moment that this run stands for, in UTC; use it in place of now.
    window: from the previous nominal time to this one.
    log: lines go to the run's log in the ledger and to the process's log.
    http: the guarded HTTP client; closed when the attempt ends.
    state: JSON values of this job, kept between its runs; written when the attempt succeeds.
    project: the project's folder; relative paths in params start there.
    upstream: the jobs that it follows by name, each with `result`, `state`, `reason` and `run`.
    item: the element of a list that the run is for, with `for_each`.
    """

    job: JobInfo
    run_id: str
    attempt: int
    kind: str
    schedule: str | None
    nominal_time: datetime
    window: Window
    log: logging.LoggerAdapter[logging.Logger]
    http: Client
    state: MutableMapping[str, Any]
    project: Path
    dry_run: bool = False
    upstream: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)
    item: Any = None
    databases: Callable[[str | None, bool], Engine] = field(repr=False, kw_only=True)
    artifact_store: ArtifactStore = field(repr=False, kw_only=True)
    outbox: Outbox = field(repr=False, kw_only=True)
    effects: Effects = field(repr=False, kw_only=True)
    renderer: Renderer = field(repr=False, kw_only=True)
    soup_maker: Callable[[str | bytes], BeautifulSoup] = field(repr=False, kw_only=True)
    workdir_maker: Callable[[], Path] = field(repr=False, kw_only=True)

    def database(self, name: str | None = None, *, read_only: bool = False) -> Engine:
        """The engine of a database named in automation.toml, or of an SQLAlchemy URL; None is `data.db`."""
        return self.databases(name, read_only)

    def progress(self, done: int, total: int | None = None) -> None:
        """Tell how far the work is; shown by `automation show` and the dashboard."""
        self.effects.progress(done, total)

    def artifact(self, name: str, content: bytes | str | Path, *, media_type: str | None = None) -> Artifact:
        """Keep a file of this run: bytes, text, or a finished file of `workdir`, which is moved."""
        return self.artifact_store.save(name, content, media_type)

    def artifacts(self, job: str, pattern: str = "*") -> list[Artifact]:
        """The files of another job: of this flow's run of it, else of its newest succeeded run."""
        return self.artifact_store.find(job, pattern)

    def render(self, template: str, /, **values: Any) -> str:
        """A file of `templates/` rendered with these values; `.html` is escaped."""
        return self.renderer.render(template, {"upstream": self.upstream, "item": self.item, **values})

    def render_text(self, source: str, /, *, html: bool = False, **values: Any) -> str:
        """A Jinja2 string rendered with these values; escaped when `html` is set."""
        return self.renderer.render_text(source, {"upstream": self.upstream, "item": self.item, **values}, html=html)

    def send(self, message: EmailMessage, *, key: str = "1") -> None:
        """Put a mail into the outbox, once per occurrence, key and recipient; it leaves when the run succeeded."""
        self.outbox.add(message, key)

    def once(self, key: str) -> bool:
        """True the first time for this occurrence, recorded durably before it answers; False ever after."""
        return self.effects.once(key)

    def soup(self, page: str | bytes) -> BeautifulSoup:
        """A parsed page (BeautifulSoup on lxml)."""
        return self.soup_maker(page)

    @cached_property
    def workdir(self) -> Path:
        """A folder of this attempt alone, made at the first look and removed at the attempt's end."""
        return self.workdir_maker()

    @property
    def cancelled(self) -> bool:
        """Whether somebody asked this run to stop, or its worker is leaving; ask it in long loops."""
        return self.effects.cancelled()


class _CallableModule(types.ModuleType):
    """This module, which can be called as the decorator of the same name.

    Once it is imported, `from automation import plugin` finds the module and not the function; both have to work.
    """

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return plugin(*args, **kwargs)


sys.modules[__name__].__class__ = _CallableModule

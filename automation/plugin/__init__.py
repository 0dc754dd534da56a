"""The contract between a plugin and the runner: `@plugin`, the parameter model, `Context`.

Owns: how a function becomes a plugin; what it may ask of the runner is in `context`.
Never: finds plugins (the registry does), runs one (the runner does), or knows a shipped one.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import sys
import types
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast, get_type_hints, overload

from pydantic import BaseModel, ConfigDict, create_model

from automation.artifacts import Artifact
from automation.errors import PluginInvalid
from automation.plugin.context import Context, JobInfo, Window
from automation.plugin.ports import ArtifactStore, Effects, Outbox, Renderer

__all__ = [
    "Artifact", "ArtifactStore", "Context", "Effects", "JobInfo", "Outbox", "PluginSpec", "Renderer", "Result", "Window",
    "plugin", "spec_of",
]  # fmt: skip

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


class _CallableModule(types.ModuleType):
    # Once this module is imported, `from automation import plugin` finds it and not the function; both have to work.
    """This module, which can be called as the decorator of the same name."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return plugin(*args, **kwargs)


sys.modules[__name__].__class__ = _CallableModule

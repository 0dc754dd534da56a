"""The plugin `python`: call a function by its dotted name.

Owns: finding the function, checking the arguments, and that the result can be kept.
Never: runs anything of the project before the call was found to fit.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import json
import pkgutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from automation import Context, FailureClass, JobFailed, plugin
from automation.text import nearest, printable


class PythonParams(BaseModel):
    """What to call, and with what."""

    model_config = ConfigDict(extra="forbid")

    call: str = Field(
        pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$",
        description='"package.module:function", found from the project\'s folder or among what is installed.',
    )
    args: list[Any] = Field(default=[], description="Arguments by position.")
    kwargs: dict[str, Any] = Field(default={}, description="Arguments by name.")


@plugin("python")
def python(ctx: Context, params: PythonParams) -> dict[str, Any]:
    """Call a function, also an `async def` one, and keep what it returns.

    A function whose first parameter is called `ctx`, or is annotated as `Context`, gets the run's context. What it
    returns must be JSON: a table is the run's result, anything else becomes `{"value": …}`.
    """
    with _importable(ctx.project):
        function = _find(params.call, ctx.project)
        with_context = _takes_context(function)
        args = [ctx, *params.args] if with_context else params.args
        _must_fit(params, function, args)
        if ctx.dry_run and not with_context:
            ctx.log.info("Dry run: %s is not called, since it takes no context that could tell it so", params.call)
            return {"dry_run": True}
        returned = function(*args, **params.kwargs)
        if inspect.isawaitable(returned):
            returned = asyncio.run(_finish(returned))
    return _result(params.call, returned)


async def _finish(awaitable: Any) -> Any:
    return await awaitable


@contextmanager
def _importable(project: Path) -> Iterator[None]:
    """The project's folder first on the path, as long as the call takes."""
    folder = str(project)
    sys.path.insert(0, folder)
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(folder)


def _find(call: str, project: Path) -> Callable[..., Any]:
    module_name, _, path = call.partition(":")
    found: Any = _module(module_name, project)
    for name in path.split("."):
        if not hasattr(found, name):
            meant = nearest(name, [known for known in dir(found) if not known.startswith("_")])
            raise _wrong(call, f"{getattr(found, '__name__', found)} has no '{name}'", meant)
        found = getattr(found, name)
    if not callable(found):
        raise _wrong(call, f"'{path}' is a {type(found).__name__} and cannot be called", None)
    return found  # type: ignore[no-any-return]


def _module(name: str, project: Path) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name or name
        if name != missing and not name.startswith(missing + "."):
            raise JobFailed(
                f"module '{name}' needs '{missing}', which is not installed; run: pip install {missing.partition('.')[0]}",
                FailureClass.CONFIG,
            ) from error
        parent, _, last = missing.rpartition(".")
        folders = list(getattr(sys.modules.get(parent), "__path__", [])) if parent else [str(project)]
        meant = nearest(last, [module.name for module in pkgutil.iter_modules(folders)])
        whole = f"{parent}.{meant}" if parent and meant else meant
        raise _wrong(name, f"there is no module '{missing}' in {project} or among what is installed", whole) from error


def _wrong(call: str, what: str, meant: str | None) -> JobFailed:
    hint = f"did you mean '{meant}'?" if meant else 'write call = "package.module:function"'
    return JobFailed(f'call = "{printable(call, 200)}": {what}; {hint}', FailureClass.CONFIG, code="call")


def _takes_context(function: Callable[..., Any]) -> bool:
    try:
        first = next(iter(inspect.signature(function).parameters.values()), None)
    except (TypeError, ValueError):  # built in, without a signature
        return False
    if first is None or first.kind not in (first.POSITIONAL_ONLY, first.POSITIONAL_OR_KEYWORD):
        return False
    annotated = first.annotation is Context or str(first.annotation).rpartition(".")[2] == "Context"
    return first.name == "ctx" or annotated


def _must_fit(params: PythonParams, function: Callable[..., Any], args: list[Any]) -> None:
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return
    try:
        signature.bind(*args, **params.kwargs)
    except TypeError as error:
        unknown = [name for name in params.kwargs if name not in signature.parameters]
        meant = nearest(unknown[0], signature.parameters) if unknown else None
        hint = f"; did you mean '{meant}'?" if meant else ""
        raise JobFailed(
            f'call = "{params.call}": {error}; it is {params.call.partition(":")[2]}{signature}{hint}',
            FailureClass.CONFIG,
            code="arguments",
        ) from error


def _result(call: str, returned: Any) -> dict[str, Any]:
    """What the ledger can keep; a value that is no JSON is an error here and not a surprise there."""
    result = returned if isinstance(returned, dict) else {} if returned is None else {"value": returned}
    try:
        kept = json.loads(json.dumps(result, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise JobFailed(
            f"{call} returned a {type(returned).__name__} that is not JSON: {error}; "
            "return numbers, text, lists and dicts, or save the rest with ctx.artifact(…)",
            FailureClass.DATA_INVALID,
            code="result",
        ) from error
    assert isinstance(kept, dict)
    return kept

"""What a template may touch: data, and nothing that data could lead to.

Owns: the environments that templates run in.
Never: loads a template, or knows what a document is for.
"""

from __future__ import annotations

import io
import os
import types
from collections.abc import Callable, Mapping, Sequence, Set
from datetime import date, time, timedelta, tzinfo
from decimal import Decimal
from typing import Any

from jinja2 import BaseLoader, StrictUndefined
from jinja2 import runtime as jinja_runtime
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Cycler, Joiner, Namespace

from automation.rendering.localfilters import FILTERS

_DATA = (str, bytes, int, float, complex, Decimal, date, time, timedelta, tzinfo, Mapping, Sequence, Set, type(None))
_TEMPLATE_PARTS = (
    jinja_runtime.LoopContext,
    jinja_runtime.Macro,
    jinja_runtime.BlockReference,
    jinja_runtime.TemplateReference,
    jinja_runtime.Undefined,
    Cycler,
    Joiner,
    Namespace,
)
_CLOSED = (os.PathLike, io.IOBase, types.ModuleType, type, types.FunctionType, types.MethodType)
_PLAIN = frozenset((str, int, float, bool, type(None)))
_LONGEST = 10_000_000
_LARGEST_POWER = 10_000
_GLOBALS = ("range", "dict", "cycler", "joiner", "namespace")


class Sandbox(ImmutableSandboxedEnvironment):
    """Jinja2 whose templates read values and call methods of plain data, but never those of other objects.

    So a path, a connection or a class that slips into the values is a dead end. Products and powers are
    bounded, because no time limit of ours could stop one huge multiplication.
    """

    intercepted_binops = frozenset({"*", "**"})

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        if isinstance(obj, _CLOSED):
            return False
        # Words and numbers lead nowhere; the full questions, asked of every cell, would triple a report's time.
        if type(value) in _PLAIN and not attr.startswith("_"):
            return True
        return super().is_safe_attribute(obj, attr, value)

    def is_safe_callable(self, obj: Any) -> bool:
        if isinstance(obj, type):
            return obj in (dict, Cycler, Joiner, Namespace)
        owner = getattr(obj, "__self__", None)
        known = owner is None or isinstance(owner, (*_DATA, *_TEMPLATE_PARTS, types.ModuleType))
        return super().is_safe_callable(obj) and known

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        if operator == "**" and (abs(left) > _LARGEST_POWER or abs(right) > 100):
            raise SecurityError("the power is too large; compute it in the query")
        if operator == "*":
            _bound_product(left, right)
        return super().call_binop(context, operator, left, right)


def _bound_product(left: Any, right: Any) -> None:
    for thing, times in ((left, right), (right, left)):
        if isinstance(thing, (str, bytes, list, tuple)) and isinstance(times, int) and len(thing) * times > _LONGEST:
            raise SecurityError(f"the repetition would be longer than {_LONGEST:,} elements")


def make_environment(loader: BaseLoader, *, escape: bool, finalize: Callable[[Any], Any] | None = None) -> Sandbox:
    """An environment for documents of one kind.

    Escaping belongs to the document and not to the part: a `.txt` that an HTML page includes is escaped too.

    Parameters
    ----------
    escape: HTML-escape every value that is put out.
    finalize: applied to every value before it is put out.
    """
    environment = Sandbox(
        loader=loader,
        undefined=StrictUndefined,
        autoescape=escape,
        finalize=finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=True,
    )
    environment.globals = {name: environment.globals[name] for name in _GLOBALS}
    environment.filters.update(FILTERS)
    return environment

"""Expressions that are true or false of values: the conditions of a TOML file, in the words of templates.

Owns: checking an expression before it is used, the names in it, and what it says.
Never: renders a document.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from jinja2 import FileSystemLoader, meta
from jinja2.exceptions import TemplateError

from automation.rendering.sandbox import Sandbox, make_environment
from automation.text import printable


def names_in(text: str) -> set[str]:
    """The names that an expression asks for. Raises ValueError when it is none."""
    environment = _environment()
    try:
        environment.compile_expression(text)
        tree = environment.parse("{{ (" + text + ") }}")
    except TemplateError as error:
        message = (error.message or str(error)).strip().rstrip(".")
        raise ValueError(
            f"'{printable(text, 80)}' is not a condition: {printable(message, 200)}; write one such as price < 50 and stock"
        ) from None
    return meta.find_undeclared_variables(tree)


def condition(text: str) -> Callable[[Mapping[str, Any]], bool]:
    """A function that says whether the expression is true of values.

    A comparison with a value that is None is false, and no mistake. The function raises ValueError for any other mistake.
    """
    compiled = _environment().compile_expression(text, undefined_to_none=True)
    asked = names_in(text)

    def holds(values: Mapping[str, Any]) -> bool:
        try:
            return bool(compiled(**values))
        except TypeError as error:
            if any(values.get(name) is None for name in asked):
                return False
            raise ValueError(f"'{printable(text, 80)}': {printable(str(error), 200)}") from None
        except (TemplateError, ValueError, ArithmeticError, LookupError, AttributeError, RecursionError) as error:
            raise ValueError(f"'{printable(text, 80)}': {type(error).__name__}: {printable(str(error), 200)}") from None

    return holds


def _environment() -> Sandbox:
    return make_environment(FileSystemLoader([]), escape=False)

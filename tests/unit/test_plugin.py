"""How a function becomes a plugin, and why another one does not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field, ValidationError

import automation
from automation.errors import PluginInvalid
from automation.plugin import Context, plugin, spec_of


class Query(BaseModel, extra="forbid"):
    table: str
    limit: int = 10


def spec(function: Any) -> Any:
    found = spec_of(function)
    assert found is not None
    return found


def test_signature_is_the_parameter_model() -> None:
    """Types, defaults and limits of pydantic; unknown names are refused."""

    @plugin("exchange-rates")
    def rates(ctx: Context, base: str, days: Annotated[int, Field(ge=1)] = 1) -> None:
        """Fetch the rates.

        Of the day.
        """

    found = spec(rates)
    assert (found.name, found.description, found.source) == (
        "exchange-rates",
        "Fetch the rates.\n\nOf the day.",
        Path(__file__),
    )
    assert found.arguments(found.parameters.model_validate({"base": "EUR"})) == {"base": "EUR", "days": 1}
    for wrong in ({}, {"base": "EUR", "days": 0}, {"base": "EUR", "dyas": 1}):
        with pytest.raises(ValidationError):
            found.parameters.model_validate(wrong)


def test_model_may_be_given_whole() -> None:
    """As the one argument `params`."""

    @plugin
    def query(ctx: Context, params: Query) -> None: ...

    params = Query(table="t")
    assert (spec(query).parameters, spec(query).arguments(params)) == (Query, {"params": params})


def test_name_is_the_functions_with_dashes() -> None:
    """With or without parentheses; the function stays what it was."""

    @plugin
    def one_day(ctx: Context) -> int:
        return 1

    @plugin(replace=True)
    async def two_days(ctx: Context) -> None: ...

    assert (spec(one_day).name, spec(one_day).is_async, spec(one_day).replace) == ("one-day", False, False)
    assert (spec(two_days).name, spec(two_days).is_async, spec(two_days).replace) == ("two-days", True, True)
    assert one_day(None) == 1  # type: ignore[arg-type]


def test_plugin_says_whether_it_can_be_backfilled() -> None:
    """It can, unless it works on what is there now."""

    @plugin(backfillable=False)
    def rates_now(ctx: Context) -> None: ...

    @plugin
    def rates(ctx: Context) -> None: ...

    assert (spec(rates_now).backfillable, spec(rates).backfillable) == (False, True)


def no_context() -> None: ...
def only_keywords(*, ctx: Context) -> None: ...
def untyped(ctx: Context, days) -> None: ...  # type: ignore[no-untyped-def]
def starred(ctx: Context, *names: str) -> None: ...
def keywords(ctx: Context, **names: str) -> None: ...
def positional(ctx: Context, days: int, /) -> None: ...


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (no_context, "plugin 'no-context': the first parameter must be the context: def no_context(ctx, …)"),
        (only_keywords, "the first parameter must be the context"),
        (untyped, "parameter 'days' has no type; annotate it"),
        (starred, "has no name that TOML could set; give it one"),
        (keywords, "has no name that TOML could set; give it one"),
        (positional, "has no name that TOML could set; give it one"),
    ],
)
def test_function_that_cannot_be_a_plugin_is_refused_at_the_door(function: Callable[..., Any], said: str) -> None:
    """The message names the file, the plugin, what was declared and what is expected."""
    with pytest.raises(PluginInvalid) as refused:
        plugin(function)

    assert str(refused.value).startswith(f"{__file__}: plugin '")
    assert said in str(refused.value)


@pytest.mark.parametrize("name", ["", "Big", "a b", "-a", "a--b", "a/b", "ä", "1a", "a\n"])
def test_name_that_toml_could_not_say_is_refused(name: str) -> None:
    """Lower-case letters, digits and dashes."""
    with pytest.raises(PluginInvalid, match="use lower-case letters, digits and '-'"):
        plugin(name)(lambda ctx: None)


def test_other_things_are_no_plugins() -> None:
    """A function without the decorator, and anything else."""
    assert spec_of(no_context) is None
    assert spec_of("plugin") is None


def test_module_and_decorator_share_a_name() -> None:
    """`from automation import plugin` works before and after the module of that name was imported."""

    @automation.plugin("by-module")
    def work(ctx: Context) -> None: ...

    assert spec(work).name == "by-module"

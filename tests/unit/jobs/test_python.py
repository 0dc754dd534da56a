"""The plugin `python`, with modules of a project."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from automation.errors import FailureClass, JobFailed

Do = Callable[..., dict[str, Any]]
SOURCE = """
from __future__ import annotations
import datetime, json
from automation import Context

LIMIT = 5

def add(a, b=1): return {"sum": a + b}
def number(): return 7
def nothing(): return None
async def later(a): return {"later": a}
def named(ctx, extra=""): return {"job": ctx.job.name, "extra": extra}
def annotated(run: Context): return {"attempt": run.attempt}
def not_json(): return {"at": datetime.datetime(2020, 1, 1)}
def not_a_number(): return {"x": float("nan")}
def fails(): raise LookupError("no such row")
class Box:
    @staticmethod
    def open(): return {"box": "open"}
"""


@pytest.fixture(autouse=True)
def package(tmp_path: Path) -> Iterator[None]:
    """A project with a package of its own, forgotten after the test."""
    (tmp_path / "shopkeeping").mkdir()
    (tmp_path / "shopkeeping" / "__init__.py").write_text("")
    (tmp_path / "shopkeeping" / "prices.py").write_text(SOURCE)
    (tmp_path / "shopkeeping" / "needy.py").write_text("import not_installed_anywhere.part")
    yield
    for name in [name for name in sys.modules if name.startswith("shopkeeping")]:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("function", "params", "result"),
    [
        ("add", {"kwargs": {"a": 1, "b": 2}}, {"sum": 3}),
        ("add", {"args": [1]}, {"sum": 2}),
        ("number", {}, {"value": 7}),
        ("nothing", {}, {}),
        ("later", {"args": [4]}, {"later": 4}),
        ("named", {"kwargs": {"extra": "x"}}, {"job": "nightly", "extra": "x"}),
        ("annotated", {}, {"attempt": 2}),
        ("Box.open", {}, {"box": "open"}),
    ],
)
def test_function_of_the_project_is_called(
    do: Do, function: str, params: dict[str, Any], result: dict[str, Any]
) -> None:
    """Arguments by name and position, the context where it is asked for, coroutines, and any JSON as the result."""
    assert do("python", call=f"shopkeeping.prices:{function}", **params) == result


@pytest.mark.parametrize(
    ("call", "params", "said"),
    [
        ("shopkeeping.price:add", {}, "no module 'shopkeeping.price'.*did you mean 'shopkeeping.prices'"),
        ("shopkeepin.prices:add", {}, "no module 'shopkeepin'.*did you mean 'shopkeeping'"),
        ("shopkeeping.prices:ad", {}, "has no 'ad'; did you mean 'add'"),
        ("shopkeeping.prices:LIMIT", {}, "is a int and cannot be called"),
        ("shopkeeping.needy:add", {}, "needs 'not_installed_anywhere'.*pip install not_installed_anywhere"),
        ("shopkeeping.prices:add", {}, "missing a required argument: 'a'"),
        ("shopkeeping.prices:add", {"kwargs": {"a": 1, "bb": 2}}, r"'bb'; it is add\(a, b=1\); did you mean 'b'"),
    ],
)
def test_call_that_does_not_fit_names_what_does(do: Do, call: str, params: dict[str, Any], said: str) -> None:
    """A wrong path or argument is a matter of configuration, found before anything is called."""
    with pytest.raises(JobFailed, match=said) as raised:
        do("python", call=call, **params)
    assert raised.value.failure_class is FailureClass.CONFIG


@pytest.mark.parametrize("function", ["not_json", "not_a_number"])
def test_result_that_is_no_json_is_an_error_with_a_way_out(do: Do, function: str) -> None:
    """What the ledger cannot keep is said where it arises."""
    with pytest.raises(JobFailed, match=r"not JSON.*ctx\.artifact"):
        do("python", call=f"shopkeeping.prices:{function}")


def test_exception_of_the_function_passes_through(do: Do) -> None:
    """The runner judges it as any plugin's."""
    with pytest.raises(LookupError, match="no such row"):
        do("python", call="shopkeeping.prices:fails")


def test_path_is_as_before_after_the_call(do: Do) -> None:
    """The project's folder is on the path only while the function runs."""
    before = list(sys.path)
    do("python", call="shopkeeping.prices:number")
    assert sys.path == before


def test_dry_run_calls_only_what_can_know(do: Do) -> None:
    """A function without the context cannot hold back, so it is not called."""
    assert do("python", call="shopkeeping.prices:number", ctx={"dry_run": True}) == {"dry_run": True}
    assert do("python", call="shopkeeping.prices:annotated", ctx={"dry_run": True}) == {"attempt": 2}


@pytest.mark.parametrize("call", ["", "module", "module:", ":function", "a b:c", "os:system('x')", "../x:y"])
def test_call_is_a_dotted_name(do: Do, call: str) -> None:
    """Anything else is refused as a parameter."""
    with pytest.raises(ValidationError):
        do("python", call=call)

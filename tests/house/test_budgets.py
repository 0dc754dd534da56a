"""Budgets: how long a file, a function and its branches may be, and what no file may hold."""

from __future__ import annotations

import ast
import re
import statistics

FILE_LINES = 300
BODY_LINES = 50
BRANCHES = 15
DOCUMENTED = 0.85
PROMISES = re.compile(r"\b(TODO|FIXME|XXX|HACK|raise NotImplementedError|placeholder|for now)\b")
#: The command line speaks to its user, the supervisor passes on what its processes say, the demo's site is a process.
MAY_PRINT = ("automation/cli/", "automation/supervise/", "automation/demo/")
BRANCHING = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler, ast.IfExp, ast.match_case, ast.comprehension)


def body_lines(function):
    """The lines of a function's body, its docstring left out."""
    body = function.body[1:] if ast.get_docstring(function) and len(function.body) > 1 else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1


def branches(function):
    """The places where a function may go one way or another."""
    return sum(isinstance(node, BRANCHING) for node in ast.walk(function))


def public_things(file):
    """Public classes, functions and methods, in public classes."""

    def below(body, protocol=False):
        for node in body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith(
                "_"
            ):
                if not protocol:
                    yield node
                if isinstance(node, ast.ClassDef):
                    yield from below(node.body, protocol=bool(node.bases))

    return below(file.tree.body)


def swallowed(file):
    """The `except` clauses that catch everything and do nothing."""
    for node in ast.walk(file.tree):
        broad = isinstance(node, ast.ExceptHandler) and (
            node.type is None or ast.unparse(node.type).endswith("Exception")
        )
        if broad and all(isinstance(step, ast.Pass | ast.Continue) for step in node.body):
            yield node


def test_files_are_short(house):
    """No file has more than 300 lines, and half of them have at most 120."""
    lengths = {file.name: len(file.source.splitlines()) for file in house.everything}

    assert {name: lines for name, lines in lengths.items() if lines > FILE_LINES} == {}
    assert statistics.median(lengths.values()) <= 120


def test_functions_are_short(house):
    """No function's body has more than 50 lines."""
    long = [
        f"{file.name}:{function.lineno}: {function.name} has {body_lines(function)} lines"
        for file in house.everything
        if "/migrations/versions/" not in file.name  # one statement each, in the order of the tables
        for function in file.functions()
        if body_lines(function) > BODY_LINES
    ]

    assert long == []


def test_functions_have_few_branches(house):
    """No function branches more than 15 times."""
    tangled = [
        f"{file.name}:{function.lineno}: {function.name} has {branches(function)} branches"
        for file in house.everything
        for function in file.functions()
        if branches(function) > BRANCHES
    ]

    assert tangled == []


def test_every_file_says_what_it_owns(house):
    """Every file opens with a docstring; a file that is more than a door says what it owns and what it never does."""
    silent = [file.name for file in house.everything if not ast.get_docstring(file.tree)]
    vague = [
        file.name
        for file in house.package
        if file.path.name not in ("__init__.py", "__main__.py")
        and "migrations" not in file.name
        and not {"Owns:", "Never:"} <= set((ast.get_docstring(file.tree) or "").split())
    ]

    assert silent == []
    assert vague == []


def test_public_things_are_documented(house):
    """At least 85 of 100 public classes, functions and methods say what they promise."""
    things = [(file.name, thing) for file in house.everything for thing in public_things(file)]
    bare = [f"{name}:{thing.lineno}: {thing.name}" for name, thing in things if not ast.get_docstring(thing)]

    assert 1 - len(bare) / len(things) >= DOCUMENTED, "\n".join(bare)


def test_nothing_is_promised_in_code(house):
    """What is not there is an issue, not a comment."""
    found = [
        f"{file.name}:{number}: {line.strip()}"
        for file in house.everything
        for number, line in enumerate(file.source.splitlines(), 1)
        if PROMISES.search(line)
    ]

    assert found == []


def test_only_the_command_line_prints(house):
    """Everything else speaks through the log."""
    found = [
        f"{file.name}:{node.lineno}"
        for file in house.everything
        if not file.name.startswith(MAY_PRINT)
        for node in ast.walk(file.tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]

    assert found == []


def test_no_error_is_swallowed(house):
    """Nobody catches everything and says nothing."""
    assert [f"{file.name}:{node.lineno}" for file in house.everything for node in swallowed(file)] == []


def test_tests_say_what_they_hold(root):
    """Every test opens with a sentence."""
    mute = [
        f"{path.relative_to(root)}:{node.lineno}: {node.name}"
        for path in sorted((root / "tests").rglob("test_*.py"))
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and not ast.get_docstring(node)
    ]

    assert mute == []


def test_the_budget_sees_a_long_function(built):
    """Fifty-one lines are one too many; the docstring is not counted."""
    source = 'def f():\n    """Say it.\n\n    More.\n    """\n' + "    x = 1\n" * 51
    file = built({"automation/text.py": source}).modules["automation.text"]

    assert [body_lines(function) for function in file.functions()] == [51]

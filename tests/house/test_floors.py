"""Floors and circles: who may import whom, held by our own reading of every import."""

from __future__ import annotations

import ast
import graphlib
import sys

#: The registry stands on a landing of its own: a project is read against it.
FLOORS = {
    11: {"__main__"},
    10: {"cli"},
    9: {"web", "testing"},
    8: {"scheduler", "worker"},
    7.5: {"acts"},
    7: {"runner"},
    6: {"dispatch", "queue"},
    5: {"services"},
    4: {"project", "notify", "health", "migrations", "sight"},
    3.5: {"registry"},
    3: {"plugin", "ledger", "broker", "scraping", "cleanup", "reports", "mail", "command", "client"},
    2: {
        *("settings", "database", "retry", "triggers", "supervise", "limits"),
        *("net", "rendering", "artifacts", "demo", "scaffold"),
    },
    1: {"errors", "clock", "text", "events", "logs", "secrets", "turns", "commits", "mariadb", "setting_values"},
}
FLOOR = {unit: floor for floor, units in FLOORS.items() for unit in units}
ENGINES = {"scraping", "cleanup", "reports", "mail", "command"}
FACE = "automation"


def unit(module):
    """The first name below the package: a folder or a file at its top."""
    return module.split(".")[1] if "." in module else ""


def upward(house):
    """A sentence for each import that breaks a floor."""
    for edge in house.edges:
        above, below = unit(edge.importer), unit(edge.target)
        if edge.importer == FACE or edge.target == FACE or above == below:
            continue
        own, other = FLOOR[above], FLOOR[below]
        # The files of the ground floor lie in one folder.
        if other > own or (other == own and own > 1):
            yield f"{edge}: floor {own} '{above}' may not use floor {other} '{below}'"


def circle(house):
    """The files of one circle, or nothing."""
    graph = {module: set() for module in house.modules}
    for edge in house.edges:
        if edge.importer != FACE:
            graph[edge.importer].add(edge.target)
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return " → ".join(error.args[1])
    return ""


def foreign(house):
    """A sentence for each import of a shipped plugin beyond the public face, the engines and the ground floor."""
    allowed = ENGINES | FLOORS[1] | {"net", "plugin", "rendering"}
    for file in house.jobs:
        for name, line in file.imports():
            parts = name.split(".")
            if parts[0] == "jobs" or (parts[0] == "automation" and len(parts) > 2 and parts[1] not in allowed):
                yield f"{file.name}:{line}: a plugin may import the public face, the engines and words, not {name}"


def test_every_unit_has_a_floor(house):
    """A new file or folder of the package is given its floor before it is used."""
    units = {unit(module) for module in house.modules} - {""}

    assert units <= set(FLOOR), f"no floor for: {', '.join(sorted(units - set(FLOOR)))}"


def test_no_import_runs_upward_or_sideways(house):
    """A file imports from the floors below it and from its own folder, lazy and type-only imports counted."""
    assert list(upward(house)) == []


def test_imports_lead_to_files(house):
    """What is imported from a file of ours is imported from one that is there."""
    astray = [
        f"{file.name}:{node.lineno}: there is no {node.module}"
        for file in house.everything
        for node in ast.walk(file.tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("automation")
        if node.module not in house.modules
    ]

    assert astray == []


def test_no_circles(house):
    """No file needs, over however many others, itself."""
    assert circle(house) == ""


def test_nobody_inside_imports_the_face(house):
    """`from automation import …` is for plugin authors; inside, a name comes from its home."""
    face = [str(edge) for edge in house.edges if edge.target == FACE]

    assert face == []


def test_plugins_use_the_public_door(house):
    """The shipped plugins import what a user's plugin may: the face, words and time; and the engines."""
    assert list(foreign(house)) == []


def test_nobody_imports_the_plugins(house):
    """The registry finds plugins by file."""
    users = [
        f"{file.name}:{line}" for file in house.package for name, line in file.imports() if name.split(".")[0] == "jobs"
    ]

    assert users == []


def test_face_is_sorted_and_small(root):
    """The face lists its names in order, in under 40 lines, and each of them is there."""
    import automation

    assert list(automation.__all__) == sorted(automation.__all__)
    assert len((root / "automation" / "__init__.py").read_text("utf-8").splitlines()) < 40
    assert all(getattr(automation, name) for name in automation.__all__)


def test_face_imports_nothing_heavy():
    """`import automation` stays light: no library comes with it."""
    import subprocess

    code = (
        "import sys, automation; print([m for m in ('celery', 'sqlalchemy', 'pydantic', 'httpx') if m in sys.modules])"
    )

    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )


def test_an_upward_import_is_named(built):
    """The rule says who imports whom and which floor that breaks, also inside a function."""
    house = built(
        {
            "automation/ledger/a.py": "def f():\n    from automation.cli import x\n",
            "automation/cli/__init__.py": "x = 1\n",
        }
    )

    assert list(upward(house)) == [
        "automation.ledger.a imports automation.cli (line 2): floor 3 'ledger' may not use floor 10 'cli'"
    ]


def test_a_sideways_import_is_named(built):
    """Two units of one floor do not know each other."""
    house = built({"automation/mail/a.py": "import automation.ledger.b\n", "automation/ledger/b.py": ""})

    assert "floor 3 'mail' may not use floor 3 'ledger'" in next(upward(house))


def test_a_circle_for_types_is_found(built):
    """An import that only the type checker sees closes a circle too."""
    lazy = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from automation.text import y\n"

    assert "automation.text" in circle(
        built({"automation/errors.py": lazy, "automation/text.py": "import automation.errors\n"})
    )


def test_a_plugin_that_reaches_inside_is_named(built):
    """A shipped plugin that opens the ledger is refused."""
    house = built({"jobs/x.py": "from automation import plugin\nfrom automation.ledger.runs import Runs\n"})

    assert len(list(foreign(house))) == 1

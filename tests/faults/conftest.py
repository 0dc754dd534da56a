"""Scenes for the fault tests, and the seconds that they measured."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.scene import Scene


@pytest.fixture
def scene(needs: Callable[[str], Any], tmp_path: Path) -> Iterator[Callable[..., Scene]]:
    """`scene(*jobs, …)`: a project with a broker of its own; see `Scene`."""
    needs("redis-server")
    made: list[Scene] = []

    def make(*jobs: str, **more: Any) -> Scene:
        root = tmp_path / f"scene-{len(made)}"
        root.mkdir()
        made.append(Scene(root, *jobs, **more))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def measured(record_property: Callable[[str, object], None]) -> Callable[..., None]:
    """`measured(what, *seconds)`: keep how long a recovery took, for the table at the end; judges nothing."""

    def keep(what: str, *seconds: float) -> None:
        for value in seconds:
            record_property(f"recovery of {what}", value)

    return keep


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """What the tests measured, over all of them: median, 99th percentile and longest."""
    found: defaultdict[str, list[float]] = defaultdict(list)
    for report in terminalreporter.stats.get("passed", ()):
        for name, value in report.user_properties:
            if name.startswith("recovery of ") and report.when == "call":
                found[name].append(float(value))
    for name, values in sorted(found.items()):
        values.sort()
        chosen = (values[(len(values) - 1) // 2], values[min(len(values) * 99 // 100, len(values) - 1)], values[-1])
        terminalreporter.line(f"{name}, s: " + " / ".join(f"{value:.1f}" for value in chosen) + f" (of {len(values)})")

"""Finding the project from where somebody stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from automation.errors import InvalidInput
from automation.project.files import find_root


@pytest.mark.parametrize("below", ["", "schedules", "jobs/deep/down"])
def test_project_is_found_upward(tmp_path: Path, below: str) -> None:
    """From its own folder, and from any folder inside."""
    (tmp_path / "schedules").mkdir()
    (tmp_path / below).mkdir(parents=True, exist_ok=True)

    assert find_root(tmp_path / below) == tmp_path


def test_nearest_project_wins(tmp_path: Path) -> None:
    """A project inside another one is the one meant."""
    (tmp_path / "schedules").mkdir()
    (tmp_path / "inner" / "schedules").mkdir(parents=True)

    assert find_root(tmp_path / "inner") == tmp_path / "inner"


@pytest.mark.parametrize("name", ["", "gone"])
def test_place_without_a_project_says_how_to_begin(tmp_path: Path, name: str) -> None:
    """No project upward, or no such folder: the message names it and the way out."""
    with pytest.raises(InvalidInput, match="-C DIR") as refused:
        find_root(tmp_path / name)

    assert str(tmp_path / name) in str(refused.value)

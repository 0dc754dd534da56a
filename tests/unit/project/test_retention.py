"""`[retention]` in TOML: what is read, what is refused, and that a mistake never stands for a default."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from automation.errors import ProjectInvalid
from automation.ledger.keep import Keep
from automation.project.load import load_project
from automation.project.retention import load_retention
from automation.registry import load_registry


def written(folder: Path, text: str) -> Path:
    (folder / "schedules").mkdir()
    (folder / "automation.toml").write_text(text)
    return folder


def test_without_a_table_the_defaults_count(tmp_path):
    """Also without the file."""
    assert load_retention(tmp_path, {}) == Keep()
    assert load_retention(written(tmp_path, ""), {}) == Keep()


def test_ages_are_read(tmp_path):
    """Each by its name; forever is none."""
    text = '[retention]\nsucceeded = "1w"\nskipped = "2d"\ndead = "forever"\nlogs = "${env:LOGS}"\nkeep_last = 3\n'
    keep = load_retention(written(tmp_path, text), {"LOGS": "5d"})
    assert keep == Keep(timedelta(7), timedelta(2), None, timedelta(5), keep_last=3)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("retention = 5", "1:13: retention: found the number 5; write a table: [retention]"),
        ('[retention]\nsuceeded = "5d"', "2:1: retention.suceeded: unknown key 'suceeded'; did you mean 'succeeded'?"),
        ('[retention]\ndead = "1h"', "2:8: retention.dead: found '1h'; write a duration from 1d to 36500d, or \"forever\""),
        ('[retention]\ndead = "never"', "2:8: retention.dead: 'never' is not a duration"),
        ("[retention]\nlogs = 30", "2:8: retention.logs: found the number 30; write an age, such as \"30d\", or \"forever\""),
        ("[retention]\nkeep_last = 0", "2:13: retention.keep_last: found the number 0; write a whole number from 1 to"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_in_its_place_and_nothing_is_deleted(tmp_path, text, said):
    """`check` says it, and so does whoever was about to delete."""
    folder = written(tmp_path, text)
    assert said in "\n".join(map(str, load_project(folder, load_registry(folder), {}).errors))
    with pytest.raises(ProjectInvalid, match="retention"):
        load_retention(folder, {})


def test_it_belongs_into_the_project_file(tmp_path):
    """Not into a file of schedules."""
    folder = written(tmp_path, "")
    (folder / "schedules" / "a.toml").write_text('[retention]\ndead = "5d"\n')
    problems = load_project(folder, load_registry(folder), {}).errors
    assert "retention belong into automation.toml" in str(problems[0])

"""Procfiles are read whole, and every problem is told at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from automation.errors import InvalidInput, ProjectInvalid
from automation.supervise.procfile import parse_procfile, read_procfile

PATH = Path("Procfile")


def test_entries_keep_their_order_and_comments_are_skipped():
    """Names and commands come in the file's order, without comments and empty lines."""
    procfile = parse_procfile("# all\n\nweb:  automation web \nworker-mail: automation worker -Q mail\n", PATH)

    assert [(entry.name, entry.command, entry.line) for entry in procfile.entries] == [
        ("web", "automation web", 3),
        ("worker-mail", "automation worker -Q mail", 4),
    ]


def test_every_wrong_line_is_told_with_its_number():
    """One reading tells all that is wrong in the file."""
    with pytest.raises(ProjectInvalid) as caught:
        parse_procfile("web: a\nno command here\nweb: b\nempty:\n", PATH)

    assert [problem.line for problem in caught.value.problems] == [2, 3, 4]
    assert "already in line 1" in str(caught.value)


def test_commands_that_need_a_shell_are_told_with_line_and_column():
    """All commands are split before any is started, and the place in the file is exact."""
    procfile = parse_procfile("web: a | b\nworker: c\nmail: d $NONE\n", PATH)

    with pytest.raises(ProjectInvalid) as caught:
        procfile.commands({})

    assert [(problem.line, problem.column) for problem in caught.value.problems] == [(1, 8), (3, 9)]


def test_a_file_without_processes_is_told():
    """An empty Procfile would start nothing and say nothing."""
    with pytest.raises(ProjectInvalid, match="there is no process"):
        parse_procfile("# nothing\n", PATH)


def test_a_missing_procfile_says_what_to_write(tmp_path):
    """Without a Procfile the message shows a line of one."""
    with pytest.raises(InvalidInput, match="worker: automation worker"):
        read_procfile(tmp_path / "Procfile")


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path):
    """A file saved by an editor with a byte order mark reads the same."""
    (tmp_path / "Procfile").write_bytes(b"\xef\xbb\xbfweb: a\r\n")

    assert read_procfile(tmp_path / "Procfile").entries[0].name == "web"


def test_the_example_project_s_procfile_can_be_run():
    """The Procfile at the top of this repository is one that `up` takes."""
    procfile = read_procfile(Path(__file__).parents[3] / "Procfile")

    assert list(procfile.commands({})) == ["release", "web", "scheduler", "worker"]

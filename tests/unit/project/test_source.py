"""Files that cannot be read as TOML: each gets one sentence with its place, quickly."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from automation.errors import ProjectInvalid
from automation.project.source import LARGEST, read_source


def refusal(folder: Path, content: bytes) -> str:
    (folder / "x.toml").write_bytes(content)
    with pytest.raises(ProjectInvalid) as refused:
        read_source(folder / "x.toml", folder)
    (problem,) = refused.value.problems
    return str(problem)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a = \n", "x.toml:1:5: this is not TOML: Invalid value"),
        (b"a = 1\na = 2\n", "x.toml:2:6: this is not TOML: Cannot overwrite a value"),
        (b"[a]\nx = 1\n[a]\n", "x.toml:3:3: the table [a] stands here a second time; rename one"),
        (b'a = "x', "x.toml:1:7: this is not TOML: "),
        (b"a = 1\nb = '\x00'\n", "x.toml:2:"),
        ("a = 'é".encode() + "ñ'".encode("latin-1"), "x.toml:1:7: the file is not UTF-8: byte 0xf1 at offset 7"),
        ("a = 1".encode("utf-16"), "x.toml:1:1: the file is not UTF-8: byte 0xff at offset 0; it looks like UTF-16"),
        (b"a = 1\nb = " + b"9" * 5000, "x.toml:2:5: a number here has more than 4300 digits"),
        (b"a = " + b"[" * 5000 + b"]" * 5000, "x.toml:1:1: the values are nested too deeply"),
        (b"a" + b".a" * 5000 + b" = 1", "x.toml:1:1: the values are nested deeper than 64 levels"),
        (b"x" * (LARGEST + 1), "x.toml:1:1: the file has 5.0 MB; at most 5.0 MB are read, so split it"),
    ],
)
def test_content_that_is_no_toml_has_its_place(tmp_path: Path, content: bytes, said: str) -> None:
    """Line and column where there are some, and what is wrong in words."""
    assert refusal(tmp_path, content).startswith(said)


def test_byte_order_mark_is_accepted(tmp_path: Path) -> None:
    """Editors on some systems write one; columns do not count it."""
    (tmp_path / "x.toml").write_bytes(b"\xef\xbb\xbfa = 1\r\nb = 2\r\n")
    source = read_source(tmp_path / "x.toml", tmp_path)

    assert source.data == {"a": 1, "b": 2}
    assert source.positions.locate(["a"]) == (1, 5)
    assert source.positions.locate(["b"], key=True) == (2, 1)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: path.mkdir(), "this is a folder"),
        (os.mkfifo, "not a regular file"),
        (lambda path: path.symlink_to(path.name), "cannot be read: Too many levels of symbolic links"),
        (lambda path: path.symlink_to("gone.toml"), "cannot be read: No such file"),
    ],
)
def test_thing_that_is_no_file_is_told_and_never_waited_for(
    problems: Callable[..., list[str]], tmp_path: Path, make: Callable[[Path], Any], said: str
) -> None:
    """A folder, a FIFO that nobody writes to, a loop and a dangling link are one problem each."""
    (tmp_path / "schedules").mkdir()
    make(tmp_path / "schedules" / "odd.toml")
    (line,) = problems()

    assert line.startswith("schedules/odd.toml:1:1: ")
    assert said in line


def test_socket_is_told(problems: Callable[..., list[str]], tmp_path: Path) -> None:
    """A socket of that name is not opened."""
    (tmp_path / "schedules").mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "schedules" / "s.toml"))
        (line,) = problems()

    assert "not a regular file" in line


def test_large_project_is_read_without_delay(load: Callable[..., Any]) -> None:
    """Two thousand jobs in one file, each with its line."""
    text = "".join(f'[jobs.j{n}]\nplugin = "scrape"\nevery = "1m"\nparams.start = "x"\n' for n in range(2000))
    project = load(text)

    assert project.problems == ()
    assert project.job("j1999").line == 4 * 1999 + 1

"""Lines out of bytes, and what a command finds in its environment."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from automation.command.environment import command_environment
from automation.command.output import Output
from automation.command.process import Lines


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=8))
def test_lines_are_the_same_however_the_bytes_are_cut(data: bytes, cuts: list[int]) -> None:
    """A line that comes in pieces is one line."""
    whole: list[str] = []
    pieces: list[str] = []
    for lines, places in ((whole, []), (pieces, sorted(cuts))):
        splitter = Lines(lines.append)
        for start, end in zip([0, *places], [*places, len(data)], strict=True):
            splitter.feed(data[start:end])
        splitter.finish()
    assert pieces == whole


def test_line_without_end_comes_in_parts() -> None:
    """Memory does not grow with it."""
    lines: list[str] = []
    Lines(lines.append).feed(b"x" * 20_000)
    assert [len(line) for line in lines] == [8000, 8000]


def test_log_gets_no_more_than_its_share(tmp_path: Path) -> None:
    """A command that writes without end fills the file, not the log."""
    lines: list[str] = []
    with Output(tmp_path / "output.txt", lines.append) as output:
        output.receive(b"y\n" * 12_000)
    assert (len(lines), output.lines) == (10_001, 12_000)
    assert "the rest is in output.txt only" in lines[-1]


def test_later_layers_win_and_our_settings_stay_away() -> None:
    """Only what a job names itself reaches the command under our prefix."""
    base = {"PATH": "/bin", "AUTOMATION_SECRET_KEY": "s", "A": "1"}
    assert command_environment({"A": "2", "B": "3"}, {"B": "4"}, base=base) == {"PATH": "/bin", "A": "2", "B": "4"}

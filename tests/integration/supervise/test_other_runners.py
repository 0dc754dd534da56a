"""The same Procfile means the same to a shell, to honcho and to us."""

from __future__ import annotations

import subprocess
import sys

import psutil
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from automation.supervise.command import CommandInvalid, split_command

ENVIRON = {"A": "1", "B": "two words", "EMPTY": "", "PATH": "/usr/bin:/bin"}
PIECES = st.sampled_from(
    [
        "a",
        "=",
        "-",
        " ",
        "  ",
        "'",
        '"',
        "\\",
        "$A",
        "$B",
        "${A}",
        "${B:-d}",
        "${C:-d}",
        "${EMPTY:-e}",
        "$EMPTY",
        "#",
        "%",
        "~",
        "é",
    ]
)
PROCFILE = """\
web: python say.py --port $PORT 'two words' "${WHO:-nobody} here" \\$PORT
worker: MODE=fast python stay.py worker
"""


@settings(max_examples=150)
@given(st.lists(PIECES, max_size=10).map("".join))
@example("$EMPTY# $EMPTY~ #no")
@example("A=2 '$A'\"$B\"$B'' #")
@example("${EMPTY}a$EMPTY ''$EMPTY")
def test_a_command_is_split_as_sh_splits_it(text):
    """Whatever we do not refuse has the words that a shell would give it."""
    try:
        words = split_command(f"printf '[%s]' {text}", ENVIRON).argv[2:]
    except CommandInvalid:
        assume(False)
    said = subprocess.run(["/bin/sh", "-c", f"printf '[%s]' {text}"], env=ENVIRON, capture_output=True, check=True)

    assert "".join(f"[{word}]" for word in words or [""]) == said.stdout.decode()


@pytest.mark.parametrize("runner", ["ours", "honcho"])
def test_honcho_runs_the_same_file(supervise, launch, runner):
    """Variables, defaults, quotes and assignments reach the programs alike."""
    running = supervise(PROCFILE, PORT="5001")
    if runner == "honcho":
        running.stop()
        running = launch([sys.executable, "-m", "honcho", "start", "web", "worker"], PORT="5001")

    assert running.until("--port|5001|two words|nobody here|$PORT")
    assert running.until("worker is here as")
    if runner == "ours":
        running.stop()
    else:
        # Honcho waits for ever when a signal finds it in the middle of a line (its handler prints, too).
        for process in psutil.Process(running.process.pid).children(recursive=True):
            process.kill()

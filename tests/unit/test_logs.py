"""What a log line looks like, and what is never in it."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.logs import HumanLines, JsonLines, configure
from automation.secrets import Redactor


@pytest.fixture
def quiet() -> Iterator[None]:
    """Logging as it was, after a test that configures it."""
    root, ours = logging.getLogger(), logging.getLogger("automation")
    before = root.handlers[:], root.level, ours.level
    yield
    logging.captureWarnings(False)
    root.handlers[:], root.level, ours.level = before[0], before[1], before[2]


def record(
    message: str, *args: Any, level: int = logging.INFO, error: BaseException | None = None, **fields: Any
) -> logging.LogRecord:
    trace = (type(error), error, error.__traceback__) if error else None
    made = logging.LogRecord("automation.test", level, __file__, 1, message, args, trace)
    made.__dict__.update(fields)
    return made


def knowing(*secrets: str) -> Redactor:
    redactor = Redactor()
    for secret in secrets:
        redactor.learn(secret)
    return redactor


def raised(message: str) -> Exception:
    try:
        int(message)
    except ValueError as error:
        return error
    raise AssertionError(message)


@given(
    st.text(st.characters(exclude_categories=[]), max_size=50),
    st.text(st.characters(exclude_categories=[]), max_size=10),
)
def test_json_line_is_one_line_whatever_it_holds(message: str, value: str) -> None:
    """Line breaks, escapes and half characters cannot forge a second line, and a file takes it."""
    line = JsonLines(Redactor()).format(record("%s", message, job=value))

    assert "\n" not in line
    assert "\r" not in line
    assert "\x1b" not in line
    assert json.loads(line.encode())["level"] == "info"


def test_json_line_has_its_facts() -> None:
    """When, how grave, from where, what, and what was bound to it."""
    line = json.loads(JsonLines(Redactor()).format(record("%d items", 3, level=logging.WARNING, job="books", run="r1")))

    assert line.pop("at").endswith("Z")
    assert line == {"level": "warning", "logger": "automation.test", "message": "3 items", "job": "books", "run": "r1"}


def test_human_line_is_short_and_plain() -> None:
    """Time, message and fields; a warning says that it is one."""
    form = HumanLines(Redactor(), colour=False)

    assert form.format(record("done", job="books"))[8:] == " done  job=books"
    assert form.format(record("late\r\n\x1b[2J", level=logging.WARNING))[8:] == r" warning: late\r\n\x1b[2J"


def test_colour_marks_a_warning_on_a_terminal() -> None:
    """Only the word is coloured, and the colour ends."""
    line = HumanLines(Redactor(), colour=True).format(record("no", level=logging.ERROR))

    assert line[8:] == " \x1b[31merror: \x1b[0mno"


@pytest.mark.parametrize("form", [JsonLines(knowing("hunter2")), HumanLines(knowing("hunter2"), colour=False)])
def test_no_part_of_a_line_shows_a_secret(form: logging.Formatter) -> None:
    """Neither message, fields, objects in fields, traceback, nor the password of a URL."""
    line = form.format(
        record(
            "login %s at %s", "hunter2", "redis://:other-pw@h", error=raised("hunter2"),
            params={"password": "hunter2"}, cause=ValueError("hunter2"), seen={"hunter2"},
        )
    )  # fmt: skip

    assert "hunter2" not in line
    assert "other-pw" not in line
    assert "base 10: '***'" in line


def test_form_follows_the_stream(quiet: None) -> None:
    """JSON off a terminal, lines for people on one, unless said otherwise."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for stream, form, kind in [
        (io.StringIO(), "auto", JsonLines), (Terminal(), "auto", HumanLines),
        (Terminal(), "json", JsonLines), (io.StringIO(), "human", HumanLines),
    ]:  # fmt: skip
        assert type(configure(Redactor(), form=form, stream=stream).formatter) is kind
    assert configure(Redactor()).stream is sys.stderr  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("level", "shown"),
    [("debug", ["fine", "info", "warn", "lib"]), ("info", ["info", "warn", "lib"]), ("error", ["lib"])],
)
def test_level_is_that_of_our_own_lines(quiet: None, level: str, shown: list[str]) -> None:
    """Libraries are heard from warnings on, and a run's logger shows no more than was asked for."""
    stream = io.StringIO()
    configure(Redactor(), form="json", level=level, stream=stream)
    run = logging.getLogger("automation.run.test-level")
    run.setLevel(logging.DEBUG)
    run.debug("fine")
    run.info("info")
    run.warning("warn")
    logging.getLogger("some.library").info("chatter")
    logging.getLogger("some.library").warning("lib")

    assert [json.loads(line)["message"] for line in stream.getvalue().splitlines()] == shown

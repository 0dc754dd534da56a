"""Lines of many processes on one stream."""

from __future__ import annotations

import io

from automation.supervise.printer import Printer


def test_names_stand_in_a_column():
    """Whatever the names' lengths, the lines begin in one column."""
    out = io.StringIO()
    printer = Printer(out, width=len("scheduler.1"))

    printer.line("web.1", "here")
    printer.line("scheduler.1", "here too")

    assert out.getvalue() == "web.1       | here\nscheduler.1 | here too\n"


def test_each_process_keeps_its_colour_on_a_terminal():
    """The name is coloured, the line is not."""
    out = io.StringIO()
    printer = Printer(out, colour=True)

    for name in ("web.1", "worker.1", "web.1"):
        printer.line(name, "x")

    first, second, third = out.getvalue().splitlines()
    assert first == third == "\x1b[36mweb.1 | \x1b[0mx"
    assert second.startswith("\x1b[33m")


def test_a_line_cannot_pretend_to_be_another_process_s():
    """What would move the cursor is shown, colours and tabs are kept."""
    out = io.StringIO()

    Printer(out).line("web.1", "a\rup | stopping\x1b[2K \x1b[31mred\x1b[0m\tb\x07")

    assert out.getvalue() == "web.1 | a\\rup | stopping\\x1b[2K \x1b[31mred\x1b[0m\tb\\x07\n"


def test_a_character_that_the_stream_cannot_show_is_replaced():
    """A log line with a € does not end a supervisor on an ASCII terminal."""
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")

    Printer(out).line("web.1", "5 €")

    assert out.buffer.getvalue() == b"web.1 | 5 ?\n"


def test_a_reader_that_left_is_noted_and_nothing_is_raised():
    """After a broken pipe the printer says so, so that everything can be stopped."""
    printer = Printer(_Closed())

    printer.line("web.1", "x")

    assert printer.broken


class _Closed(io.StringIO):
    def write(self, text: str) -> int:
        raise BrokenPipeError

"""The command `automation`: what it is called with, and how it ends.

Owns: where global options may stand, exit codes, the one place where an error becomes a sentence on standard error.
Never: does a command's work.
"""

from __future__ import annotations

import io
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import typer

from automation.cli.commands import command_of
from automation.errors import AutomationError, ServiceUnavailable, Steering
from automation.secrets import mask_urls


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run one command and end the process: 0 done, 1 failed, 2 wrong input, 3 refused, 4 a service is missing."""
    arguments = global_options_first(sys.argv[1:] if arguments is None else arguments)
    _make_streams_safe()
    try:
        command_of(_word(arguments))(list(arguments), prog_name="automation")
        code = 0
    except SystemExit as ending:
        code = ending.code if isinstance(ending.code, int) else int(ending.code is not None)
        # click answers a reader that left early with an exit of its own.
        code = 0 if isinstance(ending.__context__, BrokenPipeError) else code
    except KeyboardInterrupt:
        code = 130
    except BrokenPipeError:
        code = 0
    except (Exception, Steering) as error:
        code = _tell(error, debug="--debug" in arguments)
    sys.exit(_flushed(code))


def _make_streams_safe() -> None:
    """Output that is closed goes nowhere, and a character that the terminal cannot show is escaped; neither raises."""
    sys.stdout = sys.stdout or Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115  open to the end
    sys.stderr = sys.stderr or Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115  open to the end
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def global_options_first(arguments: Sequence[str]) -> list[str]:
    """The same arguments with `-C DIR` and `--debug` before the command, where a user may have put them behind it."""
    front: list[str] = []
    rest: list[str] = []
    left = list(arguments)
    while left:
        word = left.pop(0)
        if word == "--":
            rest += [word, *left]
            break
        if word in ("-C", "--directory"):
            front += [word, *left[:1]]
            del left[:1]
        elif word == "--debug" or word.startswith(("--directory=", "-C")):
            front.append(word)
        else:
            rest.append(word)
    return front + rest


def _word(arguments: Sequence[str]) -> str:
    """The command among arguments whose global options are in front; "" where there is none."""
    left = iter(arguments)
    for word in left:
        if word in ("-C", "--directory"):
            next(left, None)
        elif not word.startswith("-"):
            return word
    return ""


def _tell(error: BaseException, *, debug: bool) -> int:
    """Say what went wrong, in a sentence; a fault of ours says so. Returns the exit code."""
    if debug:
        traceback.print_exception(error)
    if isinstance(error, AutomationError):
        typer.echo(mask_urls(str(error)), err=True)
        return error.exit_code
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        typer.echo(f"{where}{error.strerror or error}", err=True)
        return 1
    if (lost := _lost_database(error)) is not None:
        typer.echo(mask_urls(lost), err=True)
        return ServiceUnavailable.exit_code
    hint = "" if debug else "; run it again with --debug and report what it shows"
    typer.echo(mask_urls(f"This is a fault of automation: {type(error).__name__}: {error}{hint}"), err=True)
    return 1


def _lost_database(error: BaseException) -> str | None:
    """A sentence for a database that broke off in the midst of a question; None for any other error."""
    if not type(error).__module__.startswith("sqlalchemy"):
        return None
    from automation.database import transient

    if not transient(error):
        return None
    cause = str(getattr(error, "orig", error)).strip().partition("\n")[0]
    return f"The database ended the connection or was busy too long: {cause}; run it again when it answers"


def _flushed(code: int) -> int:
    """The exit code, once what was printed is out; a reader that left early is no error."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code

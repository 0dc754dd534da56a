"""The root of the command line: how it ends, and what it says when it does not go well."""

from __future__ import annotations

import shlex
import sqlite3
import subprocess
import sys
from collections.abc import Callable

import pytest
import typer
from sqlalchemy.exc import OperationalError

from automation.cli.commands import MODULES, command_of, root
from automation.cli.main import global_options_first, main
from automation.errors import Refused, ServiceUnavailable

Run = Callable[..., tuple[int, str, str]]
HEAVY = ("celery", "kombu", "redis", "sqlalchemy", "pydantic", "httpx", "jinja2", "rich", "fastapi", "lxml", "bs4")


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], None]:
    """`failing(error)`: the command `fail` raises it."""

    def command(error: BaseException) -> None:
        @typed.command("fail")
        def fail() -> None:
            raise error

        @typed.command("other")
        def other() -> None:
            """Stand beside."""

    typed = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
    typed.callback()(root)
    monkeypatch.setattr("automation.cli.main.command_of", lambda _word: typer.main.get_command(typed))
    return command


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (Refused("The job is paused; resume it."), 3, "The job is paused; resume it.\n"),
        (ServiceUnavailable("No answer from redis://u:secret1@h"), 4, "No answer from redis://u:***@h\n"),
        (KeyboardInterrupt(), 130, ""),
        (BrokenPipeError(), 0, ""),
        (PermissionError(13, "Permission denied", "/x"), 1, "/x: Permission denied\n"),
        (
            KeyError("x"),
            1,
            "This is a fault of automation: KeyError: 'x'; run it again with --debug and report what it shows\n",
        ),
        (
            OperationalError("SELECT 1", {}, sqlite3.OperationalError("database is locked")),
            4,
            "The database ended the connection or was busy too long: database is locked; run it again when it answers\n",
        ),
    ],
)
def test_error_is_a_sentence_with_its_exit_code(
    run: Run, failing: Callable[[BaseException], None], error: BaseException, code: int, said: str
) -> None:
    """On standard error, without a traceback and without a password."""
    failing(error)

    assert run("fail") == (code, "", said)


def test_debug_shows_the_traceback(run: Run, failing: Callable[[BaseException], None]) -> None:
    """With `--debug`, before or behind the command, one sees where it happened."""
    failing(Refused("Paused."))
    code, _, said = run("fail", "--debug")

    assert code == 3
    assert said.startswith("Traceback")
    assert said.endswith("Paused.\n")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["chekc"], "No such command 'chekc'. Did you mean 'check'"),
        (["check", "--jsn"], "No such option: --jsn"),
        (["--jsn"], "No such option: --jsn"),
        (["list", "--limit"], "requires an argument"),
        (["list", "--limit", "0"], "'--limit': "),
        (["list", "--limit", "many"], "'--limit': "),
        (["next", "a", "b"], "unexpected extra argument"),
    ],
)
def test_wrong_use_ends_with_2_and_says_what_was_meant(run: Run, given: list[str], said: str) -> None:
    """Unknown commands and options, missing and extra values are usage errors on standard error."""
    code, out, told = run(*given)

    assert (code, out) == (2, "")
    assert said in told


def test_version_is_one_line(run: Run) -> None:
    """`--version` needs no project."""
    code, out, _ = run("--version")

    assert (code, out.count("\n"), out.startswith("automation ")) == (0, 1, True)


def test_help_lists_the_commands(run: Run) -> None:
    """Each with a sentence; the help is plain text."""
    code, out, _ = run("--help")

    assert code == 0
    assert all(f"\n  {name} " in out for name in ("check", "list", "next", "plugins"))


@pytest.mark.parametrize(
    ("given", "ordered"),
    [
        (["list", "-C", "x", "--json"], ["-C", "x", "list", "--json"]),
        (["list", "--debug"], ["--debug", "list"]),
        (["list", "--directory=x"], ["--directory=x", "list"]),
        (["run", "j", "--", "-C", "x"], ["run", "j", "--", "-C", "x"]),
        (["list", "-C"], ["-C", "list"]),
    ],
)
def test_global_options_may_stand_behind_the_command(given: list[str], ordered: list[str]) -> None:
    """They mean the same there; what follows `--` is left alone."""
    assert global_options_first(given) == ordered


@pytest.mark.parametrize("module", MODULES)
def test_a_command_is_found_whether_all_are_built_or_its_module_alone(module: str) -> None:
    """What a module registers is what the table says of it."""
    whole, alone = command_of("").commands, command_of(MODULES[module][0]).commands

    assert set(alone) == set(MODULES[module]) <= set(whole)


def test_help_imports_nothing_heavy() -> None:
    """The help is there at once, since no command's libraries are loaded for it."""
    program = "import sys; from automation.cli.commands import command_of; command_of(''); print([name for name in sys.argv[1:] if name in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", program, *HEAVY], capture_output=True, text=True, check=True)

    assert loaded.stdout.strip() == "[]"


def test_main_ends_the_process(capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever happens, the answer is an exit code."""
    with pytest.raises(SystemExit) as ended:
        main(["--help"])

    assert ended.value.code == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_stop_nothing(closed: str) -> None:
    """A command whose output nobody wants does its work and ends as always."""
    command = f"{shlex.quote(sys.executable)} -m automation --version {closed}"

    assert subprocess.run(["/bin/sh", "-c", command], capture_output=True, check=False).returncode == 0

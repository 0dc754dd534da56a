"""The root of the command line: its options, and which module has which command.

Owns: the typer app, and the order of the help.
Never: runs a command; says how it ended.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer
from typer.main import get_command

from automation.cli.project import Options

#: Each module with its commands, in the order of the help.
MODULES = {
    "demo": ("demo", "init", "demo-news"),
    "up": ("up", "broker"),
    "declared": ("check", "list", "plugins", "schema"),
    "trying": ("try",),
    "coming": ("next",),
    "plan": ("plan",),
    "preview": ("preview",),
    "approve": ("approve",),
    "why": ("why",),
    "runs": ("run", "runs", "show", "logs"),
    "cancel": ("cancel",),
    "dead": ("dead", "retry"),
    "backfill": ("backfill",),
    "breakers": ("breakers",),
    "crowds": ("limits", "queues"),
    "pausing": ("pause", "resume", "pauses"),
    "outbox": ("outbox", "mailbox"),
    "prune": ("prune",),
    "restoring": ("restore-archive",),
    "versions": ("versions",),
    "doctor": ("doctor",),
    "users": ("users",),
    "tokens": ("tokens", "audit"),
    "web": ("web",),
    "processes": ("scheduler", "worker", "db"),
}


@cache
def command_of(word: str) -> typer.core.TyperGroup:
    """The root command with all that is in the module of this command.

    Building every command takes longer than running most of them. Where the word names none, all are there: for the help
    and for what was meant.
    """
    app = typer.Typer(
        name="automation",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
    )
    app.callback()(root)
    for module in [module for module, commands in MODULES.items() if word in commands] or MODULES:
        import_module(f"automation.cli.{module}").register(app)
    command = get_command(app)
    assert isinstance(command, typer.core.TyperGroup)
    return command


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import PackageNotFoundError, version

        try:
            typer.echo(f"automation {version('automation')}")
        except PackageNotFoundError:
            typer.echo("automation (from a checkout that is not installed)")
        raise typer.Exit


def root(
    context: typer.Context,
    directory: Annotated[
        Path | None,
        typer.Option("-C", "--directory", help="The project; default: the nearest folder upward with schedules/."),
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show a traceback with an error.")] = False,
    _version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Scheduled work that loses nothing and does nothing twice: jobs in TOML, one command."""
    context.obj = Options(directory=directory, debug=debug)

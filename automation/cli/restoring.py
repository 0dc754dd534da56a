"""`restore-archive`: bringing rows back that a clean-up archived.

Owns: the command and what it says.
Never: reads an archive itself.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from automation.cli.output import Json, emit_json
from automation.text import count


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("restore-archive")(restore_archive)


def restore_archive(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="The archive: .jsonl, .csv or .parquet.")],
    into: Annotated[str, typer.Option("--into", help="The table; it has to be there.", metavar="TABLE")],
    database: Annotated[
        str | None, typer.Option("--database", help="A name from automation.toml or a URL; default: data.db.")
    ] = None,
    skip_existing: Annotated[
        bool, typer.Option("--skip-existing", help="Leave out rows whose primary key is there.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Bring the rows of an archive back into a table: all of them, or none."""
    from automation.cleanup.restore import restore
    from automation.cli.opening import open_services

    engine = open_services(context).database(database)
    done = restore(engine, file, into, skip_existing=skip_existing)
    if as_json:
        emit_json({"inserted": done.inserted, "skipped": done.skipped})
        return
    there = f"; {count(done.skipped, 'row')} were there already" if done.skipped else ""
    typer.echo(f"{count(done.inserted, 'row')} of {file.name} are back in '{into}'{there}")

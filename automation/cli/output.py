"""What commands print: tables for people, arrays of objects for programs, notices beside both.

Owns: the two forms of every list, and how a value looks in each.
Never: knows what a row means.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from automation.errors import InvalidInput
from automation.text import format_duration, local_time, nearest, plain, printable

Row = Mapping[str, Any]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Limit = Annotated[int, typer.Option("-n", "--limit", min=1, help="Show at most this many.")]


def emit(
    rows: Sequence[Row], *, as_json: bool, columns: Sequence[str] = (), spare: Sequence[str] = (), empty: str = ""
) -> None:
    """Print rows: a JSON array of whole rows, or a table of some columns.

    Parameters
    ----------
    columns: the keys that the table shows, in order; default: those of the first row.
    spare: those of them that a narrow terminal does without, the first to go first.
    empty: the sentence in place of an empty table; it goes to standard error.
    """
    if as_json:
        emit_json([dict(row) for row in rows])
    elif not rows:
        notice(empty)
    else:
        _print_table(rows, columns or tuple(rows[0]), spare)


def emit_json(value: Any) -> None:
    """Print a value as JSON: instants in ISO 8601 UTC, durations in seconds, never NaN."""
    typer.echo(json.dumps(plain(value), ensure_ascii=False, allow_nan=False, indent=2))


def notice(text: str) -> None:
    """A sentence for people on standard error, so that it never mixes with an answer."""
    if text:
        typer.echo(text, err=True)


def cell(value: Any) -> str:
    """A value in a table: local time with its offset and without a fraction, durations in words, one line."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return local_time(value)
    if isinstance(value, timedelta):
        return format_duration(value)
    if isinstance(value, (list, tuple, set, frozenset)):
        return ", ".join(cell(item) for item in value)
    if isinstance(value, Path):
        return printable(str(value))
    return printable(str(value))


def parse_moment(text: str, or_else: str = "") -> datetime:
    """The instant of `--from` and `--to`: ISO 8601; without an offset it is local time.

    Raises InvalidInput for anything else; `or_else` is what the option takes besides, for the message.
    """
    try:
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError) as error:
        raise InvalidInput(
            f"'{printable(text, 60)}' is no moment; write {or_else}2026-03-29, 2026-03-29T07:00 or 2026-03-29T07:00:00Z"
        ) from error


def choose(kind: str, name: str, known: Sequence[str]) -> str:
    """The name, if it is one of these. Raises InvalidInput with the nearest one and all that are allowed."""
    if name in known:
        return name
    meant = nearest(name, known)
    way_out = f"did you mean '{meant}'? Write" if meant else "write"
    raise InvalidInput(f"'{printable(name, 60)}' is no {kind}; {way_out} one of: {', '.join(known)}")


def _print_table(rows: Sequence[Row], columns: Sequence[str], spare: Sequence[str]) -> None:
    lines = [[cell(row.get(column)) for column in columns] for row in rows]
    titles = [_title(column) for column in columns]
    if sys.stdout.isatty():
        _print_rich(titles, lines, [_title(column) for column in spare if column in columns])
        return
    widths = [max(map(len, column)) for column in zip(titles, *lines, strict=True)]
    for line in (titles, *lines):
        typer.echo("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())


def _title(column: str) -> str:
    return column.replace("_", " ")


def _print_rich(titles: Sequence[str], lines: Sequence[Sequence[str]], spare: Sequence[str]) -> None:
    from rich.console import Console
    from rich.text import Text

    from automation.cli.tables import lay_out

    console = Console(highlight=False)
    laid = lay_out(titles, lines, console.width, spare)
    head, *rest = laid.lines
    console.print(Text(head, style="bold"), soft_wrap=True)
    console.print(Text("\n".join(rest)), soft_wrap=True)
    if laid.left_out:
        notice(f"Left out on this narrow terminal: {', '.join(laid.left_out)}; --json has all.")

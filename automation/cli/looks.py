"""How one page that was looked at is shown: its head, what each field yields, what follows.

Owns: the lines for people and the object for programs.
Never: fetches or reads a page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from automation.cli.output import emit, notice
from automation.text import count, format_duration, one_line, printable, size

if TYPE_CHECKING:
    from automation.scraping.finding import Suggestion
    from automation.scraping.trying import FieldLook, Look

_COLUMNS = ("field", "found", "before", "after")
_TEXT = 60


def plain_look(look: Look) -> dict[str, Any]:
    """The look as JSON has it."""
    fields = [{**asdict(one), "before": one.before, "after": one.after} for one in look.fields]
    kept = (
        "url",
        "robots",
        "status",
        "seconds",
        "size",
        "content_type",
        "charset",
        "title",
        "redirects",
        "items",
        "onward",
        "problem",
    )
    detail = plain_look(look.detail) if look.detail else None
    return {**{name: getattr(look, name) for name in kept}, "fields": fields, "detail": detail}


def print_look(look: Look, saved: str | None) -> None:
    """For people: the page, its fields, what nothing matches, where it goes on."""
    _print_head(look)
    if look.fields:
        if look.items is not None:
            typer.echo(f"\n{count(look.items, 'item')}; of the first that has one:" if look.items else "")
        emit([_row(one) for one in look.fields], as_json=False, columns=_COLUMNS)
    for one in look.fields:
        if one.problem:
            typer.echo(f"{one.name}: {one.problem}")
    for address in look.onward[:3]:
        typer.echo(f"next page: {printable(address, 200)}")
    if look.detail is not None:
        typer.echo("\nThe page that completes the first item:")
        print_look(look.detail, None)
    if look.problem:
        notice(look.problem)
    if saved:
        typer.echo(f"saved: {saved}")


def _print_head(look: Look) -> None:
    for address in look.redirects:
        typer.echo(f"{printable(address, 200)} redirects to")
    typer.echo(printable(look.url, 200))
    if look.status is None:
        typer.echo(" · ".join(["not fetched", *([f"robots.txt: {look.robots}"] if look.robots else [])]))
        return
    facts = [
        str(look.status), look.content_type or "no content type", look.charset, size(look.size or 0),
        format_duration(look.seconds or 0), "rendered" if look.rendered else "", f"robots.txt: {look.robots}",
    ]  # fmt: skip
    typer.echo(" · ".join(fact for fact in facts if fact))
    if look.title:
        typer.echo(f'"{one_line(look.title)}"')


def _row(one: FieldLook) -> dict[str, Any]:
    return {
        "field": one.name,
        "found": f"{one.found} of {one.of}" if one.of > 1 else count(one.matches, "match", "matches"),
        "before": _short(one.before),
        "after": _short(one.after),
    }


def _short(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        more = f" … {len(value)} in all" if len(value) > 3 else ""
        return one_line(", ".join(repr(str(one)) for one in value[:3]), _TEXT) + more
    return one_line(repr(value) if isinstance(value, str) else str(value), _TEXT)


def print_suggestions(found: Sequence[Suggestion], wanted: str) -> None:
    """The ways to a value, or why there is none."""
    if not found:
        notice(
            f"'{printable(wanted, 60)}' stands nowhere on the page; it may be made by a script: look into the saved page"
        )
        return
    typer.echo("")
    rows = [
        {"write": one.write, "items": one.items, "matches": one.matches, "first": one_line(one.first, 40)}
        for one in found
    ]
    emit(rows, as_json=False, columns=("write", "items", "matches", "first"))

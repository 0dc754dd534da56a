"""`versions`: what a watched page was, and what changed between two looks.

Owns: the command and its two forms.
Never: fetches; compares by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from automation.cli.output import Json, Limit, emit, emit_json
from automation.errors import InvalidInput
from automation.text import one_line

if TYPE_CHECKING:
    from automation.scraping.versions import Version


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("versions")(versions)


def versions(
    context: typer.Context,
    job: Annotated[str, typer.Argument(help="A job of the plugin watch.", metavar="JOB")],
    url: Annotated[str | None, typer.Argument(help="Of one page alone.", metavar="[URL]")] = None,
    diff: Annotated[bool, typer.Option("--diff", help="What changed, from the version before the newest one.")] = False,
    old: Annotated[int | None, typer.Option("--old", help="With --diff: from this one.", metavar="VERSION")] = None,
    new: Annotated[int | None, typer.Option("--new", help="With --diff: to this one.", metavar="VERSION")] = None,
    show: Annotated[int | None, typer.Option("--show", help="Print this one.", metavar="VERSION")] = None,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """List the versions of a watched page, newest first, print one, or show what changed between two."""
    from automation.cli.opening import open_services
    from automation.scraping.versions import versions_of

    services = open_services(context)
    found = versions_of(services.database(None), job, url)
    if not found:
        plugin = services.job(job).plugin  # says so where there is no such job
        if plugin != "watch":
            raise InvalidInput(
                f"'{job}' is a job of the plugin {plugin}, and keeps no versions of a page; jobs of the plugin watch do"
            )
        if diff or show is not None:
            raise InvalidInput(f"Nothing is kept of what '{job}' watches; each run of it that sees a change keeps one")
    if show is not None:
        one = _named(found, show)
        emit_json(_plain(one, found)) if as_json else typer.echo(one.content)
    elif diff or old is not None or new is not None:
        _print_change(found, old, new, as_json=as_json)
    else:
        rows = [_plain(one, found) for one in found[:limit]]
        told = [{**row, "content": one_line(row["content"], 60)} for row in rows]
        columns = ("version", "at", "added", "removed", "content", "run", "url")
        emit(
            rows if as_json else told, as_json=as_json, columns=columns, spare=("url", "run"),
            empty="Nothing is kept yet: the first run that looks at the page keeps it.",
        )  # fmt: skip


def _plain(one: Version, among: Sequence[Version]) -> dict[str, Any]:
    """A version as an object; `added` and `removed` count the lines since the one before, where that is kept."""
    from automation.scraping.changes import compare

    before = _before(one, among)
    change = compare(one.kind, before.content, one.content) if before is not None else None
    return {
        "version": one.number, "at": one.at, "run": one.run_id, "url": one.url, "kind": one.kind, "content": one.content,
        "added": change.added if change else None, "removed": change.removed if change else None,
    }  # fmt: skip


def _before(one: Version, among: Sequence[Version]) -> Version | None:
    return next((other for other in among if other.number < one.number and other.what == one.what), None)


def _print_change(found: Sequence[Version], old: int | None, new: int | None, *, as_json: bool) -> None:
    from automation.scraping.changes import compare

    after = found[0] if new is None else _named(found, new)
    before = _before(after, found) if old is None else _named(found, old)
    if before is None:
        raise InvalidInput(f"There is no version before {after.number} to compare with; see: automation versions JOB")
    kind = after.kind if after.kind == before.kind else "text"
    change = compare(kind, before.content, after.content)
    if as_json:
        emit_json(
            {"old": before.number, "new": after.number, "lines": change.lines, "added": change.added,
             "removed": change.removed, "share": round(change.share, 4)}
        )  # fmt: skip
    else:
        typer.echo("\n".join(change.lines))


def _named(found: Sequence[Version], number: int) -> Version:
    for one in found:
        if one.number == number:
            return one
    kept = ", ".join(str(one.number) for one in found[:20])
    raise InvalidInput(f"There is no version {number}; kept are: {kept}")

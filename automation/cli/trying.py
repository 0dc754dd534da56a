"""`automation try scrape`: one page as a job sees it, before anything runs or is stored.

Owns: the command, and how a page is saved and handed to a prompt.
Never: reads a page itself; stores an item.
"""

from __future__ import annotations

import asyncio
import logging
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from automation.cli.looks import plain_look, print_look, print_suggestions
from automation.cli.output import Json, emit_json, notice
from automation.errors import InvalidInput
from automation.text import printable

if TYPE_CHECKING:
    from automation.scraping.fields import FieldRule
    from automation.scraping.finding import Suggestion
    from automation.scraping.params import ScrapeParams
    from automation.scraping.trying import Look

_app = typer.Typer(no_args_is_help=True, help="Look before something runs.")


def register(app: typer.Typer) -> None:
    """Give this group to the app."""
    app.add_typer(_app, name="try")


@_app.command("scrape")
def try_scrape(
    context: typer.Context,
    what: Annotated[str, typer.Argument(help="A job of the plugin scrape, or a URL.", metavar="JOB|URL")],
    css: Annotated[list[str] | None, typer.Option("--css", help='Try this: "css" or "css@attr".')] = None,
    xpath: Annotated[list[str] | None, typer.Option("--xpath", help="Try this XPath.")] = None,
    path: Annotated[list[str] | None, typer.Option("--path", help="Try this path in a JSON page.")] = None,
    jsonld: Annotated[list[str] | None, typer.Option("--jsonld", help="Try this path in JSON-LD.")] = None,
    url: Annotated[str | None, typer.Option("--url", help="Another page than the job's first.")] = None,
    find: Annotated[str | None, typer.Option("--find", help="Suggest selectors for this text.", metavar="TEXT")] = None,
    save: Annotated[Path | None, typer.Option("--save", help="Where the page is saved.", metavar="FILE")] = None,
    allow: Annotated[
        list[str] | None, typer.Option("--allow-network", help="Of a URL: reach this network too.")
    ] = None,
    shell: Annotated[bool, typer.Option("--shell", help="Open a Python prompt with page and soup.")] = False,
    as_json: Json = False,
) -> None:
    """Fetch one page as a job would, and show what each field yields, before and after its type.

    Robots.txt and the job's delay are obeyed; nothing is stored but the page itself, in a file.
    """
    from automation.scraping.trying import look_at

    params, name, rows = _params(context, what, allow or ())
    rules = _rules(css or (), xpath or (), path or (), jsonld or ())
    if _is_url(what) and not rules:
        rules = _rules(["title", "h1"], [], [], [])
    look = asyncio.run(look_at(params, _around(name, rows), url=url, rules=rules))
    if _is_url(what):
        # Said of a job's parameters, which a URL has not.
        look.problem = re.sub(r'write allow_networks = \["(.*?)"\]', r"add --allow-network \1", look.problem)
    saved = _save(look, save, _folder(context, what))
    found = _found(look, find) if find is not None else None
    if as_json:
        emit_json(
            {
                **plain_look(look),
                "saved": saved,
                "suggestions": None if found is None else [asdict(one) for one in found],
            }
        )
    else:
        print_look(look, saved)
        if found is not None:
            print_suggestions(found, str(find))
    if shell:
        _prompt(look)
    if look.problem or look.status is None:
        raise typer.Exit(1)


def _is_url(what: str) -> bool:
    return what.startswith(("http://", "https://"))


def _params(context: typer.Context, what: str, allow: Sequence[str]) -> tuple[ScrapeParams, str, Any]:
    """The parameters of a job, or those of one page. Raises InvalidInput for what is neither."""
    from pydantic import ValidationError

    from automation.scraping.params import ScrapeParams

    if _is_url(what):
        given: Mapping[str, Any] = {
            "start": what, "fields": {"url": {"from": "page.url"}}, "allow_networks": list(allow), "expect": "any",
        }  # fmt: skip
        name, rows = "", None
    else:
        given, name, rows = _of_job(context, what)
    try:
        return ScrapeParams.model_validate(given), name, rows
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        message = str(first["msg"]).removeprefix("Value error, ")
        raise InvalidInput(f"{f'jobs.{name}: params.{place}: ' if name else ''}{message}") from None


def _of_job(context: typer.Context, name: str) -> tuple[Mapping[str, Any], str, Any]:
    from automation.cli.opening import open_services
    from automation.scraping.rows import read_rows
    from automation.secrets import resolve

    services = open_services(context, quiet=True)
    job = services.job(name)
    if job.plugin != "scrape":
        raise InvalidInput(
            f"The job '{name}' is of the plugin {job.plugin}; try scrape looks at jobs of scrape, or at a URL"
        )
    values = resolve(job.params, services.environ, services.redactor, services.settings.project)

    def rows(asked: Any) -> Any:
        return read_rows(services.database(asked.database, read_only=True), asked)

    return values, name, rows


def _rules(
    css: Sequence[str], xpath: Sequence[str], path: Sequence[str], jsonld: Sequence[str]
) -> dict[str, FieldRule]:
    """The selectors of the command line, each a field that takes all matches. Raises InvalidInput for a wrong one."""
    from pydantic import ValidationError

    from automation.scraping.fields import FieldRule
    from automation.scraping.selectors import short_form

    given = [(text, short_form(text)) for text in css]
    given += [
        (text, {name: text}) for name, texts in (("xpath", xpath), ("json", path), ("jsonld", jsonld)) for text in texts
    ]
    try:
        return {text: FieldRule.model_validate({**form, "many": True}) for text, form in given}
    except ValidationError as error:
        raise InvalidInput(str(error.errors()[0]["msg"]).removeprefix("Value error, ")) from None


def _around(name: str, rows: Any) -> Any:
    """What a look needs of the world: nothing but a clock and a log that stays quiet."""
    from automation.clock import SystemClock
    from automation.database import make_engine
    from automation.scraping.outset import no_rows
    from automation.scraping.surroundings import Surroundings

    log = logging.Logger("automation.try", logging.WARNING)
    log.addHandler(_Notices())
    return Surroundings(
        engine=make_engine("sqlite://"), table="try", moment=SystemClock().now(), run_id="try", folder=Path(tempfile.gettempdir()),
        log=log, store=False, job=name, rows=rows or no_rows,
    )  # fmt: skip


def _folder(context: typer.Context, what: str) -> Path:
    """Where pages are saved: the project's for one of its jobs."""
    if _is_url(what):
        return Path(tempfile.gettempdir()) / "automation-try"
    from automation.cli.project import project_root

    return project_root(context) / ".automation" / "try"


def _save(look: Look, where: Path | None, folder: Path) -> str | None:
    """Write the page as it came; its place."""
    if look.response is None:
        return None
    if where is None:
        end = ".json" if look.content_type.endswith("json") else ".html"
        where = folder / (re.sub(r"[^A-Za-z0-9.-]+", "-", look.url.partition("://")[2])[:80].strip("-.") + end)
        where.parent.mkdir(parents=True, exist_ok=True)
    where.write_bytes(look.response.content)
    return str(where)


def _found(look: Look, wanted: str) -> list[Suggestion]:
    from automation.scraping.finding import suggestions

    if look.page is None:
        return []
    return suggestions(look.page, wanted)


def _prompt(look: Look) -> None:
    """A Python prompt with the page, its soup and the answer."""
    import code

    if look.page is None:
        return
    from automation.scraping.soup import make_soup

    names = {"page": look.page, "soup": make_soup(look.page.html), "response": look.response}
    code.interact(banner=f"page, soup and response of {printable(look.url, 100)}; Ctrl-D ends", local=names, exitmsg="")


class _Notices(logging.Handler):
    """What a look warns of, on standard error."""

    def emit(self, record: logging.LogRecord) -> None:
        notice(record.getMessage())

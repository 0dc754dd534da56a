"""What several commands are asked in the same words: which runs, with which parameters, since when, by whom.

Owns: these options, and what is said of a name that nothing has.
Never: acts on what was asked.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from automation.errors import InvalidInput, UnknownName

if TYPE_CHECKING:
    from automation.services import Services

#: As the ledger's column has it.
_LONGEST_NAME = 120

RunIds = Annotated[
    list[str] | None,
    typer.Argument(metavar="[RUN]...", help="Ids of runs, or their beginnings.", show_default=False),
]
Params = Annotated[
    list[str] | None, typer.Option("-p", "--param", help="name=value over the job's params; the value as in TOML.")
]
By = Annotated[str | None, typer.Option("--by", help="Who does it; default: the login name.", metavar="NAME")]


def author_of(by: str | None) -> str:
    """Who does it: the name that was given, or the login name. Raises InvalidInput for one that is too long."""
    from automation.settings import login_name

    name = (by or "").strip() or login_name()
    if len(name) > _LONGEST_NAME:
        raise InvalidInput(f"--by is longer than {_LONGEST_NAME} characters; give a shorter name")
    return name


def moment_back(text: str, now: datetime) -> datetime:
    """What `--since` means: a span back from now, or a moment. Raises InvalidInput."""
    from automation.cli.output import parse_moment
    from automation.text import parse_duration

    try:
        return now - parse_duration(text)
    except ValueError:
        return parse_moment(text, 'a span back from now such as "2h", or ')


def require_job(services: Services, name: str) -> None:
    """A job without runs must be one of the project. Raises UnknownName."""
    if not services.ledger.queries.runs(job=name, limit=1):
        services.project.job(name)


def require_flow(services: Services, name: str) -> None:
    """Some run must be of this flow. Raises UnknownName."""
    if not services.ledger.queries.runs(flow=name, limit=1):
        raise UnknownName("flow", name, hint="`automation show RUN` names that of a run")


def require_batch(services: Services, name: str) -> None:
    """Some run must be of this backfill. Raises UnknownName."""
    if not services.ledger.queries.runs(batch=name, limit=1):
        raise UnknownName("batch", name, hint="`automation runs --json` shows those of the latest runs")

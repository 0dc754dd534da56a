"""Commands with `--url`: the same question to a server elsewhere, through its API.

Owns: the option, the token, and how a remote answer is printed: JSON as here, a line for people.
Never: needs a project or a ledger.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from automation.errors import InvalidInput

if TYPE_CHECKING:
    from automation.cli.running import Wish
    from automation.client import Client

Url = Annotated[
    str | None,
    typer.Option("--url", help="Ask this server, with the token of AUTOMATION_TOKEN, in place of the project here."),
]
_GOOD = ("succeeded", "skipped")


def client_of(url: str) -> Client:
    """A client of that server."""
    from automation.client import Client
    from automation.settings import client_token

    return Client(url, client_token())


def run_there(url: str, wish: Wish) -> int:
    """`automation run` on a server; returns the exit code."""
    from automation.cli.output import emit_json
    from automation.cli.running import read_params

    if wish.here or wish.rerender:
        raise InvalidInput("--here and --rerender are for the project here; leave out --url, or them")
    with client_of(url) as there:
        run = there.enqueue(
            wish.job,
            read_params(wish.params),
            idempotency_key=wish.idempotency_key,
            dry_run=wish.dry_run,
            only=wish.only,
            overlap="allow" if wish.allow_overlap else "job",
        )
        if wish.wait:
            run = there.wait(run["id"])
    if wish.as_json:
        emit_json(run)
    else:
        typer.echo(_line(run))
    return 1 if wish.wait and run["state"] not in _GOOD else 0


def runs_there(url: str, limit: int, *, as_json: bool, **sought: Any) -> None:
    """`automation runs` on a server."""
    from itertools import islice

    from automation.cli.output import emit

    with client_of(url) as there:
        found = list(islice(there.runs(limit=min(limit, 500), **sought), limit))
    columns = ("id", "job", "kind", "nominal_time", "state", "attempt", "reason")
    emit(found, as_json=as_json, columns=columns, spare=("attempt", "kind"), empty="No run is like that")


def show_there(url: str, run_id: str, *, as_json: bool) -> None:
    """`automation show` on a server."""
    from automation.cli.output import emit_json

    with client_of(url) as there:
        run = there.run(run_id)
    if as_json:
        emit_json(run)
    else:
        typer.echo(_line(run))


def _line(run: dict[str, Any]) -> str:
    from automation.text import one_line

    reason = f": {one_line(run['reason'], 500)}" if run.get("reason") else ""
    return f"{run['job']} {run['state']}{reason}  (run {run['id']})"

"""`limits`, `queues`: how full it is, and what keeps runs from beginning.

Owns: these commands and what they show.
Never: counts; the ledger does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from automation.cli.output import Json, emit

if TYPE_CHECKING:
    from automation.services import Services


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("limits")(limits)
    app.command("queues")(queues)


def limits(context: typer.Context, as_json: Json = False) -> None:
    """List the limits that runs have asked for: how many are at work, how many wait."""
    from automation.cli.opening import open_services

    rows = [
        {
            "limit": one.key,
            "max_running": one.max_running,
            "at_work": one.at_work,
            "rate": one.rate,
            "opens_at": one.opens_at,
            "waiting": one.waiting,
        }
        for one in open_services(context).ledger.crowds.limits()
    ]
    emit(rows, as_json=as_json, empty="No run has asked for a limit yet.")


def queues(context: typer.Context, as_json: Json = False) -> None:
    """List the queues: how many runs wait and are at work, how many may, how many workers take them."""
    from automation.cli.opening import open_services

    services = open_services(context)
    known, counted, workers = services.queues, services.ledger.crowds.queues(), _workers(services)
    names = {"default", *known, *counted, *(job.queue for job in services.project.jobs.values())}
    rows = []
    for name in sorted(names):
        waiting, at_work = counted.get(name, (0, 0))
        queue = known.get(name)
        rows.append(
            {
                "queue": name,
                "waiting": waiting,
                "max_waiting": queue.max_waiting if queue else None,
                "at_work": at_work,
                "max_running": queue.max_running if queue else None,
                "workers": sum(name in taken for taken in workers),
            }
        )
    emit(rows, as_json=as_json)


def _workers(services: Services) -> list[tuple[str, ...]]:
    """The queues of each worker that has reported lately."""
    from automation.sight import running

    alive = running(services.ledger.processes.alive("worker"))
    return [tuple(map(str, one.info.get("queues", ()))) for one in alive]

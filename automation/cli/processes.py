"""`automation scheduler`, `automation worker`, `automation db upgrade`: the processes of the Procfile.

Owns: their options.
Never: does their work, or imports it before it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from automation.queue.door import Door
    from automation.scheduler.stand_in import StandIn
    from automation.services import Services

database = typer.Typer(help="The ledger's database.", no_args_is_help=True, rich_markup_mode=None)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("scheduler")(scheduler)
    app.command("worker")(worker)
    app.add_typer(database, name="db")


def scheduler(context: typer.Context) -> None:
    """Fire the schedules. Several may run: one leads, the others stand by."""
    from automation.scheduler.process import run_scheduler

    services = _services(context)
    services.ledger.queries.runs(limit=1)
    _end(run_scheduler(services), services)


def worker(
    context: typer.Context,
    queues: Annotated[
        str,
        typer.Option(
            "--queues",
            "-Q",
            help="Queues to take runs from, with commas; scraping=4 gives one a worker of its own. Default: all of the project.",
        ),
    ] = "",
    concurrency: Annotated[
        int | None,
        typer.Option(
            "--concurrency",
            "-c",
            min=1,
            max=512,
            help="Runs at once, of queues without a number; default: AUTOMATION_WORKERS.",
        ),
    ] = None,
) -> None:
    """Do the runs."""
    from automation.cli.crews import crews_of, run_crews
    from automation.worker.process import run_worker

    services = _services(context, forks=True)
    services.ledger.queries.runs(limit=1)
    crews = crews_of(queues, _queues(services), services.queues, concurrency or services.settings.workers)
    if len(crews) > 1:
        _end(run_crews(services.settings, crews), services)
    else:
        _end(run_worker(services, crews[0].queues, crews[0].number, _stand_in), services)


def _stand_in(services: Services, door: Door) -> StandIn:
    from automation.scheduler.stand_in import StandIn

    return StandIn(services, door)


@database.command("upgrade")
def upgrade(context: typer.Context) -> None:
    """Make the ledger's tables, or bring them to this program's version."""
    from automation.ledger.schema import upgrade as upgrade_schema

    services = _services(context)
    before, after = upgrade_schema(services.ledger_unchecked.engine)
    services.close()
    typer.echo(f"The ledger is at version {after}" + ("" if before == after else f" (before: {before or 'none'})"))


def _services(context: typer.Context, *, forks: bool = False) -> Services:
    from automation import logs
    from automation.cli.project import project_root
    from automation.services import build_services

    services = build_services(project_root(context), forks=forks)
    logs.configure(services.redactor, form=services.settings.log_format, level=services.settings.log_level)
    return services


def _queues(services: Services) -> list[str]:
    return sorted({"default", *(job.queue for job in services.project.jobs.values())})


def _end(code: int, services: Services) -> None:
    services.close()
    if code:
        raise typer.Exit(code)

"""`automation demo` and `automation init`: something to look at, and something to begin with.

Owns: what the two say on the terminal, and which ports the demonstration takes.
Never: supervises processes (that is `up`), or knows what the files say.
"""

from __future__ import annotations

import shutil
import signal
import sys
import tempfile
import threading
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from automation.errors import AutomationError, Refused

if TYPE_CHECKING:
    from automation.ledger.rows import RunRow
    from automation.services import Services
    from automation.settings import Settings

_NEWS_SECONDS = 1.0
_REPORT = "report.html"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("demo")(demo)
    app.command("init")(init)
    app.command("demo-news", hidden=True)(news)


def init(directory: Annotated[Path, typer.Argument(help="The folder of the new project; made if need be.")]) -> None:
    """Write a new project: a job, a plugin, a template, and what runs them."""
    from automation.scaffold.writer import STARTER, write_files

    for path in write_files(STARTER, directory):
        typer.echo(f"wrote  {path}")
    here = directory.resolve() == Path.cwd()
    typer.echo("\nNext:" if here else f"\nNext: cd {directory}, and there")
    typer.echo(
        """  automation check               every problem of the files, starting nothing
  automation run hello --here    one run, here and now
  automation up                  everything: scheduler, worker, dashboard
Then change schedules/example.toml and jobs/hello.py."""
    )


def demo(
    directory: Annotated[
        Path | None, typer.Option("--dir", help="The demonstration's folder; default: a new temporary one.")
    ] = None,
) -> None:
    """Show it at work: a make-believe shop on this machine, and four jobs that watch it, until Ctrl-C."""
    from automation.cli.machine import Extra, run_up
    from automation.demo.project import answers
    from automation.settings import read_settings
    from automation.supervise.procfile import read_procfile

    folder = (directory or Path(tempfile.mkdtemp(prefix="automation-demo-"))).absolute()
    settings = read_settings(folder)
    if settings.smtp_url:
        raise Refused(
            "AUTOMATION_SMTP_URL is set, and the demonstration sends nothing; try: env -u AUTOMATION_SMTP_URL automation demo"
        )
    settings = _dashboard_port(settings)
    port = _prepare(folder, settings)
    _introduce(settings, port)
    if not (settings.data / "data.db").exists():
        _first_look(settings, port)
    shop = (sys.executable, "-P", "-m", "automation.demo.shop", "--port", str(port))
    extras = [
        Extra("shop", shop, ready=lambda: answers(port)),
        Extra("news", ("automation", "demo-news")),
    ]
    code = run_up(settings, read_procfile(folder / "Procfile"), extra_processes=extras, command="automation demo")
    typer.echo(f"\nThe demonstration has stopped. Go on with it: {_this_command()} demo --dir {folder}")
    if code:
        raise typer.Exit(code)


def _prepare(folder: Path, settings: Settings) -> int:
    """Make the folder, or take it as it is; returns the shop's port. Raises Refused where a demonstration runs already."""
    from automation.clock import SystemClock
    from automation.demo.project import FILES, free_port, is_free, move_shop, shop_port, shop_url
    from automation.scaffold.writer import write_files
    from automation.supervise.data_folder import held, prepare_data_folder

    port = shop_port(folder)
    if port is None:
        port = free_port()
        write_files(FILES, folder, {"shop": shop_url(port)})
        return port
    prepare_data_folder(settings.data)
    with held(settings.data, SystemClock().now(), command="automation demo"):
        if not is_free(port):
            port, old = free_port(), port
            move_shop(folder, old, port)
    return port


def _first_look(settings: Settings, port: int) -> None:
    """Do the first two jobs once, so that nobody waits for their tables and files; what fails is told and tried on schedule."""
    import subprocess

    from automation.cli.machine import GRACE, child_environment
    from automation.clock import SystemClock
    from automation.demo.shop import Accidents, Shop, ShopServer

    environ = child_environment(settings, GRACE, terminal=sys.stdout.isatty())
    environ["AUTOMATION_LOG_LEVEL"] = "warning"
    # SIGTERM ends it as Ctrl-C does: the run that is under way goes first.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with ShopServer(Shop(SystemClock(), Accidents(0, 0, 0)), port) as shop:
        threading.Thread(target=shop.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        try:
            for job in ("scrape-shop", "price-report"):
                typer.echo(f"First run of {job} …")
                command = (sys.executable, "-P", "-m", "automation", "-C", str(settings.project), "run", job, "--here")
                subprocess.run(command, env=environ, stdout=subprocess.DEVNULL, check=False)  # noqa: S603  our own words
        finally:
            shop.shutdown()


def _dashboard_port(settings: Settings) -> Settings:
    """The settings with another port where nobody chose one and the usual one is taken. Raises Refused for a chosen one."""
    from dataclasses import replace

    from automation.demo.project import free_port, is_free
    from automation.settings import environment, with_dotenv
    from automation.supervise.port import require_free

    if with_dotenv(settings.project, environment()).get("PORT", "").strip():
        require_free(settings.host, settings.port)
    elif not is_free(settings.port, settings.host):
        port = free_port(settings.host)
        typer.echo(f"Port {settings.port} is taken, so the dashboard is on {port}; set PORT to choose one.")
        return replace(settings, port=port)
    return settings


def _introduce(settings: Settings, port: int) -> None:
    from automation.demo.project import shop_url

    folder, data = settings.project, settings.data
    typer.echo(f"""
A shop, and four jobs that watch it: scrape-shop, tidy-prices, price-report, mail-report.

  shop       {shop_url(port)}/
  folder     {folder}
  jobs       {folder / "schedules" / "shop.toml"}
  reports    {data / "artifacts" / "price-report"}/
  mails      {data / "outbox"}/  (captured, none is sent)
  scraped    {data / "data.db"}  (tables products, products_changes)

What each run brought is told below. In another terminal:
  {_this_command()} -C {folder} runs
  {_this_command()} -C {folder} show RUN""")


def _this_command() -> str:
    """What to type for this very program: its name where the PATH leads to it, else where it lies."""
    started = Path(sys.argv[0])
    if started.name == "__main__.py":
        return f"{sys.executable} -m automation"
    found = shutil.which("automation")
    return "automation" if found and Path(found).resolve() == started.resolve() else str(started)


def news(context: typer.Context) -> None:
    """Say in sentences what the demonstration's runs brought."""
    from automation.cli.project import project_root
    from automation.services import build_services

    services = build_services(project_root(context))
    told_until = services.clock.now()
    try:
        while True:
            services.clock.sleep(_NEWS_SECONDS)
            told_until = _tell(services, told_until)
    except KeyboardInterrupt:
        return
    finally:
        services.close()


def _tell(services: Services, since: datetime) -> datetime:
    """One sentence for each run that ended after `since`; returns when the newest of them did."""
    from sqlalchemy.exc import SQLAlchemyError

    try:
        runs = services.ledger.queries.runs(limit=100)
        ended = sorted((run.finished_at, run.id, run) for run in runs if run.finished_at and run.finished_at > since)
        for _, _, run in ended:
            typer.echo(_sentence(services, run))
    except (AutomationError, SQLAlchemyError) as error:
        typer.echo(f"The ledger did not answer: {getattr(error, 'orig', error)}", err=True)
        return since
    return ended[-1][0] if ended else since


def _sentence(services: Services, run: RunRow) -> str:
    """What a run brought, and where it is to be seen."""
    from automation.web.words import result_words

    if run.state != "succeeded":
        return f"{run.job}: {run.state}{', ' + run.reason if run.reason else ''}"
    said = f"{run.job}: {result_words(run.result) or 'done'}"
    paths = [file.path for file in services.ledger.queries.artifacts(run.id) if file.name == _REPORT]
    paths += [
        services.settings.data / "outbox" / f"{mail.id:06d}-{mail.job}.eml"
        for mail in services.ledger.outbox.list(run_id=run.id)
    ]
    return " ".join([said, *(f"→ {path}" for path in paths)])

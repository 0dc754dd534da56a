"""Opening what a command looks at: the services of its project.

Owns: that, how much a command logs, and the ledger for those that can do without.
Never: imports Celery: a command that only looks does not need it.
"""

from __future__ import annotations

from pathlib import Path

import typer

from automation import logs
from automation.cli.output import notice
from automation.cli.project import project_root
from automation.database import database_url
from automation.errors import LedgerUnavailable, SettingsInvalid
from automation.ledger.ledger import Ledger
from automation.ledger.schema import version
from automation.services import Services, build_services


def open_services(context: typer.Context, *, quiet: bool = True) -> Services:
    """Services for a command, closed when it ends; library warnings only, unless it works itself."""
    services = build_services(project_root(context))
    context.call_on_close(services.close)
    settings = services.settings
    level = "warning" if quiet else settings.log_level
    # A command talks to a person, also through a pipe, unless JSON was asked for.
    form = "human" if settings.log_format == "auto" else settings.log_format
    logs.configure(services.redactor, form=form, level=level)
    return services


def ledger_at_hand(context: typer.Context, unknown: str) -> Ledger | None:
    """The ledger for a command that also works without one: None where there is none yet, and nothing is made.

    One that cannot be used is None too, with a notice.

    Parameters
    ----------
    unknown: what the command cannot tell without it, as the beginning of the notice.
    """
    try:
        return ledger_if_any(open_services(context))
    except (LedgerUnavailable, SettingsInvalid) as error:
        notice(f"{unknown}: {error}")
        return None


def ledger_if_any(services: Services) -> Ledger | None:
    """The ledger; None where no scheduler or run has made one yet. Raises LedgerUnavailable.

    A file of SQLite that is not there is not made by the look at it.
    """
    url = database_url(services.settings.database_url)
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():
        return None
    return services.ledger if version(services.ledger_unchecked.engine) is not None else None

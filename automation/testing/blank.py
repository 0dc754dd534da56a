"""An empty ledger for the project of a test.

Owns: that it is made once in a process, since migrations take longer than most tests.
Never: touches a ledger that is there.
"""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from automation.ledger.ledger import Ledger
from automation.services import Services, build_services


def ledger_of(services: Services) -> Ledger:
    """The ledger of these services, made first where there is none. Raises LedgerUnavailable."""
    url = services.ledger_unchecked.engine.url
    if url.get_backend_name() == "sqlite" and url.database and url.database != ":memory:":
        file = Path(url.database)
        if not file.exists():
            file.write_bytes(_blank())
    return services.upgraded_ledger()


@cache
def _blank() -> bytes:
    """The file of a ledger without a row."""
    with tempfile.TemporaryDirectory(prefix="automation-") as folder:
        services = build_services(Path(folder), environ={})
        services.upgraded_ledger()
        services.close()
        return (services.settings.data / "ledger.db").read_bytes()

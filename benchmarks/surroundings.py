"""What a measured crawl stands in: a ledger that hosts' turns are kept in, and a database for its table.

Owns: these, in a folder of the measurement's.
Never: measures.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path

from automation.clock import SystemClock
from automation.database import make_engine
from automation.ledger.hosts import LedgerHosts
from automation.ledger.schema import open_engine, upgrade
from automation.scraping.surroundings import Surroundings


def surroundings(folder: str) -> Surroundings:
    """As a job named books would have them, both in SQLite."""
    ledger = open_engine(f"sqlite:///{folder}/ledger.db")
    upgrade(ledger)
    return Surroundings(
        make_engine(f"sqlite:///{folder}/data.db"), "books", datetime.now(UTC), "run-1", Path(folder),
        logging.getLogger("crawl"), hosts=LedgerHosts(ledger, SystemClock()),
    )  # fmt: skip

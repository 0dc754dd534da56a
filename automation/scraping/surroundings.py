"""What a scrape is given by the one who runs it.

Owns: the list of it. Never: does anything with it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from automation.clock import Clock, SystemClock
from automation.limits.hosts import Hosts
from automation.scraping.hooks import Hooks
from automation.scraping.outset import Rows, no_rows


@dataclass(frozen=True)
class Surroundings:
    """What a scrape is given by the one who runs it.

    Parameters
    ----------
    table: the table's name where the parameters name none; also the name of the export files.
    moment: one for the run and all its attempts; `first_seen` and `last_seen` are set to it.
    folder: where export files are written.
    keep: makes a finished file one of the run's own.
    store: False looks at the pages and writes nothing.
    attempt: its number; a later attempt of the run goes on where this one stopped, and ends it.
    job: whose earlier runs this one is compared with.
    item: of `for_each`, what the run is for.
    hooks: what is done in Python.
    hosts: turns at hosts, shared with all runs of the project; without, the run is polite alone.
    cache: the folder of pages kept between runs; without, none is kept.
    proxy: what is asked through where the parameters name none.
    rows: runs the query of a `for_query`.
    """

    engine: sa.Engine
    table: str
    moment: datetime
    run_id: str
    folder: Path
    log: logging.Logger | logging.LoggerAdapter[logging.Logger]
    progress: Callable[[int], None] = lambda _pages: None
    cancelled: Callable[[], bool] = lambda: False
    keep: Callable[[str, Path], object] = lambda _name, _path: None
    store: bool = True
    clock: Clock = field(default_factory=SystemClock)
    attempt: int = 1
    job: str = ""
    item: Any = None
    hosts: Hosts | None = None
    cache: Path | None = None
    proxy: str | None = field(default=None, repr=False)
    hooks: Hooks = field(default_factory=Hooks)
    rows: Rows = no_rows

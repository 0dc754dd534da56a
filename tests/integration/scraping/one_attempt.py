"""One attempt of a scrape in a process of its own, which a test may kill: `python one_attempt.py FOLDER NUMBER PARAMS`."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from datetime import UTC, datetime
from pathlib import Path

from automation.database import make_engine
from automation.scraping.engine import scrape
from automation.scraping.params import ScrapeParams
from automation.scraping.surroundings import Surroundings


def main(folder: Path, attempt: int, params: str) -> None:
    """Go on with the run in this folder's database, and print its result."""
    around = Surroundings(
        engine=make_engine(f"sqlite:///{folder / 'data.db'}"), table="definitions",
        moment=datetime(2026, 1, 1, tzinfo=UTC), run_id="r", folder=folder, log=logging.getLogger("test"),
        attempt=attempt, job="docs",
    )  # fmt: skip
    print(json.dumps(asyncio.run(scrape(ScrapeParams.model_validate_json(params), around)).result))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])

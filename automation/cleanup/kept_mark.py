"""How far a sweep came, kept in a file of ours where the database lets no table be made for it.

Owns: that file. It follows each commit, so that after a kill it may be one batch behind and is never ahead.
Never: knows what is done with it.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from automation.cleanup.values import dumps, loads

_KEPT = timedelta(days=30)


class KeptMark:
    """The file of one sweep.

    Parameters
    ----------
    key: names the sweep: the same for each attempt of a run.
    """

    def __init__(self, folder: Path, key: str) -> None:
        self._path = folder / f"{quote(key, safe='')}.json"

    def load(self, now: datetime) -> dict[str, Any] | None:
        """What an earlier attempt on this machine saved; files of runs that are long over are removed on the way."""
        for path in self._path.parent.glob("*.json"):
            if path != self._path and path.stat().st_mtime < (now - _KEPT).timestamp():
                path.unlink(missing_ok=True)
        if not self._path.exists():
            return None
        found: dict[str, Any] = json.loads(self._path.read_text("utf-8"))
        place = None if found["place"] is None else tuple(loads(found["place"]))
        return found | {"place": place, "along": tuple(found.get("along", ()))}

    def save(self, mark: dict[str, Any]) -> None:
        """In place of what was there, whole or not at all."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        place = None if mark["place"] is None else dumps(mark["place"])
        beside = self._path.with_suffix(".new")
        beside.write_text(json.dumps(mark | {"place": place}), "utf-8")
        beside.replace(self._path)

    def exists(self) -> bool:
        """Whether an earlier attempt saved one."""
        return self._path.exists()

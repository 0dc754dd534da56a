"""What a worker's main process does from a signal while its loop stands still."""

from __future__ import annotations

from datetime import UTC, datetime
from mmap import mmap
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from automation.clock import FrozenClock
from automation.services import Services, build_services
from automation.worker.keeper import Keeper


class Sight:
    """Reports, and meanwhile so much time passes that the next signal comes."""

    name = "w1"

    def __init__(self, services: Services) -> None:
        self._services, self.reports = services, 0
        self.keeper: Any = None

    def report(self, _processes: object) -> None:
        self.reports += 1
        assert self.reports < 5, "each signal waits in the midst of the one before"
        self._services.clock.sleep(60)
        self.keeper.beat_late()


@pytest.mark.parametrize("is_asking", [True, False])
def test_a_signal_in_the_midst_of_another_ones_renewal_waits_for_it(tmp_path: Path, is_asking: bool) -> None:
    """The first may hold the ledger's file; who asked for it a second time would wait for itself, and again at each signal."""
    services = build_services(tmp_path, clock=FrozenClock(datetime(2026, 3, 1, 12, tzinfo=UTC)), environ={})
    services.upgraded_ledger()
    sight, door = Sight(services), SimpleNamespace(is_asking=is_asking)
    keeper = Keeper(services, door, None, sight, mmap(-1, 1))  # type: ignore[arg-type]
    sight.keeper = keeper

    keeper.beat_late()
    assert sight.reports == 1
    keeper.beat_late()
    assert sight.reports == 2
    services.close()

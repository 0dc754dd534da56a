"""Writers of one file take turns."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from automation.clock import FrozenClock, SystemClock
from automation.turns import Turn


def test_the_next_writer_goes_on_when_the_first_is_done(tmp_path: Path):
    """Two connections of one file: the second has its turn once the first gave it back."""
    clock = FrozenClock(datetime(2026, 1, 1, tzinfo=UTC))
    first, second = Turn(tmp_path / "turn", clock), Turn(tmp_path / "turn", clock)
    first.take()
    first.give()
    second.take()
    assert clock.monotonic() == 0
    first.close()
    second.close()


def test_nobody_waits_for_a_frozen_writer_for_ever(tmp_path: Path):
    """After two seconds SQLite decides who may write."""
    clock = FrozenClock(datetime(2026, 1, 1, tzinfo=UTC))
    frozen, waiting = Turn(tmp_path / "turn", clock), Turn(tmp_path / "turn", clock)
    frozen.take()
    waiting.take()
    assert 2 <= clock.monotonic() < 2.1
    frozen.close()
    waiting.close()


def test_turns_keep_writers_apart(tmp_path: Path):
    """What is done in a turn is done by one writer at a time."""
    inside: list[int] = []

    def write(_: int) -> int:
        turn = Turn(tmp_path / "turn", SystemClock())
        turn.take()
        inside.append(1)
        most = len(inside)
        inside.pop()
        turn.give()
        turn.close()
        return most

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(write, range(200))) == {1}


def test_the_lock_file_is_its_users_alone(tmp_path: Path):
    """It lies in the data folder, with its rights."""
    Turn(tmp_path / "turn", SystemClock()).close()
    assert stat.S_IMODE((tmp_path / "turn").stat().st_mode) == 0o600

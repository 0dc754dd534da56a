"""The time machine, and short ways to say a job and a moment."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from automation.testing import time_machine

__all__ = ["time_machine"]


def make_job(rule, name="books", **keys):
    """A job as TOML: its rule, and keys with values as TOML has them."""
    lines = [f"[jobs.{name}]", 'plugin = "shell"', rule, *(f"{key} = {value}" for key, value in keys.items())]
    return "\n".join([*lines, "params = { command = 'true' }", ""])


@pytest.fixture
def job():
    """`job('every = "1h"', catchup='"all"')`: a job called books, as TOML."""
    return make_job


@pytest.fixture
def utc():
    """`utc(2026, 3, 29, 1)`: an instant."""
    return lambda *parts: datetime(*parts, tzinfo=UTC)

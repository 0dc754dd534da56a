"""The time machine as a pytest fixture.

Owns: the fixture.
Never: is imported where pytest is not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import pytest

from automation.testing.history import History
from automation.testing.machine import simulate
from automation.testing.server import throwaway_redis


@pytest.fixture(scope="session")
def time_machine() -> Iterator[Callable[..., History]]:
    """`simulate`, with one server for the entries of all simulations of the session."""
    with throwaway_redis() as url:
        yield partial(simulate, redis_url=url)

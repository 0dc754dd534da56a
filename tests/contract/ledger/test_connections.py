"""Connections to a database server: kept, given up before a fork, and dropped in silence where somebody cut them."""

from __future__ import annotations

import logging
import os
import ssl
from collections.abc import Callable

import pytest
import sqlalchemy as sa

from automation.database import make_engine

IDS = {"postgresql": "SELECT pg_backend_pid()", "mariadb": "SELECT connection_id()"}
CUT = {"postgresql": "SELECT pg_terminate_backend({})", "mariadb": "KILL {}"}


def number(engine: sa.Engine, kind: str) -> int:
    with engine.begin() as connection:
        return int(connection.execute(sa.text(IDS[kind])).scalar_one())


@pytest.mark.parametrize("kind", [*IDS])
def test_a_process_that_forks_keeps_its_connection_until_it_does(
    fresh_database: Callable[[str], str], kind: str
) -> None:
    """One connection for all that it asks; a child has none of it, and its parent goes on with another one."""
    engine = make_engine(fresh_database(kind), forks=True)
    first = number(engine, kind)
    assert number(engine, kind) == first

    child = os.fork()
    if not child:
        os._exit(engine.pool.checkedin())  # type: ignore[attr-defined]
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert number(engine, kind) != first
    engine.dispose()


@pytest.mark.parametrize("kind", [*IDS])
def test_a_connection_that_was_cut_is_dropped_without_a_word(
    fresh_database: Callable[[str], str], kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    """As it is given back: who used it was told by an error of its own, and the next one has another connection."""
    url = fresh_database(kind)
    engine, other = make_engine(url), make_engine(url, pooled=False)
    mine, raw = number(engine, kind), engine.raw_connection()
    raw.cursor().execute(IDS[kind])
    with other.connect() as foreign:
        foreign.exec_driver_sql(CUT[kind].format(mine))
    with caplog.at_level(logging.WARNING):
        raw.close()
    assert caplog.records == []
    assert number(engine, kind) != mine
    engine.dispose()


def test_certificates_are_read_once_for_all_connections_to_mariadb(fresh_database, monkeypatch) -> None:
    """Reading all that a machine trusts takes longer than most questions."""
    read: list[object] = []
    whole = ssl.create_default_context
    monkeypatch.setattr(ssl, "create_default_context", lambda *args, **more: read.append(args) or whole(*args, **more))
    engine = make_engine(fresh_database("mariadb"), pooled=False)

    assert len({number(engine, "mariadb") for _ in range(3)}) == 3
    assert len(read) <= 1

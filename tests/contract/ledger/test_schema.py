"""How a ledger is opened, made and refused, on every database."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from automation.errors import InvalidInput, LedgerUnavailable
from automation.ledger.schema import VERSION_TABLE, head, open_engine, require_current, upgrade, version
from automation.ledger.tables import metadata

KINDS = ["sqlite", "postgresql", "mariadb"]


@pytest.fixture(params=KINDS)
def engine(request: pytest.FixtureRequest, fresh_database: Callable[[str], str]):
    """An empty database."""
    engine = open_engine(fresh_database(request.param))
    yield engine
    engine.dispose()


def test_a_ledger_is_made_and_then_left_alone(engine):
    """Upgrading twice is upgrading once."""
    assert upgrade(engine) == (None, head())
    assert upgrade(engine) == (head(), head())
    require_current(engine)


def test_the_migrations_make_what_the_program_expects(engine):
    """No column is only in the code or only in the database."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    upgrade(engine)
    with engine.connect() as connection:
        ours = {"version_table": VERSION_TABLE, "compare_type": engine.dialect.name != "mysql"}
        context = MigrationContext.configure(connection, opts=ours)
        assert compare_metadata(context, metadata) == []


def test_a_database_without_a_ledger_says_what_to_run(engine):
    """The way out is in the message."""
    with pytest.raises(LedgerUnavailable, match="automation db upgrade"):
        require_current(engine)


def test_a_newer_ledger_is_refused(engine):
    """A program that does not know the schema touches nothing."""
    upgrade(engine)
    with engine.begin() as connection:
        connection.execute(sa.text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))
    for act in (require_current, upgrade):
        with pytest.raises(LedgerUnavailable, match="9999 is newer than this program"):
            act(engine)
    assert version(engine) == "9999"


def test_foreign_tables_of_our_names_are_not_taken(engine):
    """What we did not make, we do not build on."""
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE automation_runs (a INTEGER)"))
    with pytest.raises(LedgerUnavailable, match="automation_runs"):
        upgrade(engine)
    assert sa.inspect(engine).get_table_names() == ["automation_runs"]


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("oracle://x/y", "'oracle' is not a supported database"),
        ("nonsense", "is not a database URL"),
        ("postgresql+nodriver://x/y", "is not installed|not a supported"),
    ],
)
def test_an_unusable_url_says_what_to_write(url: str, says: str):
    """Wrong scheme, no URL, no driver: each a sentence."""
    with pytest.raises(InvalidInput, match=says):
        open_engine(url)


def test_an_unreachable_server_is_named_without_its_password():
    """The message has the variable to look at, and no secret."""
    engine = open_engine("postgresql://someone:hunter22@127.0.0.1:1/none")
    with pytest.raises(LedgerUnavailable, match="AUTOMATION_DATABASE_URL") as raised:
        upgrade(engine)
    assert "hunter22" not in str(raised.value)


def test_a_file_that_is_no_database_is_named(tmp_path: Path):
    """A damaged header is said, and the file is left as it is."""
    path = tmp_path / "ledger.db"
    path.write_bytes(b"this is no database" * 100)
    engine = open_engine(f"sqlite:///{path}")
    with pytest.raises(LedgerUnavailable, match="not a database"):
        upgrade(engine)
    assert path.read_bytes().startswith(b"this is no database")
    engine.dispose()

"""The ledger's schema: made, upgraded and compared with what this program knows.

Owns: opening a ledger, running migrations, and refusing one that is newer or not ours.
Never: touches a table that is not ours.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.exc import DatabaseError, OperationalError

from automation.database import database_url, make_engine, reading
from automation.errors import InvalidInput, LedgerUnavailable
from automation.ledger.access_tables import metadata
from automation.ledger.tables import PREFIX
from automation.ledger.whereabouts import watch
from automation.secrets import mask_urls

if TYPE_CHECKING:
    from alembic.config import Config

VERSION_TABLE = f"{PREFIX}version"
_MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations"


def open_engine(url: str, *, pooled: bool = True, forks: bool = False) -> sa.Engine:
    """An engine for the ledger; makes the folder of a SQLite file. Raises InvalidInput for an unusable URL.

    Parameters
    ----------
    pooled, forks: as `make_engine` has them.
    """
    parsed = database_url(url)
    if parsed.get_backend_name() == "sqlite" and parsed.database:
        try:
            Path(parsed.database).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise LedgerUnavailable(
                f"The ledger's folder {Path(parsed.database).parent} cannot be made: {error.strerror}; "
                "set AUTOMATION_DATA_DIR to a folder that can be written"
            ) from error
    engine = make_engine(parsed, pooled=pooled, forks=forks, durable=True)
    if parsed.get_backend_name() == "sqlite" and parsed.database and parsed.database != ":memory:":
        watch(engine, Path(parsed.database))
    return engine


def upgrade(engine: sa.Engine) -> tuple[str | None, str]:
    """Bring the schema to this program's version; returns the versions before and after.

    Raises LedgerUnavailable when it cannot be reached, is newer than this program, or when tables of our names
    that we did not make are in the way.
    """
    before = version(engine)
    if before == head():
        return before, before
    _refuse_foreign_tables(engine, before)
    from alembic import command

    with engine.connect() as connection:
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return before, head()


def version(engine: sa.Engine) -> str | None:
    """The schema's version; None for a database without a ledger. Raises LedgerUnavailable."""
    try:
        with reading(engine) as connection:
            if not sa.inspect(connection).has_table(VERSION_TABLE):
                return None
            return connection.execute(sa.text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar_one_or_none()  # noqa: S608
    except (OperationalError, DatabaseError) as error:
        raise unavailable(engine, error) from error


def head() -> str:
    """The version that this program works with."""
    return max(_known())


def _known() -> set[str]:
    """Versions by their files' names, so that a start need not import Alembic."""
    versions = {path.name.partition("_")[0] for path in (_MIGRATIONS / "versions").glob("[0-9]*_*.py")}
    if not versions:
        raise InvalidInput(f"No migrations in {_MIGRATIONS}; the installation is incomplete, install it again")
    return versions


def require_current(engine: sa.Engine) -> None:
    """Raise LedgerUnavailable unless the schema is exactly this program's."""
    found = version(engine)
    if found == head():
        return
    if found is None:
        raise LedgerUnavailable(
            "Nothing has run here, and the ledger has no tables yet; `automation up` and `automation run JOB --here` make them, "
            "and so does: automation db upgrade"
        )
    _refuse_newer(found)
    raise LedgerUnavailable(
        f"The ledger's schema is {found} and this program needs {head()}; run: automation db upgrade"
    )


def unavailable(engine: sa.Engine, error: Exception) -> LedgerUnavailable:
    """The error as a sentence that names the ledger and the variable that sets it."""
    cause = str(getattr(error, "orig", error)).strip().splitlines()[0]
    return LedgerUnavailable(
        f"The ledger {mask_urls(engine.url.render_as_string())} cannot be used: {mask_urls(cause)}; "
        "look at AUTOMATION_DATABASE_URL"
    )


def _refuse_newer(found: str) -> None:
    if found not in _known():
        raise LedgerUnavailable(
            f"The ledger's schema {found} is newer than this program, which knows {head()}; "
            "install the newer program, or restore the backup made before the upgrade"
        )


def _refuse_foreign_tables(engine: sa.Engine, found: str | None) -> None:
    if found is not None:
        _refuse_newer(found)
        return
    try:
        present = set(sa.inspect(engine).get_table_names())
    except (OperationalError, DatabaseError) as error:
        raise unavailable(engine, error) from error
    taken = sorted(present & set(metadata.tables))
    if taken:
        raise LedgerUnavailable(
            f"The database has tables of our names that this program did not make: {', '.join(taken)}; "
            "use another database, or rename them"
        )


def _config() -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    return config

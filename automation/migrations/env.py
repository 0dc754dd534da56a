"""How Alembic runs our migrations: on the connection that `ledger.schema` hands over.

Owns: one transaction around all steps, and our own version table.
Never: opens a connection.
"""

from __future__ import annotations

from alembic import context

from automation.ledger.access_tables import metadata
from automation.ledger.schema import VERSION_TABLE

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    render_as_batch=True,
    compare_type=True,
    include_object=lambda _thing, name, kind, _reflected, _other: kind != "table" or name in metadata.tables,
)
with context.begin_transaction():
    context.run_migrations()

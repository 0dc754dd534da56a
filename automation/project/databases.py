"""`[databases.NAME]` of automation.toml: the databases that jobs call by name.

Owns: the check of a name and its URL.
Never: connects; keeps a resolved URL.
"""

from __future__ import annotations

from collections.abc import Mapping

from automation.errors import InvalidInput
from automation.project.keys import DATABASE
from automation.project.named import named_table, named_tables
from automation.project.plain_secrets import REFUSAL, plain_secrets
from automation.project.values import Notes, Reader, Secrets, Table


def read_databases(top: Table, notes: Notes, secrets: Secrets, plain_secrets_allowed: bool) -> Mapping[str, str]:
    """The URLs by name, references unresolved; those with a problem are noted and left out."""
    declared = named_tables(top, "databases", notes, secrets)
    if declared is None:
        return {}
    urls: dict[str, str] = {}
    for name in declared.values:
        own = notes.beside()
        url = _read_database(declared, name, own, secrets, plain_secrets_allowed)
        notes.take(own)
        if own.first_error is None:
            urls[name] = url
    return urls


def _read_database(declared: Table, name: str, notes: Notes, secrets: Secrets, plain_secrets_allowed: bool) -> str:
    table = named_table(declared, name, 'url = "…"', notes, secrets)
    if table is None:
        return ""
    reader = Reader([table], notes, secrets)
    reader.known_keys(table, DATABASE)
    if not reader.has("url"):
        notes.at(table, [], "missing 'url'; write url = \"${env:SHOP_DATABASE_URL}\"")
    if not plain_secrets_allowed:
        for path in plain_secrets(dict(table.values)):
            notes.at(table, path, REFUSAL)
    resolved = reader.text("url", "")
    problem = _url_problem(resolved) if resolved else None
    if problem:
        notes.at(table, ["url"], problem)
    written = table.values.get("url")
    return written if isinstance(written, str) else ""


def _url_problem(url: str) -> str | None:
    # Late: SQLAlchemy takes longer to import than all of this, and most projects name no database.
    from automation.database import database_url

    try:
        database_url(url)
    except InvalidInput as error:
        return str(error)
    return None

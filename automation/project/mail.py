"""`[mail.NAME]` of automation.toml: the mail servers that jobs call by name.

Owns: the check of a name, its URL, pace and logins.
Never: connects; keeps a resolved secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from automation.errors import SettingsInvalid
from automation.ledger.limit import Rate
from automation.project.files import project_file
from automation.project.keys import MAIL_DKIM, MAIL_OAUTH2, MAIL_SERVER
from automation.project.named import named_table, named_tables
from automation.project.plain_secrets import REFUSAL, plain_secrets
from automation.project.source import read_source
from automation.project.values import Notes, Reader, Secrets, Table

MOST_CONNECTIONS = 20
DEFAULT = "default"


def load_mail(root: Path) -> Mapping[str, Mapping[str, Any]]:
    """The tables `[mail.NAME]` as they are written, references unresolved. Raises ProjectInvalid."""
    path = project_file(root)
    tables = read_source(path, root).data.get("mail", {}) if path else {}
    if not isinstance(tables, dict):
        return {}
    return {name: table for name, table in tables.items() if isinstance(table, dict)}


def read_mail(top: Table, notes: Notes, secrets: Secrets, plain_secrets_allowed: bool) -> frozenset[str]:
    """The names of the servers; what is wrong with one is noted."""
    declared = named_tables(top, "mail", notes, secrets)
    if declared is None:
        return frozenset()
    for name in declared.values:
        _read_server(declared, name, notes, secrets, plain_secrets_allowed)
    return frozenset(declared.values)


def _read_server(declared: Table, name: str, notes: Notes, secrets: Secrets, plain_allowed: bool) -> None:
    table = named_table(declared, name, 'url = "…"', notes, secrets)
    if table is None:
        return
    reader = Reader([table], notes, secrets)
    reader.known_keys(table, MAIL_SERVER)
    if not reader.has("url") and name != DEFAULT:
        notes.at(table, [], "missing 'url'; write url = \"${env:SMTP_URL}\"")
    if not plain_allowed:
        for path in plain_secrets(dict(table.values)):
            notes.at(table, path, REFUSAL)
    reader.whole("connections", 2, 1, MOST_CONNECTIONS)
    if reader.has("rate"):
        _check(table, "rate", reader.text("rate", ""), notes)
    oauth2 = _part(table, "oauth2", MAIL_OAUTH2, ("token_url", "client_id"), notes, secrets)
    _part(table, "dkim", MAIL_DKIM, MAIL_DKIM, notes, secrets)
    url = reader.text("url", "")
    if url and not url.startswith("${"):
        _check_url(table, url, name, notes, token=oauth2)


def _part(
    table: Table, key: str, known: tuple[str, ...], needed: tuple[str, ...], notes: Notes, secrets: Secrets
) -> bool:
    if key not in table.values:
        return False
    part = table.child(key)
    if part is None:
        Reader([table], notes, secrets).refuse(table, key, f'write a table: {key} = {{ {needed[0]} = "…" }}')
        return False
    reader = Reader([part], notes, secrets)
    reader.known_keys(part, known)
    for name in known:
        if name in needed and not reader.has(name):
            notes.at(part, [], f"missing '{name}'")
        reader.text(name, "")
    return True


def _check(table: Table, key: str, text: str, notes: Notes) -> None:
    try:
        if text:
            Rate.parse(text)
    except ValueError as error:
        notes.at(table, [key], str(error))


def _check_url(table: Table, url: str, name: str, notes: Notes, *, token: bool) -> None:
    # Late: it brings the mail library, which few projects need to be checked.
    from automation.mail.settings import parse_smtp_url

    try:
        parse_smtp_url(url, insecure=True, name=f"[mail.{name}] url", token=token)
    except SettingsInvalid as error:
        notes.at(table, ["url"], str(error))

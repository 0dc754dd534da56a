"""`[retention]` of automation.toml: how long the ledger keeps what has ended.

Owns: the check of the ages.
Never: deletes anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from automation.errors import ProjectInvalid
from automation.ledger.keep import Keep
from automation.project.files import project_file
from automation.project.keys import RETENTION
from automation.project.source import read_source
from automation.project.values import Notes, Reader, Secrets, Table, span_problem
from automation.text import parse_duration

FOREVER = "forever"
AGES = tuple(key for key in RETENTION if key != "keep_last")
LEAST_AGE, MOST_AGE = timedelta(days=1), timedelta(days=36500)
MOST_KEPT = 100_000


def load_retention(root: Path, environ: Mapping[str, str]) -> Keep:
    """What `automation.toml` says. Raises ProjectInvalid when it cannot be read, or has a mistake in this table.

    A mistake never stands for a default: what is deleted does not come back.
    """
    path = project_file(root)
    if path is None:
        return Keep()
    source, secrets = read_source(path, root), Secrets(environ, root)
    notes = Notes(secrets.redactor)
    keep = read_retention(Table(source, (), source.data), notes, secrets)
    if notes.first_error is not None:
        raise ProjectInvalid(list(notes))
    return keep


def read_retention(top: Table, notes: Notes, secrets: Secrets) -> Keep:
    """The ages; what is wrong with one is noted, and its default stands for it."""
    table = top.child("retention")
    if table is None:
        if "retention" in top.values:
            Reader([top], notes, secrets).refuse(top, "retention", 'write a table: [retention] succeeded = "90d"')
        return Keep()
    reader, known = Reader([table], notes, secrets), Keep()
    reader.known_keys(table, RETENTION)
    ages = {key: _age(reader, key, getattr(known, key)) for key in AGES}
    return Keep(**ages, keep_last=reader.whole("keep_last", known.keep_last, 1, MOST_KEPT))


def age_problem(text: str) -> str | None:
    """What is wrong with an age, if something is."""
    if text == FOREVER:
        return None
    problem = span_problem(text, LEAST_AGE, MOST_AGE)
    return None if problem is None else f'{problem}, or "{FOREVER}"'


def _age(reader: Reader, key: str, default: timedelta | None) -> timedelta | None:
    if not reader.has(key):
        return default
    text = reader.text(key, "", age_problem, f'an age, such as "30d", or "{FOREVER}"')
    if not text:
        return default
    return None if text == FOREVER else parse_duration(text)

"""`[digests.NAME]` of automation.toml: when mails that were gathered become one, and what it is called.

Owns: the check of a digest, and its closing times.
Never: gathers or sends.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from automation.errors import UnknownName
from automation.project.files import project_file
from automation.project.keys import DIGEST
from automation.project.named import named_table, named_tables
from automation.project.source import read_source
from automation.project.values import Notes, Reader, Secrets, Table
from automation.text import nearest
from automation.triggers.base import TriggerInvalid
from automation.triggers.cron import CronTrigger


@dataclass(frozen=True)
class Digest:
    """What is gathered until it closes, and then is one mail for each recipient.

    Parameters
    ----------
    closes: a cron expression in the zone; what is recorded before one of its moments is in the mail of that moment.
    """

    name: str
    closes: str
    timezone: str = "UTC"
    subject: str = ""

    def next_close(self, moment: datetime) -> datetime:
        """The first closing time after the moment. Raises TriggerInvalid where there is none."""
        found = CronTrigger(self.closes, self.timezone).next_after(moment)
        if found is None:
            raise TriggerInvalid(f"'{self.closes}' does not come any more", "closes")
        return found


def load_digests(root: Path) -> Mapping[str, Digest]:
    """Those of `automation.toml` without a problem. Raises ProjectInvalid when it cannot be read."""
    path = project_file(root)
    if path is None:
        return {}
    source, secrets = read_source(path, root), Secrets({}, root)
    return read_digests(Table(source, (), source.data), Notes(secrets.redactor), secrets)


def read_digests(top: Table, notes: Notes, secrets: Secrets) -> Mapping[str, Digest]:
    """The digests by name; those with a problem are noted and left out."""
    declared = named_tables(top, "digests", notes, secrets)
    found: dict[str, Digest] = {}
    for name in declared.values if declared else ():
        own = notes.beside()
        table = named_table(declared, name, 'closes = "0 8 * * mon-fri"', own, secrets) if declared else None
        digest = _read(table, name, own, secrets) if table else None
        notes.take(own)
        if digest is not None and own.first_error is None:
            found[name] = digest
    return found


def digest_of(name: str, known: Mapping[str, Digest]) -> Digest:
    """The digest of this name. Raises UnknownName with the nearest one."""
    if name not in known:
        hint = f'; declare it in automation.toml: [digests.{name}] closes = "0 8 * * mon-fri"'
        raise UnknownName("digest", name, nearest(name, known), hint)
    return known[name]


def _read(table: Table, name: str, notes: Notes, secrets: Secrets) -> Digest | None:
    reader = Reader([table], notes, secrets)
    reader.known_keys(table, DIGEST)
    if not reader.has("closes"):
        notes.at(table, [], "missing 'closes'; write closes = \"0 8 * * mon-fri\"", on_key=True)
        return None
    zone = reader.text("timezone", "UTC")
    digest = Digest(name, reader.text("closes", ""), zone, reader.text("subject", ""))
    try:
        CronTrigger(digest.closes, zone)
    except TriggerInvalid as error:
        notes.at(table, ["timezone" if error.key == "timezone" else "closes"], str(error))
    return digest

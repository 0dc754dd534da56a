"""Four rules on a copy of a real shop's database, against what plain Python finds in the original."""

from __future__ import annotations

import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

Sweep = Callable[..., dict[str, Any]]
Rows = list[tuple[Any, ...]]


@pytest.fixture
def shop(needs: Callable[[str], Any], tmp_path: Path, open_database: Callable[[str], sa.Engine]) -> sa.Engine:
    """A copy of Chinook."""
    shutil.copyfile(needs("shared-data") / "chinook.sqlite", tmp_path / "shop.db")
    return open_database(f"sqlite:///{tmp_path / 'shop.db'}")


def rows(engine: sa.Engine, table: str, columns: str) -> Rows:
    with closing(sqlite3.connect(str(engine.url.database))) as connection:
        return connection.execute(f"SELECT {columns} FROM {table}").fetchall()


def check(engine: sa.Engine) -> None:
    """Every foreign key has its row, and the file is whole."""
    with closing(sqlite3.connect(str(engine.url.database))) as connection:
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_old_invoices_go_with_their_lines(shop: sa.Engine, sweep: Sweep) -> None:
    """By a text column of moments."""
    invoices, lines = (
        rows(shop, "Invoice", "InvoiceId, InvoiceDate"),
        rows(shop, "InvoiceLine", "InvoiceLineId, InvoiceId"),
    )
    stay = {one for one, date in invoices if date >= "2023-07-01"}

    older = {"column": "InvoiceDate", "before": "2023-07-01"}
    result = sweep(shop, table="Invoice", children=["InvoiceLine"], older_than=older)

    assert {one for (one,) in rows(shop, "Invoice", "InvoiceId")} == stay
    assert set(rows(shop, "InvoiceLine", "InvoiceLineId, InvoiceId")) == {line for line in lines if line[1] in stay}
    assert (result["deleted"], result["remaining"]) == (412 - len(stay), len(stay))
    check(shop)


def test_three_invoices_of_each_customer_stay(shop: sa.Engine, sweep: Sweep) -> None:
    """The newest three by date, and by number where two are of one day."""
    invoices = rows(shop, "Invoice", "CustomerId, InvoiceDate, InvoiceId")
    stay = {
        row[2]
        for customer in {row[0] for row in invoices}
        for row in sorted(r for r in invoices if r[0] == customer)[-3:]
    }

    keep = {"per": "CustomerId", "count": 3, "order_by": "InvoiceDate"}
    result = sweep(shop, table="Invoice", children=["InvoiceLine"], keep_last=keep)

    assert {one for (one,) in rows(shop, "Invoice", "InvoiceId")} == stay
    assert set(Counter(customer for (customer,) in rows(shop, "Invoice", "CustomerId")).values()) == {3}
    assert result["children"]["InvoiceLine"] == 2240 - len(rows(shop, "InvoiceLine", "1"))
    check(shop)


def test_playlists_of_the_same_name_become_one(shop: sa.Engine, sweep: Sweep) -> None:
    """The oldest of them stays, with its tracks alone."""
    lists, entries = rows(shop, "Playlist", "PlaylistId, Name"), rows(shop, "PlaylistTrack", "PlaylistId, TrackId")
    stay = {min(one for one, name in lists if name == wanted) for wanted in {name for _, name in lists}}

    result = sweep(shop, table="Playlist", children=["PlaylistTrack"], duplicates_by="Name")

    assert {one for (one,) in rows(shop, "Playlist", "PlaylistId")} == stay
    assert set(rows(shop, "PlaylistTrack", "PlaylistId, TrackId")) == {row for row in entries if row[0] in stay}
    assert result["deleted"] == len(lists) - len(stay) > 0
    check(shop)


def test_artists_without_an_album_go(shop: sa.Engine, sweep: Sweep) -> None:
    """What nothing names in another table can be said as an orphan, too."""
    artists = {one for (one,) in rows(shop, "Artist", "ArtistId")}
    stay = artists & {one for (one,) in rows(shop, "Album", "ArtistId")}

    orphans = {"table": "Album", "column": "ArtistId", "references": "ArtistId"}
    result = sweep(shop, table="Artist", orphans_of=orphans)

    assert {one for (one,) in rows(shop, "Artist", "ArtistId")} == stay
    assert result["deleted"] == len(artists) - len(stay) > 0
    check(shop)

"""Each kind of rule, on every database: which rows go, counted by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from automation.errors import FailureClass, GiveUp, JobFailed

Sweep = Callable[..., dict[str, Any]]

VISITS = """
CREATE TABLE visit (id INTEGER PRIMARY KEY, person INTEGER, seq INTEGER, page VARCHAR(20), gone BOOLEAN, gone_at DATE);
CREATE INDEX visit_person ON visit (person);
INSERT INTO visit VALUES (1, 7, 5, 'a', FALSE, NULL), (2, 7, 4, 'a', TRUE, '2025-01-01'), (3, 7, 4, 'b', NULL, '2025-12-31'),
  (4, 8, 1, 'a', TRUE, NULL), (5, NULL, 1, 'a', FALSE, NULL), (6, 7, NULL, 'a', FALSE, NULL), (7, 9, 2, NULL, FALSE, NULL),
  (8, 7, 3, 'b', FALSE, NULL), (9, 9, 2, NULL, FALSE, NULL);
CREATE TABLE person (id INTEGER PRIMARY KEY, name VARCHAR(20));
INSERT INTO person VALUES (8, 'Eight'), (9, 'Nine')
"""


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def visits(
    request: pytest.FixtureRequest, lasting_database: Callable[[str], str], open_database: Callable[[str], sa.Engine]
) -> sa.Engine:
    """Visits of persons, in a database that these tests share; the tables are made anew."""
    urls = request.config.__dict__.setdefault("cleanup_rules", {})
    urls.setdefault(request.param, None)
    urls[request.param] = urls[request.param] or lasting_database(request.param)
    engine = open_database(urls[request.param])
    with engine.begin() as connection:
        for statement in ("DROP TABLE IF EXISTS visit", "DROP TABLE IF EXISTS person", *VISITS.split(";")):
            connection.exec_driver_sql(statement)
    return engine


def left(engine: sa.Engine, table: str = "visit") -> list[int]:
    """The ids that stayed."""
    with engine.connect() as connection:
        return list(connection.exec_driver_sql(f"SELECT id FROM {table} ORDER BY id").scalars())


@pytest.mark.parametrize(
    ("rule", "stay"),
    [
        ({"keep_last": {"per": "person", "count": 2}}, [4, 5, 6, 7, 8, 9]),
        ({"keep_last": {"per": "person", "count": 2, "order_by": "seq"}}, [1, 3, 4, 5, 6, 7, 9]),
        ({"keep_last": {"per": ["person", "page"], "count": 1}}, [4, 5, 6, 7, 8, 9]),
        ({"duplicates_by": ["person", "page"]}, [1, 3, 4, 5, 7, 9]),
        ({"duplicates_by": {"columns": ["person", "page"], "keep": "newest"}}, [4, 5, 6, 7, 8, 9]),
        (
            {"duplicates_by": {"columns": "person", "keep": "newest", "order_by": "seq"}},
            [1, 4, 5, 6, 9],
        ),
        ({"orphans_of": {"table": "person", "column": "person"}}, [4, 5, 7, 9]),
        ({"soft_deleted": {"column": "gone"}}, [1, 3, 5, 6, 7, 8, 9]),
        ({"soft_deleted": {"column": "gone_at"}}, [1, 4, 5, 6, 7, 8, 9]),
        ({"soft_deleted": {"column": "gone_at", "age": "30d"}}, [1, 3, 4, 5, 6, 7, 8, 9]),
        ({"where": {"person": 7, "page": "b"}}, [1, 2, 4, 5, 6, 7, 9]),
        ({"where": {"page": "b"}, "keep_last": {"per": "person", "count": 1}}, [1, 2, 4, 5, 6, 7, 8, 9]),
        ({"where_sql": "page LIKE 'a%' AND person = 8", "allow_sql": True}, [1, 2, 3, 5, 6, 7, 8, 9]),
    ],
)
def test_rule_means_these_rows(visits: sa.Engine, sweep: Sweep, rule: dict[str, Any], stay: list[int]) -> None:
    """The dry run counts what then goes, batch by batch; a second run finds nothing more."""
    rule = {"table": "visit", "older_than": None, "batch": 1, **rule}

    planned = sweep(visits, **rule, dry_run=True)
    assert left(visits) == list(range(1, 10))
    result = sweep(visits, **rule)

    assert left(visits) == stay
    assert (planned["matched"], result["deleted"], result["remaining"]) == (9 - len(stay), 9 - len(stay), len(stay))
    assert sweep(visits, **rule)["deleted"] == 0


def test_rules_follow_each_other(visits: sa.Engine, sweep: Sweep) -> None:
    """A later rule sees what the earlier one left, and may be of another table."""
    rules = [
        {"where": {"id": [8, 9, 1]}},
        {"keep_last": {"per": "person", "count": 1}},
        {"table": "person", "where": {"name": "Nine"}},
    ]
    result = sweep(visits, table="visit", rules=rules)

    assert [one["deleted"] for one in result["rules"]] == [3, 2, 1]
    assert (left(visits), left(visits, "person"), result["deleted"]) == ([4, 5, 6, 7], [8], 6)


def test_empty_parent_makes_no_orphans(visits: sa.Engine, sweep: Sweep) -> None:
    """A table that was emptied by mistake does not take all that refers to it along."""
    with visits.begin() as connection:
        connection.exec_driver_sql("DELETE FROM person")
    with pytest.raises(JobFailed, match="'person' is empty, so that every row of 'visit' would be an orphan"):
        sweep(visits, table="visit", orphans_of={"table": "person", "column": "person"})


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"orphans_of": {"table": "persons", "column": "person"}}, "no table 'persons'; did you mean 'person'"),
        (
            {"orphans_of": {"table": "person", "column": ["person", "seq"]}},
            "2 columns and 'person' is told apart by id",
        ),
        ({"orphans_of": {"table": "person", "column": "persn"}}, "no column 'persn'; did you mean 'person'"),
        ({"keep_last": {"per": "persn", "count": 1}}, "no column 'persn'"),
        ({"duplicates_by": "pge"}, "no column 'pge'; did you mean 'page'"),
        ({"soft_deleted": {"column": "page"}}, "neither a flag nor a moment.*not_null"),
        ({"where_sql": "1 = 1; DROP TABLE visit", "allow_sql": True}, "one condition without ';'"),
        ({"where_sql": "nothing = 1", "allow_sql": True}, "'visit' cannot be read.*nothing"),
        ({"where": {"id": 1}, "guard": {"protected": ["visit"]}}, "'visit' is protected by guard.protected"),
    ],
)
def test_rule_that_does_not_fit_says_why(visits: sa.Engine, sweep: Sweep, rule: dict[str, Any], said: str) -> None:
    """A configuration failure that names what there is; nothing is deleted."""
    with pytest.raises(JobFailed, match=f"(?s){said}") as raised:
        sweep(visits, table="visit", older_than=None, **rule)
    assert raised.value.failure_class is FailureClass.CONFIG
    assert left(visits) == list(range(1, 10))


def test_rule_without_an_index_on_a_large_table_is_refused(
    visits: sa.Engine, sweep: Sweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The columns that an index should begin with are named."""
    monkeypatch.setattr("automation.cleanup.guards._LARGE", 5)
    with pytest.raises(GiveUp, match=r"no index of 'visit' begins with 'page'.*allow_scan"):
        sweep(visits, table="visit", duplicates_by="page")
    assert sweep(visits, table="visit", keep_last={"per": "person", "count": 5})["deleted"] == 0

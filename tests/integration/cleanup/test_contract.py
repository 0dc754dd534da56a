"""What a clean-up promises on every database: told once, inherited by each."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from automation.database import make_engine
from automation.errors import FailureClass, GiveUp, JobFailed

Sweep = Callable[..., dict[str, Any]]

SCHEMA = """
CREATE TABLE shop_order (id INTEGER PRIMARY KEY, made TIMESTAMP NULL, state VARCHAR(20));
CREATE TABLE line (id INTEGER PRIMARY KEY, order_id INTEGER, FOREIGN KEY (order_id) REFERENCES shop_order (id));
CREATE TABLE line_tax (line_id INTEGER, kind VARCHAR(10), PRIMARY KEY (line_id, kind),
  FOREIGN KEY (line_id) REFERENCES line (id));
INSERT INTO shop_order VALUES (1, '2020-05-01 10:00:00', 'done'), (2, '2021-12-31 23:59:59', 'open'),
  (3, '2022-01-01 00:00:00', 'done'), (4, '2025-06-01 00:00:00', 'done'), (5, NULL, 'done'),
  (6, '2030-01-01 00:00:00', 'done');
INSERT INTO line VALUES (10, 1), (11, 1), (12, 2), (13, 3), (14, NULL);
INSERT INTO line_tax VALUES (10, 'a'), (10, 'b'), (12, 'a'), (13, 'a')
"""


class CleanupContract:
    """The promises; a subclass says on which database."""

    kind = ""
    instant = "TIMESTAMP"
    unchecked = checked = ""

    @pytest.fixture
    def engine(self, fresh_database: Callable[[str], str], open_database: Callable[[str], sa.Engine]) -> sa.Engine:
        return open_database(fresh_database(self.kind))

    @pytest.fixture
    def shop(self, engine: sa.Engine) -> sa.Engine:
        """Orders with lines with taxes; 1 and 2 were made before 2022."""
        execute(engine, SCHEMA.replace("TIMESTAMP", self.instant))
        return engine

    def test_rows_go_with_children_and_grandchildren_and_nothing_else(self, shop: sa.Engine, sweep: Sweep) -> None:
        """Only what the rule means, and what belongs to it, is deleted."""
        result = sweep(shop, table="shop_order", children=["line_tax", "line"])

        assert ids(shop, "shop_order") == [3, 4, 5, 6]
        assert ids(shop, "line") == [13, 14]
        assert ids(shop, "line_tax", "line_id") == [13]
        assert (result["deleted"], result["children"]) == (2, {"line": 3, "line_tax": 3})

    def test_what_stays_for_want_of_a_date_is_counted(self, shop: sa.Engine, sweep: Sweep) -> None:
        """NULL is not older than anything, and neither is the future."""
        result = sweep(shop, table="shop_order", children=["line_tax", "line"])

        assert (result["without_date"], result["in_future"], result["remaining"]) == (1, 1, 4)

    def test_second_run_of_an_occurrence_finds_nothing_more(self, shop: sa.Engine, sweep: Sweep) -> None:
        """The cutoff hangs on the nominal time alone."""
        sweep(shop, table="shop_order", children=["line_tax", "line"])
        again = sweep(shop, table="shop_order", children=["line_tax", "line"])

        assert (again["deleted"], again["batches"], again["remaining"]) == (0, 0, 4)

    def test_dry_run_counts_and_deletes_nothing(self, shop: sa.Engine, sweep: Sweep) -> None:
        """A dry run shows the counts of every table, the oldest, the newest and some keys."""
        result = sweep(shop, table="shop_order", children=["line_tax", "line"], dry_run=True)

        assert (result["matched"], result["matched_children"]) == (2, {"line": 3, "line_tax": 3})
        assert (result["oldest"][:19], result["newest"][:19]) == ("2020-05-01 10:00:00", "2021-12-31 23:59:59")
        assert (result["sample"], result["percent"], result["deleted"]) == ([1, 2], 33.33, 0)
        assert ids(shop, "shop_order") == [1, 2, 3, 4, 5, 6]

    def test_dry_run_needs_no_right_to_write(self, shop: sa.Engine, sweep: Sweep) -> None:
        """Planning works where nothing may be written, and shows what would be refused."""
        reader = make_engine(shop.url, pooled=False, read_only=True)

        result = sweep(reader, table="shop_order", dry_run=True, max_rows=1)

        assert (result["matched"], len(result["refusals"])) == (2, 2)

    def test_database_that_takes_no_writes_is_named_as_such(self, shop: sa.Engine, sweep: Sweep) -> None:
        """A replica does not become writable by another attempt."""
        reader = make_engine(shop.url, pooled=False, read_only=True)

        with pytest.raises(JobFailed, match=r"refused to clean up.*takes no writes: name the primary") as refused:
            sweep(reader, table="shop_order", children=["line_tax", "line"], key="run")
        assert refused.value.failure_class is FailureClass.CONFIG

    def test_unlisted_child_refuses_the_run(self, shop: sa.Engine, sweep: Sweep) -> None:
        """A foreign key that would block is named before the first delete, with the way out."""
        with pytest.raises(GiveUp, match=r"3 rows of 'line' \(order_id\).*children = \[\"line\"\]"):
            sweep(shop, table="shop_order")
        with pytest.raises(GiveUp, match="3 rows of 'line_tax'"):
            sweep(shop, table="shop_order", children=["line"])
        assert ids(shop, "line") == [10, 11, 12, 13, 14]

    def test_unlisted_cascade_refuses_the_run(self, shop: sa.Engine, sweep: Sweep) -> None:
        """The database would delete rows of another table by itself; that must be asked for."""
        execute(
            shop,
            """CREATE TABLE note (id INTEGER PRIMARY KEY, order_id INTEGER,
            FOREIGN KEY (order_id) REFERENCES shop_order (id) ON DELETE CASCADE); INSERT INTO note VALUES (1, 2)""",
        )

        with pytest.raises(GiveUp, match=r"1 row of 'note'.*unasked"):
            sweep(shop, table="shop_order", children=["line_tax", "line"])
        result = sweep(shop, table="shop_order", children=["line_tax", "line", "note"])
        assert result["children"]["note"] == 1

    def test_reference_that_lets_go_is_shown(self, shop: sa.Engine, sweep: Sweep) -> None:
        """ON DELETE SET NULL keeps the row, and the result says how many were detached."""
        execute(
            shop,
            """CREATE TABLE note (id INTEGER PRIMARY KEY, order_id INTEGER,
            FOREIGN KEY (order_id) REFERENCES shop_order (id) ON DELETE SET NULL); INSERT INTO note VALUES (1, 2), (2, 3)""",
        )

        result = sweep(shop, table="shop_order", children=["line_tax", "line"])
        assert result["detached"] == {"note.order_id": 1}
        assert ids(shop, "note") == [1, 2]

    def test_unlisted_table_that_refers_to_other_rows_is_no_obstacle(self, shop: sa.Engine, sweep: Sweep) -> None:
        """Only references to rows that would go stand in the way."""
        execute(
            shop,
            """CREATE TABLE note (id INTEGER PRIMARY KEY, order_id INTEGER,
            FOREIGN KEY (order_id) REFERENCES shop_order (id) ON DELETE CASCADE); INSERT INTO note VALUES (1, 3)""",
        )

        assert sweep(shop, table="shop_order", children=["line_tax", "line"])["deleted"] == 2
        assert ids(shop, "note") == [1]

    @pytest.mark.parametrize(
        ("guard", "said"),
        [
            ({"max_rows": 1}, "2 rows of 'shop_order' would go, more than max_rows = 1"),
            ({"guard": {"max_rows": 0}}, "max_rows = 0"),
            ({"guard": {"max_percent": 33}}, r"33\.3 %, more than guard\.max_percent = 33"),
            (
                {"guard": {"min_remaining": 5}},
                r"4 rows of 'shop_order' would remain, fewer than guard\.min_remaining = 5",
            ),
        ],
    )
    def test_guard_refuses_before_the_first_delete(
        self, shop: sa.Engine, sweep: Sweep, guard: dict[str, Any], said: str
    ) -> None:
        """A guard says how many rows it saw and which key to change; nothing is deleted."""
        with pytest.raises(GiveUp, match=said):
            sweep(shop, table="shop_order", children=["line_tax", "line"], **guard)
        assert ids(shop, "line_tax", "line_id") == [10, 10, 12, 13]

    def test_conditions_narrow_the_rule(self, shop: sa.Engine, sweep: Sweep) -> None:
        """All of `where` must hold besides the age."""
        sweep(shop, table="shop_order", children=["line_tax", "line"], where={"state": "done"})
        assert ids(shop, "shop_order") == [2, 3, 4, 5, 6]

    @pytest.mark.parametrize(
        ("condition", "left"),
        [
            ({"op": "!=", "value": "done"}, [1]),
            ({"op": "in", "value": ["open", "x"]}, [1]),
            ({"op": "not_in", "value": ["open"]}, [2]),
            ({"op": "like", "value": "do%"}, [2]),
            ({"op": "is_null"}, [1, 2]),
            ({"op": "not_null"}, []),
        ],
    )
    def test_each_operator(self, shop: sa.Engine, sweep: Sweep, condition: dict[str, Any], left: list[int]) -> None:
        """Operators mean what they mean in SQL."""
        execute(shop, "DELETE FROM line_tax; DELETE FROM line; DELETE FROM shop_order WHERE id > 2")
        sweep(shop, table="shop_order", where=[{"column": "state", **condition}])
        assert ids(shop, "shop_order") == left

    def test_small_batches_commit_one_by_one_and_tell_progress(self, shop: sa.Engine, sweep: Sweep) -> None:
        """Each batch is a transaction with its children; a stop between two leaves whole families."""
        told: list[tuple[int, int]] = []
        result = sweep(
            shop, table="shop_order", children=["line", "line_tax"], batch=1,
            progress=lambda done, total: told.append((done, total)), cancelled=lambda: bool(told),
        )  # fmt: skip

        assert told == [(1, 2)]
        assert (result["deleted"], result["complete"]) == (1, False)
        assert (ids(shop, "shop_order"), ids(shop, "line")) == ([2, 3, 4, 5, 6], [12, 13, 14])

    def test_attempt_that_finds_fewer_rows_goes_on_along_another_index(self, engine: sa.Engine, sweep: Sweep) -> None:
        """With a small rest the index of the age serves better; the place of an attempt that died is none there."""
        rows = ", ".join(f"({9 - n}, '20{20 if n < 3 else 24}-01-0{n + 1}')" for n in range(9))
        execute(
            engine,
            f"CREATE TABLE t (id INTEGER PRIMARY KEY, made DATE); CREATE INDEX by_made ON t (made); INSERT INTO t VALUES {rows}",
        )

        def dies(done: int, _total: int) -> None:
            if done == 2:
                raise MemoryError

        with pytest.raises(MemoryError):
            sweep(engine, table="t", key="run", batch=1, progress=dies)
        result = sweep(engine, table="t", key="run", batch=1)

        assert (result["deleted"], result["remaining"]) == (3, 6)

    def test_row_that_changes_meanwhile_is_judged_as_it_is(self, shop: sa.Engine, sweep: Sweep) -> None:
        """An order that became young after the plan stays with its lines; the count is of what went."""

        def freshen(_done: int, _total: int) -> None:
            execute(
                shop, "UPDATE shop_order SET made = '2025-01-01 00:00:00' WHERE id = 2; INSERT INTO line VALUES (20, 2)"
            )

        result = sweep(shop, table="shop_order", children=["line", "line_tax"], batch=1, progress=freshen)

        assert (result["deleted"], ids(shop, "shop_order"), ids(shop, "line")) == (1, [2, 3, 4, 5, 6], [12, 13, 14, 20])

    def test_child_that_comes_meanwhile_goes_with_its_parent(self, shop: sa.Engine, sweep: Sweep) -> None:
        """Children are looked for when their parent goes, not when it was planned."""

        def add(done: int, _total: int) -> None:
            if done == 1:
                execute(shop, "INSERT INTO line VALUES (20, 2); INSERT INTO line_tax VALUES (20, 'z')")

        result = sweep(shop, table="shop_order", children=["line", "line_tax"], batch=1, progress=add)

        assert result["children"] == {"line": 4, "line_tax": 4}
        assert ids(shop, "line") == [13, 14]

    def test_rows_that_refer_to_each_other_go_leaves_first(self, engine: sa.Engine, sweep: Sweep) -> None:
        """A tree of old rows goes whole, whatever the order of its keys."""
        execute(engine, self.tree("(1, 2, '2020-01-01'), (2, NULL, '2020-01-01'), (3, 1, '2020-01-01')"))

        result = sweep(engine, table="tree", batch=1)

        assert (ids(engine, "tree"), result["deleted"], result["complete"]) == ([], 3, True)

    def test_rows_in_a_circle_are_left_and_said(self, engine: sa.Engine, sweep: Sweep) -> None:
        """Rows that refer to each other cannot go one by one; the result is not called complete."""
        execute(engine, self.tree("(1, 2, '2020-01-01'), (2, 1, '2020-01-01'), (3, NULL, '2020-01-01')"))

        result = sweep(engine, table="tree")

        assert (ids(engine, "tree"), result["deleted"], result["complete"]) == ([1, 2], 1, False)

    def test_row_that_a_younger_one_refers_to_refuses_the_run(self, engine: sa.Engine, sweep: Sweep) -> None:
        """A young reply keeps its old parent; the run says so and touches nothing."""
        execute(engine, self.tree("(1, NULL, '2020-01-01'), (2, 1, '2024-01-01')"))

        with pytest.raises(GiveUp, match=r"1 row of 'tree' \(parent\) would stay and refer"):
            sweep(engine, table="tree")
        assert ids(engine, "tree") == [1, 2]

    def tree(self, rows: str) -> str:
        return f"""CREATE TABLE tree (id INTEGER PRIMARY KEY, parent INTEGER, made DATE, FOREIGN KEY (parent) REFERENCES tree (id));
            {self.unchecked} INSERT INTO tree VALUES {rows}; {self.checked}"""

    def test_children_that_refer_to_each_other_go(self, shop: sa.Engine, sweep: Sweep) -> None:
        """Comments of an old order go although replies point at comments."""
        execute(
            shop,
            """CREATE TABLE comment (id INTEGER PRIMARY KEY, order_id INTEGER, reply_to INTEGER,
            FOREIGN KEY (order_id) REFERENCES shop_order (id), FOREIGN KEY (reply_to) REFERENCES comment (id));
            INSERT INTO comment VALUES (1, 1, NULL), (2, 1, 1), (3, 1, 2), (4, 3, NULL)""",
        )

        result = sweep(shop, table="shop_order", children=["line", "line_tax", "comment"])

        assert (result["children"]["comment"], ids(shop, "comment")) == (3, [4])

    def test_composite_keys_on_both_ends(self, engine: sa.Engine, sweep: Sweep) -> None:
        """Batches walk along keys of several columns, and children find their parents by them."""
        execute(
            engine,
            """CREATE TABLE visit (site VARCHAR(10), number INTEGER, made DATE, PRIMARY KEY (site, number));
            CREATE TABLE page (id INTEGER PRIMARY KEY, site VARCHAR(10), number INTEGER,
              FOREIGN KEY (site, number) REFERENCES visit (site, number));
            INSERT INTO visit VALUES ('a', 1, '2020-01-01'), ('a', 2, '2024-01-01'), ('b', 1, '2020-01-01'), ('b', 2, '2020-01-01');
            INSERT INTO page VALUES (1, 'a', 1), (2, 'a', 2), (3, 'b', 1), (4, 'b', 2), (5, 'b', NULL)""",
        )

        result = sweep(engine, table="visit", children=["page"], batch=1)

        assert (result["deleted"], result["batches"], ids(engine, "page")) == (3, 3, [2, 5])

    @pytest.mark.parametrize("name", ["or'der", "select", "größe; --", 'a"b', "Mixed Case", "50%", "a:b", "it(s)"])
    def test_awkward_names_are_taken_as_they_are(self, engine: sa.Engine, sweep: Sweep, name: str) -> None:
        """A name is found exactly and quoted by the database's own rules."""
        table = sa.Table(name, sa.MetaData(), sa.Column("key", sa.Integer, primary_key=True), sa.Column(name, sa.Date))
        table.create(engine)
        with engine.begin() as connection:
            connection.execute(table.insert().values([(1, date(2020, 1, 1)), (2, date(2024, 1, 1))]))

        result = sweep(
            engine,
            table=name,
            older_than={"column": name, "before": "2022-01-01"},
            where={name: ["2020-01-01", "2024-01-01"]},
            after=["analyze"],
        )

        assert (result["deleted"], result["remaining"], len(result["after"])) == (1, 1, 1)
        assert result["after"][0]["bytes_before"] > 0

    @pytest.mark.parametrize(
        ("params", "said"),
        [
            ({"table": "shop_orders"}, "no table 'shop_orders'; did you mean 'shop_order'"),
            ({"table": "shop_order; DROP TABLE line"}, "there is no table"),
            ({"table": "seen"}, "'seen' is a view"),
            (
                {"table": "shop_order", "older_than": {"column": "mode", "age": "1d"}},
                "no column 'mode'; did you mean 'made'",
            ),
            ({"table": "shop_order", "where": {"stat": 1}}, "no column 'stat'; did you mean 'state'"),
            ({"table": "shop_order", "older_than": {"column": "id", "age": "1d"}}, "column 'id'.* is INTEGER .*unit"),
            (
                {"table": "shop_order", "older_than": {"column": "state", "age": "1d"}},
                "holds no dates, for example '(done|open)'",
            ),
            ({"table": "shop_order", "children": ["seen"]}, "'seen' is a view"),
            ({"table": "shop_order", "children": ["line_tax"]}, "no foreign key to 'shop_order'.*line'"),
            ({"table": "shop_order", "children": ["shop_order"]}, "its own child"),
            ({"table": "automation_run"}, "protected"),
            (
                {"table": "shop_order", "older_than": {"column": "made", "before": "2031-01-01"}},
                "write a date in the past",
            ),
        ],
    )
    def test_rule_that_does_not_fit_is_refused(
        self, shop: sa.Engine, sweep: Sweep, params: dict[str, Any], said: str
    ) -> None:
        """What does not fit the database is a configuration failure that names what there is."""
        execute(
            shop, "CREATE VIEW seen AS SELECT * FROM shop_order; CREATE TABLE automation_run (id INTEGER PRIMARY KEY)"
        )

        with pytest.raises(JobFailed, match=f"(?is){said}") as raised:
            sweep(shop, **params)
        assert raised.value.failure_class is FailureClass.CONFIG
        assert ids(shop, "shop_order") == [1, 2, 3, 4, 5, 6]

    def test_dates_stand_for_their_whole_day(self, engine: sa.Engine, sweep: Sweep) -> None:
        """A date is older than a cutoff when its day has ended in the rule's zone."""
        execute(
            engine,
            """CREATE TABLE t (id INTEGER PRIMARY KEY, made DATE);
            INSERT INTO t VALUES (1, '2025-12-29'), (2, '2025-12-30'), (3, '2025-12-31'), (4, '2026-01-01')""",
        )
        rule = {"column": "made", "age": "36h"}

        sweep(engine, table="t", older_than=rule, now=datetime(2026, 1, 1, 11, 0, tzinfo=UTC))
        assert ids(engine, "t") == [2, 3, 4]
        sweep(engine, table="t", older_than=rule, now=datetime(2026, 1, 1, 12, 0, tzinfo=UTC))
        assert ids(engine, "t") == [3, 4]
        sweep(
            engine,
            table="t",
            older_than={**rule, "zone": "Pacific/Kiritimati"},
            now=datetime(2026, 1, 1, 22, tzinfo=UTC),
        )
        assert ids(engine, "t") == [4]

    def test_iso_text_is_compared_as_time(self, engine: sa.Engine, sweep: Sweep) -> None:
        """Text with a space or a T, with or without seconds, fractions or a Z; what is no date stays and is counted."""
        execute(
            engine,
            """CREATE TABLE t (id INTEGER PRIMARY KEY, made VARCHAR(40));
            INSERT INTO t VALUES (1, '2021-12-31'), (2, '2022-01-01'), (3, '2021-12-31T23:59:59'), (4, '2022-01-01T00:00:00'),
            (5, '2022-01-01 00:00:00.000'), (6, '2021-12-31 22:59:59.9Z'), (7, '2021-12-31T23:30:00Z'), (8, '2021-12-31 23:59'),
            (9, 'soon'), (10, ''), (11, '31/12/2020'), (12, '2020'), (13, '20200101'), (14, '2020-13-01'), (15, NULL), (16, 'now')""",
        )

        result = sweep(
            engine, table="t", older_than={"column": "made", "before": "2022-01-01", "zone": "Europe/Madrid"}
        )

        assert ids(engine, "t") == [2, 4, 5, 7, 9, 10, 11, 12, 13, 14, 15, 16]
        assert (result["unreadable"], result["without_date"]) == (7, 1)
        assert (result["oldest"][:21], result["newest"]) == ("2021-12-31 22:59:59.9", "2021-12-31")

    @pytest.mark.parametrize(("unit", "factor"), [("s", 1), ("ms", 1000), ("us", 1_000_000)])
    def test_numbers_count_from_1970_in_their_unit(
        self, engine: sa.Engine, sweep: Sweep, unit: str, factor: int
    ) -> None:
        """Zero means never; numbers of another unit are not moments of this one, or lie in the future."""
        second = 1_640_995_200
        rows = [second * factor - 1, second * factor, 0, -5 * factor, second // 1000 if unit == "s" else second]
        execute(engine, "CREATE TABLE t (id INTEGER PRIMARY KEY, made BIGINT)")
        with engine.begin() as connection:
            for number, value in enumerate(rows):
                connection.exec_driver_sql(f"INSERT INTO t VALUES ({number}, {value})")

        result = sweep(engine, table="t", older_than={"column": "made", "before": "2022-01-01", "unit": unit})

        assert ids(engine, "t") == ([1, 2, 3] if unit == "s" else [1, 2, 3, 4])
        assert result["unreadable"] == (2 if unit == "s" else 3)

    def test_wrong_unit_deletes_nothing(self, engine: sa.Engine, sweep: Sweep) -> None:
        """Seconds read as milliseconds would all lie in 1970; the run asks instead."""
        execute(engine, "CREATE TABLE t (id INTEGER PRIMARY KEY, made BIGINT); INSERT INTO t VALUES (1, 1640995200)")

        with pytest.raises(JobFailed, match='is unit = "ms" right'):
            sweep(engine, table="t", older_than={"column": "made", "age": "1d", "unit": "ms"})

    def test_tables_are_kept_up_afterwards(self, shop: sa.Engine, sweep: Sweep) -> None:
        """What was asked for is done once rows went, and says what space came back; without rows it is not."""
        rule = {"table": "shop_order", "children": ["line_tax", "line"], "after": ["analyze", "vacuum", "optimize"]}

        done = sweep(shop, **rule)["after"]
        assert {one["did"].split()[0].lower() for one in done} >= {"analyze"}
        assert len(done) >= 5
        assert all(one["bytes_before"] > 0 and one["bytes_after"] > 0 for one in done)
        assert sweep(shop, **rule)["after"] == []

    def test_plan_names_the_index_that_finds_the_rows(self, engine: sa.Engine, sweep: Sweep) -> None:
        """What the database would do is shown with the name of the index."""
        execute(
            engine,
            "CREATE TABLE t (id INTEGER PRIMARY KEY, made DATE, note VARCHAR(200)); CREATE INDEX by_made ON t (made)",
        )
        with engine.begin() as connection:
            rows = [{"id": number, "made": f"2{number % 500:03}-01-01", "note": "x" * 200} for number in range(1000)]
            connection.execute(sa.text("INSERT INTO t VALUES (:id, :made, :note)"), rows)
        execute(engine, {"mariadb": "ANALYZE TABLE t"}.get(self.kind, "ANALYZE t"))

        assert (
            "by_made"
            in sweep(engine, table="t", older_than={"column": "made", "before": "2002-01-01"}, dry_run=True)["access"]
        )

    def test_rows_are_asked_about_before_they_go(self, shop: sa.Engine, sweep: Sweep) -> None:
        """A plugin's own Python gets whole rows, batch by batch; what it keeps stays with its children, and is counted."""
        asked: list[tuple[int, str]] = []

        def before(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
            asked.extend((row["id"], row["state"]) for row in rows)
            return [row for row in rows if row["state"] == "done"]

        result = sweep(
            shop, table="shop_order", children=["line_tax", "line"], batch=1, before=before, archive={"table": "old"}
        )

        assert (asked, result["kept"], result["complete"]) == ([(1, "done"), (2, "open")], 1, True)
        assert (result["deleted"], result["children"], result["archived"]["shop_order"]) == (
            1,
            {"line": 2, "line_tax": 2},
            1,
        )
        assert (ids(shop, "shop_order"), ids(shop, "line"), ids(shop, "old")) == ([2, 3, 4, 5, 6], [12, 13, 14], [1])

    def test_rows_that_refer_to_each_other_are_asked_about_too(self, engine: sa.Engine, sweep: Sweep) -> None:
        """A leaf that is kept keeps what it refers to, which is no circle."""
        execute(engine, self.tree("(1, NULL, '2020-01-01'), (2, 1, '2020-01-01'), (3, 1, '2020-01-01')"))

        result = sweep(engine, table="tree", before=lambda rows: [row for row in rows if row["id"] != 2])

        assert (ids(engine, "tree"), result["deleted"], result["kept"], result["complete"]) == ([1, 2], 1, 1, False)

    def test_empty_table_is_clean(self, engine: sa.Engine, sweep: Sweep) -> None:
        """Nothing to do is a success."""
        execute(engine, "CREATE TABLE t (id INTEGER PRIMARY KEY, made DATE)")
        result = sweep(engine, table="t", guard={"max_percent": 10, "min_remaining": 5})
        assert (result["deleted"], result["total"], result["oldest"]) == (0, 0, None)

    def test_large_table_without_an_index_is_refused_unless_allowed(
        self, shop: sa.Engine, sweep: Sweep, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Scanning a large table again and again is asked for by name."""
        monkeypatch.setattr("automation.cleanup.guards._LARGE", 5)

        with pytest.raises(GiveUp, match=r"no index of 'shop_order' begins with 'made'.*allow_scan = true"):
            sweep(shop, table="shop_order", children=["line", "line_tax"])
        execute(shop, "CREATE INDEX by_made ON shop_order (made)")
        assert sweep(shop, table="shop_order", children=["line", "line_tax"])["deleted"] == 2


class TestSqlite(CleanupContract):
    """On SQLite."""

    kind = "sqlite"


class TestPostgresql(CleanupContract):
    """On PostgreSQL."""

    kind = "postgresql"


class TestMariadb(CleanupContract):
    """On MariaDB."""

    kind = "mariadb"
    instant = "DATETIME"
    unchecked, checked = "SET foreign_key_checks = 0;", "SET foreign_key_checks = 1"


def execute(engine: sa.Engine, script: str) -> None:
    """Several statements in one transaction."""
    with engine.begin() as connection:
        for statement in script.split(";"):
            if statement.strip():
                connection.exec_driver_sql(statement.strip())


def ids(engine: sa.Engine, table: str, column: str = "id") -> list[int]:
    """What is left, in order."""
    with engine.connect() as connection:
        return list(
            connection.execute(
                sa.select(sa.column(column)).select_from(sa.table(table)).order_by(sa.column(column))
            ).scalars()
        )

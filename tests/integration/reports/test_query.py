"""Queries against real databases: read-only, bounded, bound, and told by name."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa

from automation.clock import SystemClock
from automation.database import make_engine
from automation.errors import FailureClass, JobFailed
from automation.reports import ask

KINDS = ("sqlite", "postgresql", "mariadb")
START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(params=KINDS)
def url(request, fresh_database):
    """A database of each kind with a table of three sales."""
    url = fresh_database(request.param)
    engine = make_engine(url, pooled=False)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TABLE sales (id INTEGER PRIMARY KEY, name VARCHAR(20), price DECIMAL(10,2), at TIMESTAMP NULL)"
        )
        connection.exec_driver_sql(
            "INSERT INTO sales VALUES (1, 'a', 1.10, '2026-01-01 00:00:00'), (2, 'b', 2.20, '2026-01-02 00:00:00'),"
            " (3, NULL, NULL, NULL)"
        )
    engine.dispose()
    return url


@pytest.fixture
def query(url):
    """`query(sql, …)`: ask that database."""
    engine = make_engine(url, read_only=True)

    def run(sql, *, max_rows=100, seconds=10.0, own=(), **values):
        span = timedelta(seconds=seconds)
        return ask(engine, "sales", sql, values, max_rows=max_rows, time_limit=span, clock=SystemClock(), own=own)

    yield run
    engine.dispose()


def failure(query, sql, **how):
    """What a failing query tells, and its class."""
    with pytest.raises(JobFailed) as caught:
        query(sql, **how)
    assert str(caught.value).startswith("query 'sales': ")
    assert str(caught.value).isprintable()
    return str(caught.value), caught.value.failure_class


def test_rows_and_types_come_as_they_are(query):
    """Numbers, text and NULL, in order."""
    answer = query("SELECT id, name, price FROM sales ORDER BY id")

    assert answer.columns == ("id", "name", "price")
    assert [(key, name, price and Decimal(str(price))) for key, name, price in answer.rows] == [
        (1, "a", Decimal("1.1")), (2, "b", Decimal("2.2")), (3, None, None)
    ]  # fmt: skip
    assert not answer.truncated


def test_the_window_is_bound_in_utc(query):
    """A moment of any zone selects by its instant; half open."""
    madrid = START.astimezone().astimezone(tz=None)

    answer = query(
        "SELECT id FROM sales WHERE at >= :window_start AND at < :window_end",
        window_start=madrid,
        window_end=START + timedelta(days=1),
    )

    assert answer.rows == ((1,),)


def test_values_are_bound_and_never_sql(query):
    """A value that looks like SQL is compared and not run; a list serves IN."""
    assert query("SELECT id FROM sales WHERE name = :name", name="x' OR '1'='1").rows == ()
    assert query("SELECT id FROM sales WHERE id IN :ids ORDER BY id", ids=[1, 3]).rows == ((1,), (3,))
    assert query("SELECT id FROM sales WHERE id IN :ids", ids=[]).rows == ()
    assert query("SELECT :day AS day, ':not' AS c, '100%' AS p".replace(":not", r"\:not"), day=date(2026, 1, 2)).rows[0][1:] == (
        ":not", "100%"
    )  # fmt: skip


def test_rows_beyond_the_limit_are_left_out_and_told(query):
    """Exactly the limit is not truncated."""
    assert query("SELECT id FROM sales ORDER BY id", max_rows=3).truncated is False
    answer = query("SELECT id FROM sales ORDER BY id", max_rows=2)
    assert (answer.rows, answer.truncated) == (((1,), (2,)), True)


def test_a_huge_answer_is_cut_without_being_read(query):
    """A million rows cost no more than the first hundred."""
    numbers = " UNION ALL ".join(f"SELECT {digit} AS n" for digit in range(10))
    product = ", ".join(f"({numbers}) t{place}" for place in range(6))

    answer = query(f"SELECT t0.n FROM {product}", max_rows=100)

    assert (len(answer.rows), answer.truncated) == (100, True)


def test_columns_of_one_name_are_told_apart(query):
    """No value is lost under another's name."""
    answer = query("SELECT 1 AS a, 2 AS a, 3 AS a_2, 4 AS a")

    assert answer.columns == ("a", "a_3", "a_2", "a_4")
    assert answer.records() == [{"a": 1, "a_3": 2, "a_2": 3, "a_4": 4}]


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM sales",
        "UPDATE sales SET price = 0",
        "DROP TABLE sales",
        "CREATE TABLE other (a INT)",
        "SELECT 1; DELETE FROM sales",
        "SELECT 1; COMMIT; DELETE FROM sales",
        "WITH gone AS (DELETE FROM sales RETURNING id) SELECT * FROM gone",
        "SELECT * INTO other FROM sales",
    ],
)
def test_nothing_is_written(query, url, sql):
    """Whatever is tried, the table stands as before, and the failure is the job's own."""
    _, kind = failure(query, sql)

    assert kind is FailureClass.CONFIG
    with make_engine(url, pooled=False).connect() as connection:
        assert connection.scalar(sa.text("SELECT sum(price) FROM sales")) in (Decimal("3.30"), pytest.approx(3.3))


def test_the_transaction_itself_only_reads(fresh_database):
    """A function that writes, which no look at the SQL can find, is stopped by PostgreSQL."""
    url = fresh_database("postgresql")
    engine = make_engine(url, pooled=False)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE t (a INT)")
        connection.exec_driver_sql(
            "CREATE FUNCTION w() RETURNS INT LANGUAGE sql AS 'INSERT INTO t VALUES (1) RETURNING 1'"
        )
    reader = make_engine(url, read_only=True, pooled=False)

    with pytest.raises(JobFailed, match=r"query 'q': it tries to change the database .*; a query only reads"):
        ask(reader, "q", "SELECT w()", {}, max_rows=9, time_limit=timedelta(seconds=5), clock=SystemClock())


SLOW = {
    "sqlite": "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT count(*) FROM c",
    "postgresql": "SELECT pg_sleep(30)",
    "mysql": "SELECT count(*) FROM seq_1_to_100000000 a, seq_1_to_100000000 b",
}


def test_a_slow_query_is_stopped(query, url):
    """By the database itself, and the next query runs as ever."""
    message, kind = failure(query, SLOW[url.partition(":")[0]], seconds=0.2)

    assert kind is FailureClass.TIMEOUT
    assert "stopped after 200ms; make it faster (an index?) or raise its time_limit" in message
    assert query("SELECT 1 AS a").rows == ((1,),)


@pytest.mark.parametrize(
    ("sql", "how", "said"),
    [
        ("SELECT * FROM nothing", {}, "nothing"),
        ("SELECT FROM WHERE", {}, ""),
        ("SELECT :windw_start", {"window_start": START}, "nothing sets ':windw_start'; did you mean ':window_start'?"),
        ("SELECT ':x'", {}, r"write \:x for a plain colon"),
        ("SELECT 1", {"n": 1, "own": ("n",)}, "the SQL does not use ':n'; remove it from params"),
        ("", {}, "is empty; a query only reads"),
    ],
)
def test_a_mistake_is_told_in_a_sentence(query, sql, how, said):
    """With the query's name, without the SQL or a traceback."""
    message, kind = failure(query, sql, **how)

    assert kind is FailureClass.CONFIG
    assert said in message
    assert "[SQL" not in message


def test_a_pool_keeps_no_setting_of_ours(url):
    """What limits one query does not limit what the engine does next."""
    engine = make_engine(url, read_only=True)
    ask(
        engine, "q", "SELECT id FROM sales", {}, max_rows=1, time_limit=timedelta(milliseconds=500), clock=SystemClock()
    )

    with engine.connect() as connection:
        assert len(connection.execute(sa.text("SELECT id FROM sales")).all()) == 3
    engine.dispose()


def test_reading_does_not_wait_for_a_writer(url, query):
    """A report is made while somebody else holds a write lock."""
    writer = make_engine(url, pooled=False)
    with writer.begin() as connection:
        connection.exec_driver_sql("UPDATE sales SET price = 9 WHERE id = 1")
        assert len(query("SELECT id FROM sales", seconds=5).rows) == 3
        connection.rollback()


def test_a_server_that_is_not_there_is_told_without_its_password():
    """The host is named; trying again may help."""
    engine = make_engine("postgresql://u:geheim@127.0.0.1:1/x", pooled=False)

    with pytest.raises(
        JobFailed, match=r"query 'q': cannot open postgresql\+psycopg://u:\*\*\*@127.0.0.1:1/x"
    ) as caught:
        ask(engine, "q", "SELECT 1", {}, max_rows=1, time_limit=timedelta(seconds=1), clock=SystemClock())
    assert caught.value.failure_class is FailureClass.TRANSPORT
    assert "geheim" not in str(caught.value)


def test_a_file_that_is_not_there_is_told(tmp_path):
    """A misspelt path is not made into an empty database."""
    engine = make_engine(f"sqlite:///{tmp_path}/nothing.db", pooled=False, read_only=True)

    with pytest.raises(JobFailed, match="is not there yet"):
        ask(engine, "q", "SELECT 1", {}, max_rows=1, time_limit=timedelta(seconds=1), clock=SystemClock())
    assert not (tmp_path / "nothing.db").exists()


def test_queries_may_run_side_by_side(query):
    """Limits of one do not strike another."""
    answers: list[int] = []
    threads = [
        threading.Thread(target=lambda: answers.append(len(query("SELECT id FROM sales").rows))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert answers == [3, 3, 3, 3]

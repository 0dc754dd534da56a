"""Which SQL is one statement that reads, in each database's own writing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.reports.statement import first_word, reading_statement

EVERY = ("sqlite", "postgresql", "mysql", "mariadb")


@pytest.mark.parametrize("dialect", EVERY)
@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1",
        "select 1;",
        " \n-- note; with semicolon\nSELECT 1 ; ",
        "/* DROP TABLE x; */ SELECT 1",
        "WITH a AS (SELECT 1) SELECT * FROM a",
        "VALUES (1)",
        "(SELECT 1) UNION (SELECT 2)",
        "SELECT ';' AS a, 'it''s; fine' AS b",
        'SELECT 1 AS "a;b"',
        "EXPLAIN SELECT 1",
        "SELECT 'DELETE FROM x'",
        "SELECT 'INTO'",
    ],
)
def test_one_reading_statement_passes(dialect, sql):
    """Comments, quotes and a last semicolon do not matter."""
    kept = reading_statement(sql, dialect)

    assert kept.strip().rstrip(";").strip() in sql
    assert not kept.rstrip().endswith(";")


@pytest.mark.parametrize("dialect", EVERY)
@pytest.mark.parametrize(
    "sql",
    [
        "",
        ";",
        "-- nothing",
        "/* only",
        "DELETE FROM x",
        "INSERT INTO x VALUES (1)",
        "UPDATE x SET a = 1",
        "DROP TABLE x",
        "/* SELECT */ DROP TABLE x",
        "-- SELECT\nTRUNCATE x",
        "CREATE TABLE x (a int)",
        "PRAGMA journal_mode = DELETE",
        "ATTACH 'x' AS y",
        "CALL p()",
        "SET x = 1",
        "COPY x TO '/tmp/x'",
        "DO $$ BEGIN END $$",
        "ANALYZE DELETE FROM x",
        "SELECT 1; DELETE FROM x",
        "SELECT 1; SELECT 2",
        "SELECT ';'; DROP TABLE x",
        "SELECT 1 /* ; */ ; COMMIT",
        "SELECT * INTO y FROM x",
        "SELECT 1 INTO OUTFILE '/tmp/x'",
    ],
)
def test_everything_else_is_refused(dialect, sql):
    """What writes, sets, or is more than one statement does not get to the database."""
    with pytest.raises(ValueError, match=r"only reads|one query for each"):
        reading_statement(sql, dialect)


@pytest.mark.parametrize(
    ("dialect", "sql"),
    [
        ("postgresql", r"SELECT '\'; DROP TABLE x; --'"),
        ("postgresql", "SELECT $a$;$b$;$a$; DROP TABLE x"),
        ("postgresql", "/* a /* b */ SELECT 1; */ DROP TABLE x"),
        ("mysql", r"SELECT '\\'; DROP TABLE x; -- '"),
        ("mysql", "SELECT 1 # ' \n; DROP TABLE x"),
        ("mysql", "SELECT 1--; \n; DROP TABLE x"),
        ("mariadb", "SELECT 1 /*! INTO OUTFILE '/tmp/x' */"),
        ("mariadb", "SELECT 1 /*M! ; DROP TABLE x */"),
        ("sqlite", "SELECT [a;b]; DROP TABLE x"),
        ("sqlite", "SELECT `a;b`; DROP TABLE x"),
    ],
)
def test_no_way_of_quoting_hides_a_second_statement(dialect, sql):
    """Each database's quotes and comments end where that database ends them."""
    with pytest.raises(ValueError, match=r"only reads|one query|would run"):
        reading_statement(sql, dialect)


@pytest.mark.parametrize(
    ("dialect", "sql"),
    [
        ("postgresql", "SELECT $$;$$"),
        ("postgresql", r"SELECT E'\';'"),
        ("postgresql", "SELECT 1 /* a /* ; */ ; */"),
        ("mysql", r"SELECT '\';'"),
        ("mysql", "SELECT 1 # ; \n"),
        ("mysql", 'SELECT "a;\\";b"'),
        ("sqlite", "SELECT 1 AS [a;b]"),
        ("sqlite", r"SELECT '\', ';'"),
    ],
)
def test_a_semicolon_inside_quotes_is_text(dialect, sql):
    """What only looks like two statements passes."""
    assert reading_statement(sql, dialect) == sql


def test_the_first_word_is_found_behind_comments():
    """The check of a project tells what a query begins with."""
    assert first_word("-- a\n/* b */ ((delete from x))") == "DELETE"
    assert first_word("") == ""


@given(st.text(alphabet="aS'\"`$;-#/*\\\n [](){}E", max_size=60), st.sampled_from(EVERY))
def test_any_text_is_judged(sql, dialect):
    """No input breaks the reader, and what passes is one statement that begins right."""
    try:
        kept = reading_statement(f"SELECT {sql}", dialect)
    except ValueError:
        return
    assert kept.startswith("SELECT")

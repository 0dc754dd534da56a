"""The parameters of a clean-up: what may be written, and which instant it means."""

from __future__ import annotations

import json
import tomllib
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from automation.cleanup.rule import CleanupParams, OlderThan

NOON = datetime(2026, 3, 29, 12, 0, tzinfo=UTC)


def rule(**params: Any) -> CleanupParams:
    return CleanupParams.model_validate({"table": "t", "older_than": {"column": "made", "age": "1d"}, **params})


def test_age_counts_from_the_given_moment() -> None:
    """A duration is an exact span, also over a change of the clocks."""
    assert OlderThan(column="made", age="1d", zone="Europe/Madrid").cutoff(NOON) == NOON - timedelta(hours=24)


@pytest.mark.parametrize(
    ("before", "zone", "cutoff"),
    [
        ("2022-01-01", "UTC", "2022-01-01T00:00:00+00:00"),
        ("2022-01-01", "Europe/Madrid", "2021-12-31T23:00:00+00:00"),
        ("2022-07-01T08:00:00", "America/New_York", "2022-07-01T12:00:00+00:00"),
        ("2022-01-01T00:00:00Z", "Asia/Tokyo", "2022-01-01T00:00:00+00:00"),
        ("2022-01-01T00:00:00+02:00", "Asia/Tokyo", "2021-12-31T22:00:00+00:00"),
    ],
)
def test_before_is_absolute_and_read_in_the_zone(before: str, zone: str, cutoff: str) -> None:
    """TOML's own dates and the text that they become in the ledger mean the same instant."""
    in_toml = tomllib.loads(f"before = {before}")["before"]
    for value in (in_toml, before, json.loads(json.dumps(in_toml, default=str))):
        older = OlderThan.model_validate({"column": "made", "before": value, "zone": zone})
        assert older.cutoff(NOON).isoformat() == cutoff


@pytest.mark.parametrize(
    ("older_than", "said"),
    [
        ({"column": "made"}, "exactly one of 'age'"),
        ({"column": "made", "age": "1d", "before": "2022-01-01"}, "exactly one of 'age'"),
        ({"column": "made", "age": "30"}, "'30' is not a duration"),
        ({"column": "made", "age": "0s"}, "an age of zero"),
        ({"column": "made", "age": "-1d"}, "is not a duration"),
        ({"column": "made", "before": "yesterday"}, "'yesterday' is not a date"),
        ({"column": "made", "before": 1640995200}, "'1640995200' is not a date"),
        ({"column": "made", "before": "2022-13-01"}, "is not a date"),
        ({"column": "made", "before": "0022-01-01"}, "is not a date from 1900 on"),
        ({"column": "made", "age": "1d", "zone": "Europe/Madird"}, "did you mean 'Europe/Madrid'"),
        ({"column": "made", "age": "1d", "unit": "h"}, "'s', 'ms' or 'us'"),
        ({"age": "1d"}, "Field required"),
    ],
)
def test_age_that_cannot_be_meant_is_refused(older_than: dict[str, Any], said: str) -> None:
    """With the value that was seen and what to write instead."""
    with pytest.raises(ValidationError, match=said):
        rule(older_than=older_than)


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({}, "nothing says which rows are to go"),
        ({"where": {"a": 1}, "table": None}, "'table' is missing"),
        ({"rules": [{"where": {"a": 1}}, {}]}, r"rules\[1\]: nothing says which rows"),
        ({"rules": [{"where": {"a": 1}}], "where": {"a": 1}}, "inside each of 'rules'"),
        ({"where_sql": "a = 1"}, "allow_sql = true"),
        ({"older_than": {"column": "a", "age": "1d"}, "soft_deleted": {"column": "b", "age": "1d"}}, "two ages"),
        ({"where": {"a": 1}, "pace": {"replica": "x"}}, "'replica' is for max_replica_lag"),
        ({"where": {"a": 1}, "pace": {"max_replica_lag": "5"}}, "'5' is not a duration"),
        ({"soft_deleted": {"column": "b", "unit": "s"}}, "'unit' is for a moment"),
        ({"soft_deleted": {"column": "b", "age": "30"}}, "'30' is not a duration"),
        ({"soft_deleted": {"column": "b", "age": "1d", "zone": "Marz"}}, "not a time zone"),
        ({"keep_last": {"per": [], "count": 1}}, "at least 1"),
        ({"keep_last": {"per": "a", "count": 0}}, "greater than or equal to 1"),
        ({"where": {"a": 1}, "pace": {"window": "3:00-5:00"}}, "'3:00-5:00' is not a time of day"),
        ({"where": {"a": 1}, "pace": {"window": "03:00-03:00"}}, "is not a time of day"),
        ({"where": {"a": 1}, "pace": {"budget": "0s"}}, "zero is no pace"),
        ({"where": {"a": 1}, "pace": {"target_latency": "quick"}}, "'quick' is not a duration"),
        ({"where": {"a": 1}, "pace": {"zone": "Marz"}}, "not a time zone"),
        ({"files": {"folder": "x", "age": "1d"}}, "two jobs"),
        ({"table": None, "files": {"folder": "x"}}, "nothing says which files"),
        ({"table": None, "files": {"folder": "x", "age": "0s"}}, "an age of zero"),
        ({"table": None, "files": {"folder": "x", "max_size": "much"}}, "much"),
        ({"where": {"a": 1}, "archive": {}}, "exactly one of 'to'"),
        ({"where": {"a": 1}, "archive": {"to": "xml"}}, "'jsonl', 'csv' or 'parquet'"),
        ({"where": {"a": 1}, "archive": {"to": "csv", "database": "cold"}}, "for an archive in a table"),
        ({"where": {"a": 1}, "guard": {"max_drift": 1}}, "greater than 1"),
        ({"where": {"a": 1}, "guard": {"max_percent": 101}}, "less than or equal to 100"),
    ],
)
def test_rule_that_does_not_hang_together_is_refused(params: dict[str, Any], said: str) -> None:
    """Before any database is asked, and with what to write."""
    with pytest.raises(ValidationError, match=said):
        CleanupParams.model_validate({"table": "t", **params})


def test_rules_take_the_jobs_table_unless_they_name_their_own() -> None:
    """Several rules, in order."""
    found = CleanupParams.model_validate(
        {"table": "t", "rules": [{"duplicates_by": "a"}, {"table": "u", "soft_deleted": {"column": "gone"}}]}
    )
    assert [step.table for step in found.steps()] == ["t", "u"]


def test_other_keys_are_unknown() -> None:
    """A typing mistake is no parameter."""
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        rule(childern=["line"])


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ([{"column": "a", "op": "~", "value": 1}], "Input should be '='"),
        ([{"column": "a", "op": "in", "value": "x"}], "'in' needs a list"),
        ([{"column": "a", "op": "in", "value": []}], "'in' needs a list"),
        ([{"column": "a", "op": "is_null", "value": 1}], "'is_null' takes no value"),
        ([{"column": "a"}], "'=' needs one value"),
        ([{"column": "a", "value": [1]}], "'=' needs one value"),
        ("a = 1", "valid list"),
    ],
)
def test_condition_that_makes_no_sense_is_refused(where: Any, said: str) -> None:
    """Operators and values must fit each other; SQL is not taken."""
    with pytest.raises(ValidationError, match=said):
        rule(where=where)


def test_short_conditions_are_equalities() -> None:
    """A table of names and values is the same as the long form."""
    short, long = (
        rule(where={"a": 1, "b": ["x", "y"]}),
        rule(where=[{"column": "a", "value": 1}, {"column": "b", "op": "in", "value": ["x", "y"]}]),
    )
    assert short.where == long.where


@pytest.mark.parametrize(
    ("params", "limit"),
    [({}, None), ({"max_rows": 5}, 5), ({"guard": {"max_rows": 3}}, 3), ({"max_rows": 5, "guard": {"max_rows": 0}}, 0)],
)
def test_smaller_limit_counts(params: dict[str, Any], limit: int | None) -> None:
    """`max_rows` may be said twice."""
    assert rule(**params).row_limit == limit


def test_parameters_survive_the_ledger() -> None:
    """What is kept as JSON reads back as the same rule."""
    params = rule(older_than={"column": "made", "before": "2022-01-01"}, where={"a": True}, guard={"max_percent": 12.5})
    assert CleanupParams.model_validate(params.model_dump(mode="json", exclude_unset=True)) == params


@given(st.text(max_size=40) | st.datetimes().map(datetime.isoformat) | st.dates().map(str))
def test_any_text_is_a_date_or_a_sentence(text: str) -> None:
    """Whatever is written, the answer is a cutoff in UTC or a validation error."""
    with suppress(ValidationError):
        assert OlderThan.model_validate({"column": "made", "before": text}).cutoff(NOON).tzinfo is UTC

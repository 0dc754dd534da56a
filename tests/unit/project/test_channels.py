"""Alerts and channels in TOML: what is read, what is refused, and what a run keeps."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from automation.ledger.alarm import Alerts, Quiet, Target
from automation.ledger.states import Kind
from automation.project.definition import definition
from automation.project.effective import effective
from automation.project.order import RunSpec, run_of
from automation.registry import Registry

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
JOB = '[jobs.books]\nplugin = "scrape"\nparams.start = "https://example.com/"\n'
TABLE = JOB + "[jobs.books.alerts]\n"
CHANNELS = '[channels.ops]\nto = ["Ops <ops@example.com>", "boss@example.com"]\n'
BOTH = (Target("ops@example.com"), Target("boss@example.com"))


@pytest.fixture
def read(load: Callable[..., Any], tmp_path: Path) -> Callable[..., Any]:
    """`read(text, channels)`: the project."""

    def make(text: str, channels: str = CHANNELS) -> Any:
        (tmp_path / "automation.toml").write_text(channels)
        return load(text)

    return make


def test_alerts_are_read_and_kept_by_a_run(read: Callable[..., Any]) -> None:
    """Without a table nobody is told; what it lacks is inherited key by key, or has its default."""
    assert read(JOB).job("books").alerts is None
    found = read('[defaults.alerts]\nchannels = ["ops"]\n' + TABLE + "after_failures = 3\n")
    assert found.problems == ()
    job = found.job("books")
    assert job.alerts == Alerts(BOTH, after_failures=3)
    run = run_of(job, kind=Kind.SCHEDULED, nominal_time=NOON, now=NOON)
    assert RunSpec.from_json(run.spec).alerts == job.alerts
    assert definition(job)["alerts"]["after_failures"] == 3
    text = TABLE + 'channels = ["ops"]\non = ["late"]\nlate_after = "1h"\n'
    bulk = (
        '[mail.bulk]\nurl = "smtp://localhost:25?tls=none"\n[channels.ops]\nto = ["a@example.com"]\nserver = "bulk"\n'
    )
    alerts = read(text, bulk).job("books").alerts
    assert alerts == Alerts((Target("a@example.com", "bulk"),), ("late",), late_after=timedelta(hours=1))


def test_quiet_hours_are_read_and_kept_by_a_run(read: Callable[..., Any]) -> None:
    """With their clocks, beside whether the job's alerts heed them."""
    quiet = CHANNELS + 'quiet = ["22:00-07:00", "sat"]\ntimezone = "Europe/Berlin"\n'
    job = read(TABLE + 'channels = ["ops"]\nurgent = true\n', quiet).job("books")
    hours = Quiet(("22:00-07:00", "sat"), "Europe/Berlin")
    assert job.alerts == Alerts(tuple(one._replace(quiet=hours) for one in BOTH), urgent=True)
    run = run_of(job, kind=Kind.SCHEDULED, nominal_time=NOON, now=NOON)
    assert RunSpec.from_json(run.spec).alerts == job.alerts


@pytest.mark.parametrize(
    ("text", "channels", "said"),
    [
        (TABLE + 'channels = ["opps"]', CHANNELS, "jobs.books.alerts.channels[0]: there is no channel 'opps' in automation.toml; did you mean 'ops'?"),
        (TABLE + 'channels = ["ops"]', "", "there is no channel 'ops' in automation.toml; write [channels.ops] to = [\"you@example.com\"] there"),
        (TABLE + "after_failures = 2", CHANNELS, 'jobs.books.alerts: tells nobody; write channels = ["ops"]'),
        (TABLE + 'channels = ["ops"]\non = ["failed"]', CHANNELS, "jobs.books.alerts.on[0]: found 'failed'; did you mean 'failure'?"),
        (TABLE + 'channels = ["ops"]\nafter = 2', CHANNELS, "jobs.books.alerts.after: unknown key 'after'"),
        (JOB + "alerts = 5", CHANNELS, "jobs.books.alerts: found the number 5; write a table"),
        (JOB, "[channels.ops]\n", "channels.ops: missing 'to'; write to = [\"you@example.com\"]"),
        (JOB, '[channels.ops]\nto = ["nobody"]', "channels.ops.to[0]: to 'nobody'"),
        (JOB, '[channels.ops]\nto = ["${env:OPS:-a@example.com}"]', "channels.ops.to[0]: a reference cannot stand here"),
        (JOB, CHANNELS + 'quiet = "22:00-07:00"', "channels.ops.quiet: found '22:00-07:00'; write a list of strings"),
        (JOB, CHANNELS + "quiet = []", 'channels.ops.quiet: is empty; write quiet = ["22:00-07:00"], or remove it'),
        (JOB, CHANNELS + 'quiet = ["sat", "22-7"]', "channels.ops.quiet[1]: found '22-7'"),
        (JOB, CHANNELS + 'quiet = ["mon-sun"]', "channels.ops.quiet: covers the whole week"),
        (JOB, CHANNELS + 'timezone = "Europe/Berlim"', "channels.ops.timezone: there is no time zone 'Europe/Berlim'"),
        (TABLE + 'channels = ["ops"]\nurgent = "yes"', CHANNELS, "jobs.books.alerts.urgent: found 'yes'; write true or false"),
        (JOB, CHANNELS + 'server = "bulk"', "channels.ops.server: there is no mail server 'bulk'"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_place(read: Callable[..., Any], text: str, channels: str, said: str) -> None:
    """And what to write instead."""
    assert any(said in str(problem) for problem in read(text, channels).problems), read(text, channels).problems


def test_what_counts_is_shown(read: Callable[..., Any], tmp_path: Path, registry: Registry) -> None:
    """Each value with the place that it comes from."""
    read(TABLE + 'channels = ["ops"]\nafter_failures = 3\n')
    _, found = effective(tmp_path, registry, {}, "books")
    values = {one.key: (one.value, one.origin) for one in found if one.key.startswith("alerts")}
    assert values["alerts.after_failures"] == (3, "schedules/a.toml:6")
    assert values["alerts.channels"] == (("ops@example.com", "boss@example.com"), "schedules/a.toml:5")
    assert values["alerts.late_after"] == (timedelta(minutes=15), "default")

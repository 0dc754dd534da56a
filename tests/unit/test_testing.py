"""What a plugin author's tests get: one attempt, as the product makes it."""

from __future__ import annotations

from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

import pytest
import sqlalchemy as sa

from automation.errors import InvalidInput, UnknownName
from automation.plugin import Context, plugin
from automation.testing import FrozenClock, JobRun, run_job

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@plugin
def greets(ctx: Context, name: str = "you") -> dict[str, str]:
    """Greet."""
    ctx.log.info("greeting %s", name)
    ctx.artifact("card.txt", f"Hello {name}")
    message = EmailMessage()
    message["To"], message["Subject"] = "b@example.com, a@example.com", f"Grüße, {name}"
    message.set_content("Hi.")
    ctx.send(message)
    return {"name": name}


def test_run_tells_all_that_it_did() -> None:
    """State, result, files by name, mails in the order of sending, log lines."""
    done = run_job(greets, {"name": "Ada"})

    assert (done.state, done.result, done.files) == ("succeeded", {"name": "Ada"}, {"card.txt": b"Hello Ada"})
    assert [mail["Subject"] for mail in done.mails] == ["Grüße, Ada"] * 2
    assert done.mails[0].get_content() == "Hi.\n"
    assert done.log == ("greeting Ada",)


def test_plugin_of_the_project_goes_by_its_name(tmp_path: Path) -> None:
    """As do the shipped ones; another name gets the nearest."""
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "count.py").write_text(
        "from automation import Context, plugin\n@plugin\ndef count(ctx: Context) -> dict:\n    return {'n': 1}\n"
    )

    assert run_job("count", project=tmp_path).result == {"n": 1}
    assert run_job("shell", {"command": "true"}).state == "succeeded"
    with pytest.raises(UnknownName, match="no plugin 'cuont'; did you mean 'count'"):
        run_job("cuont", project=tmp_path)


def test_function_without_the_decorator_is_refused() -> None:
    """With what to put above it."""
    with pytest.raises(InvalidInput, match="is no plugin; put @plugin above it"):
        run_job(lambda ctx: None)


def test_time_stands_still_where_it_is_given() -> None:
    """The nominal time is that moment."""

    @plugin
    def tells(ctx: Context) -> str:
        return ctx.nominal_time.isoformat()

    assert run_job(tells, at=NOON).result == "2026-03-01T12:00:00+00:00"
    assert FrozenClock(NOON).now() == NOON


def test_environment_is_what_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the process's own is seen."""
    monkeypatch.setenv("TOKEN", "from outside")

    assert run_job(greets, {"name": "${env:TOKEN:-nobody}"}).result == {"name": "nobody"}
    assert run_job(greets, {"name": "${env:TOKEN}"}, environ={"TOKEN": "abc"}).result == {"name": "abc"}


def test_databases_are_given_by_name(tmp_path: Path) -> None:
    """Or are the project's `data.db`, which stays with it."""

    @plugin
    def counts(ctx: Context, database: str | None = None) -> int:
        with ctx.database(database).begin() as connection:
            connection.execute(sa.text("CREATE TABLE IF NOT EXISTS t (n INTEGER)"))
            connection.execute(sa.text("INSERT INTO t VALUES (1)"))
            return int(connection.execute(sa.text("SELECT count(*) FROM t")).scalar_one())

    shop = {"shop": f"sqlite:///{tmp_path}/shop.db"}

    assert [run_job(counts, {"database": "shop"}, databases=shop).result for _ in range(2)] == [1, 2]
    assert [run_job(counts, project=tmp_path).result for _ in range(2)] == [1, 2]
    assert run_job(counts, {"database": "other"}, databases=shop).failure_class == "config"


def test_nothing_is_left_of_a_run_without_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its folder is a temporary one."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    done: JobRun = run_job(greets)

    assert done.state == "succeeded"
    assert list(tmp_path.iterdir()) == []

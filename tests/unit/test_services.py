"""A process is wired once, late, and given back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from automation.clock import SystemClock
from automation.errors import InvalidInput, LedgerUnavailable, SettingsInvalid, UnknownName
from automation.secrets import SecretMissing
from automation.services import Services, build_services


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Callable[..., Services]]:
    """`build(NAME=value)`: services of an empty project in this environment."""
    made: list[Services] = []

    def make(**environ: str) -> Services:
        made.append(build_services(tmp_path, environ=environ))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_building_touches_nothing(build: Callable[..., Services], tmp_path: Path) -> None:
    """No folder, no connection, before somebody needs one; closing what was never opened is fine."""
    services = build()
    services.close()

    assert isinstance(services.clock, SystemClock)
    assert list(tmp_path.iterdir()) == []


def test_wrong_environment_builds_nothing(build: Callable[..., Services]) -> None:
    """All that is wrong at once, before anything is opened."""
    with pytest.raises(SettingsInvalid, match="AUTOMATION_WORKERS"):
        build(AUTOMATION_WORKERS="many")


def test_ledger_without_tables_says_how_to_make_them(build: Callable[..., Services]) -> None:
    """Looking makes none; who works without `up` makes or upgrades it."""
    with pytest.raises(LedgerUnavailable, match="so does: automation db upgrade"):
        _ = build().ledger
    services = build()

    assert services.upgraded_ledger() is services.ledger
    assert services.ledger.queries.runs() == []


def test_databases_go_by_name(build: Callable[..., Services], tmp_path: Path) -> None:
    """Their references are resolved late, relative files start from the project, and an engine is made once."""
    (tmp_path / "automation.toml").write_text('[databases.shop]\nurl = "sqlite:///${env:FILE}.db"\n')
    services = build(FILE="shop")

    assert services.database("shop").url.database == str(tmp_path / "shop.db")
    assert services.database("shop") is services.database("shop")
    assert services.database("shop", read_only=True) is not services.database("shop")
    with pytest.raises(SecretMissing, match="FILE is not set"):
        build().database("shop")


def test_no_name_is_the_projects_own_data(build: Callable[..., Services], tmp_path: Path) -> None:
    """In the data folder; `data` means the same."""
    services = build()

    assert services.database(None) is services.database("data")
    assert services.database(None).url.database == str(tmp_path / ".automation" / "data.db")


def test_unknown_database_gets_the_nearest(build: Callable[..., Services], tmp_path: Path) -> None:
    """And how to declare it."""
    (tmp_path / "automation.toml").write_text('[databases.shop]\nurl = "sqlite:///shop.db"\n')

    with pytest.raises(UnknownName, match=r"'shpo'; did you mean 'shop'\?.*\[databases\.shpo\] url"):
        build().database("shpo")


def test_secrets_of_the_environment_are_masked_from_the_start(build: Callable[..., Services]) -> None:
    """Keys and passwords of URLs, and not what is no secret."""
    services = build(
        AUTOMATION_SECRET_KEY="a-long-secret-key", AUTOMATION_SMTP_URL="smtp://u:mail-pw@h",
        AUTOMATION_DATABASE_URL="postgresql://u:db-pw@h/n", AUTOMATION_REDIS_URL="redis://localhost/0",
    )  # fmt: skip
    shown = services.redactor.mask("a-long-secret-key mail-pw db-pw redis://localhost/0")

    assert shown == "*** *** *** redis://localhost/0"


def test_mails_come_from_the_servers_sender_or_this_machine(build: Callable[..., Services]) -> None:
    """Without a server there is none to ask."""
    url = "smtp://127.0.0.1:25?tls=none&from=reports@example.com"

    assert build(AUTOMATION_SMTP_URL=url).mail_sender() == "reports@example.com"
    assert build().mail_sender().startswith("automation@")
    with pytest.raises(InvalidInput, match="AUTOMATION_SMTP_URL is not set; write smtp://"):
        _ = build().smtp


def test_workdir_is_gone_afterwards(build: Callable[..., Services], tmp_path: Path) -> None:
    """It lies in the data folder, so that finished files move."""
    with build().workdir() as folder:
        assert Path(folder).parent == tmp_path / ".automation" / "work"

    assert not Path(folder).exists()


def test_one_job_is_read_without_the_project(build: Callable[..., Services], tmp_path: Path) -> None:
    """A job is at hand although nothing else was read; a name that is none gets the nearest of all."""
    (tmp_path / "schedules").mkdir()
    for name in ("books", "films"):
        text = f'[jobs.{name}]\nplugin = "shell"\nparams = {{ command = ["true"] }}\n'
        (tmp_path / "schedules" / f"{name}.toml").write_text(text)
    services = build()

    assert (services.job("books").name, services.job("books").problem) == ("books", None)
    assert "project" not in vars(services)
    with pytest.raises(UnknownName, match="did you mean 'films'"):
        services.job("filns")
    assert services.project.job("films") is services.job("films")

"""The environment as settings: defaults, limits, and every problem at once."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from automation.errors import SettingsInvalid
from automation.settings import Settings, environment, process_id, read_settings, with_dotenv

KEY = "k" * 16
ROOT = Path("/srv/shop")


def read(**variables: str) -> Settings:
    named = {name if name == "PORT" else f"AUTOMATION_{name}": value for name, value in variables.items()}
    return read_settings(ROOT, named)


def problems(**variables: str) -> tuple[str, ...]:
    with pytest.raises(SettingsInvalid) as refused:
        read(**variables)
    return refused.value.problems


def test_nothing_set_is_one_machine_without_mail() -> None:
    """Embedded broker, SQLite in the data folder, loopback, captured mails."""
    found = read()

    assert found == Settings(
        project=ROOT,
        data=ROOT / ".automation",
        database_url="sqlite:////srv/shop/.automation/ledger.db",
        artifacts=ROOT / ".automation" / "artifacts",
    )
    assert (found.embedded_broker, found.host, found.port, found.smtp_url) == (True, "127.0.0.1", 8000, None)
    assert (found.lease, found.grace, found.workers) == (timedelta(seconds=20), timedelta(seconds=25), 2)


@pytest.mark.parametrize(
    ("name", "value", "attribute", "read_as"),
    [
        ("DATA_DIR", "/var/lib/shop", "data", Path("/var/lib/shop")),
        ("DATA_DIR", "state", "data", ROOT / "state"),
        ("DATABASE_URL", "postgresql://h/n", "database_url", "postgresql://h/n"),
        ("REDIS_URL", "unix:///run/redis.sock", "redis_url", "unix:///run/redis.sock"),
        ("ARTIFACTS_URL", "file:///srv/files", "artifacts", Path("/srv/files")),
        ("ARTIFACTS_URL", "/srv/files", "artifacts", Path("/srv/files")),
        ("SMTP_URL", "smtp://u:p@h:587", "smtp_url", "smtp://u:p@h:587"),
        ("SECRET_KEY", KEY, "secret_key", KEY),
        ("LEASE", "1m", "lease", timedelta(minutes=1)),
        ("GRACE", "0s", "grace", timedelta()),
        ("WORKERS", "512", "workers", 512),
        ("KEY_PREFIX", "shop-1_a", "key_prefix", "shop-1_a"),
        ("HOST", "0.0.0.0", "host", "0.0.0.0"),
        ("PORT", " 0 ", "port", 0),
        ("LOG_FORMAT", "JSON", "log_format", "json"),
        ("LOG_LEVEL", "debug", "log_level", "debug"),
        ("REMOTE_CONTROL", "1", "remote_control", True),
        ("TASK_EVENTS", "1", "task_events", True),
        ("SMTP_INSECURE", "1", "smtp_insecure", True),
        ("LEASE", "", "lease", timedelta(seconds=20)),
        ("JOB", "a command's own variable", "workers", 2),
    ],
)
def test_variable_is_read(name: str, value: str, attribute: str, read_as: Any) -> None:
    """As the type it stands for; an empty one is as if it were not set."""
    assert getattr(read(**{name: value}), attribute) == read_as


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("BROKER_URL", "http://h", "AUTOMATION_BROKER_URL: 'http' is no broker; write a URL that begins with redis://"),
        ("BROKER_URL", "redis:hunter2@h", "'' is no broker"),
        ("BROKER_URL", "redis://127.0.0.1:99999", "the port of redis://127.0.0.1:99999 is out of range"),
        ("REDIS_URL", "amqp://h", "AUTOMATION_REDIS_URL: 'amqp' is no Redis"),
        ("REDIS_URL", "redis://:hunter2@h:0/0", "the port of redis://:***@h:0/0 is out of range"),
        ("SMTP_URL", "hunter2", "AUTOMATION_SMTP_URL: '' is no mail server; write smtp://"),
        ("ARTIFACTS_URL", "s3://bucket", "'s3' stores are not available yet; write file:///folder"),
        ("SECRET_KEY", "hunter2", "AUTOMATION_SECRET_KEY: is shorter than 16 characters; make one with: openssl"),
        ("LEASE", "1s", "AUTOMATION_LEASE is '1s'; write a duration from 2s to 1h"),
        ("GRACE", "soon", "AUTOMATION_GRACE: 'soon' is not a duration"),
        ("WORKERS", "0", "AUTOMATION_WORKERS is '0'; write a whole number from 1 to 512"),
        ("WORKERS", "2.5", "write a whole number"),
        ("WORKERS", "٣", "write a whole number"),
        ("PORT", "65536", "PORT is '65536'; write a whole number from 0 to 65535"),
        ("PORT", "0000000000009999999", "write a whole number"),
        ("PORT", "9" * 5000, "write a whole number"),
        ("LOG_FORMAT", "xml", "AUTOMATION_LOG_FORMAT is 'xml'; write one of: auto, human, json"),
        ("LOG_LEVEL", "loud", "write one of: info, debug, warning, error"),
        ("REMOTE_CONTROL", "yes", "AUTOMATION_REMOTE_CONTROL is 'yes'; write 1 or 0"),
        ("KEY_PREFIX", "a{b}", "AUTOMATION_KEY_PREFIX: write up to 64 letters"),
    ],
)
def test_wrong_value_is_one_sentence(name: str, value: str, said: str) -> None:
    """It names the variable, says what to write, and shows no password."""
    extra = {} if name == "SECRET_KEY" else {"SECRET_KEY": KEY}
    found = problems(**{name: value, **extra})

    assert len(found) == 1
    assert said in found[0]
    assert "hunter2" not in found[0]
    assert len(found[0]) < 300


def test_all_problems_are_told_at_once() -> None:
    """One start tells them all, one line each, and ends with exit code 2."""
    with pytest.raises(SettingsInvalid) as refused:
        read(WORKERS="many", LEASE="x", LOG_LEVEL="loud", BROKER_URL="http://h", REDIS_ULR="redis://localhost")

    names = ["BROKER_URL", "LEASE", "LOG_LEVEL", "REDIS_ULR", "SECRET_KEY", "WORKERS"]
    assert sorted(re.findall("^AUTOMATION_([A-Z_]+)", str(refused.value), re.MULTILINE)) == names
    assert refused.value.exit_code == 2


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("DATABASE_ULR", "AUTOMATION_DATABASE_ULR is not a setting; did you mean AUTOMATION_DATABASE_URL?"),
        ("ZZZZZZZZZZZZ", "AUTOMATION_ZZZZZZZZZZZZ is not a setting; remove it; names with this prefix are ours"),
    ],
)
def test_unknown_name_gets_the_nearest(name: str, said: str) -> None:
    """A slip in a name is not passed over."""
    assert problems(**{name: "1"}) == (said,)


@pytest.mark.parametrize("host", ["redis.example.com", "10.0.0.5", "[fd00::1]", "0.0.0.0", "localhost.example.com"])
def test_redis_that_others_reach_needs_a_password(host: str) -> None:
    """Off this machine, an open Redis is refused, and one with a password is not."""
    assert "the URL has no password; write redis://:PASSWORD@" in problems(REDIS_URL=f"redis://{host}:6379/0")[0]
    assert read(REDIS_URL=f"redis://:secret@{host}:6379/0").redis_url
    assert read(REDIS_URL=f"rediss://{host}:6379/0").redis_url


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.8.8", "[::1]"])
def test_redis_of_this_machine_needs_none(host: str) -> None:
    """Loopback is nobody else's."""
    assert read(REDIS_URL=f"redis://{host}/0").redis_url == f"redis://{host}/0"


def test_shared_broker_needs_a_shared_key() -> None:
    """Messages are signed, so every process has to have the same one."""
    assert "AUTOMATION_SECRET_KEY is not set" in problems(BROKER_URL="redis://localhost/0")[0]
    assert not read(BROKER_URL="redis://localhost/0", SECRET_KEY=KEY).embedded_broker


def test_rabbitmq_needs_a_redis_beside_it() -> None:
    """The schedules live in one."""
    assert "AUTOMATION_REDIS_URL is not set; with RabbitMQ" in problems(BROKER_URL="amqp://h//", SECRET_KEY=KEY)[0]
    assert read(BROKER_URL="amqp://h//", SECRET_KEY=KEY, REDIS_URL="redis://localhost").broker_url == "amqp://h//"


def test_settings_show_no_secret() -> None:
    """Their `repr` may be printed."""
    shown = repr(
        read(
            BROKER_URL="redis://:hunter2@h/0", REDIS_URL="redis://:hunter2@h/1", SMTP_URL="smtp://u:hunter2@h",
            DATABASE_URL="postgresql://u:hunter2@h/n", SECRET_KEY="hunter2hunter2hunter2",
        )
    )  # fmt: skip

    assert "hunter2" not in shown


def test_environment_wins_over_dotenv(tmp_path: Path) -> None:
    """`.env` fills in what the environment does not say; nothing in it is expanded."""
    (tmp_path / ".env").write_text("AUTOMATION_WORKERS=7\nAUTOMATION_HOST='$HOME'\nBARE\nTOKEN=x y\n")

    assert with_dotenv(tmp_path, {"AUTOMATION_WORKERS": "3"}) == {
        "AUTOMATION_WORKERS": "3", "AUTOMATION_HOST": "$HOME", "TOKEN": "x y",
    }  # fmt: skip
    assert read_settings(tmp_path, {}).workers == 7


def test_dotenv_of_another_encoding_is_a_sentence(tmp_path: Path) -> None:
    """It names the file and the way out."""
    (tmp_path / ".env").write_bytes(b"NAME=Jos\xe9\n")

    with pytest.raises(SettingsInvalid, match=r"\.env is not UTF-8 text at byte 8; save it as UTF-8"):
        read_settings(tmp_path, {})


def test_own_environment_is_read_when_none_is_given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A copy of it, as it is at that moment."""
    monkeypatch.setenv("AUTOMATION_WORKERS", "5")

    assert read_settings(tmp_path).workers == 5
    assert environment()["AUTOMATION_WORKERS"] == "5"
    assert process_id() > 0

"""The key beside the embedded broker."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from automation.broker import secret_key
from automation.errors import InvalidInput


def test_a_key_is_made_once_for_this_user_alone(settings_of):
    """The first call makes it, the next ones read it."""
    settings = settings_of()

    key = secret_key(settings)

    assert len(key) == 64
    assert secret_key(settings) == key
    assert (settings.data / "secret.key").stat().st_mode & 0o777 == 0o600
    assert settings.data.stat().st_mode & 0o777 == 0o700


def test_processes_that_start_together_agree_on_one_key(settings_of):
    """Whoever comes first makes it, and nobody reads half of it or leaves a draft."""
    settings = settings_of()
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: secret_key(settings), range(32)))

    assert len(keys) == 1
    assert [path.name for path in settings.data.iterdir()] == ["secret.key"]


def test_the_variable_wins_and_nothing_is_made(settings_of):
    """A key that is set is the key, and the data folder stays as it is."""
    settings = settings_of(SECRET_KEY="0123456789abcdef")

    assert secret_key(settings) == "0123456789abcdef"
    assert not settings.data.exists()


@pytest.mark.parametrize(("content", "mode", "way_out"), [("k" * 64, 0o644, "chmod 600"), ("kurz", 0o600, "remove it")])
def test_a_key_file_that_is_not_safe_is_refused(settings_of, content, mode, way_out):
    """Readable by others, or too short: the message says what to do, and not what is in it."""
    settings = settings_of()
    settings.data.mkdir()
    (settings.data / "secret.key").write_text(content)
    (settings.data / "secret.key").chmod(mode)

    with pytest.raises(InvalidInput, match=way_out) as caught:
        secret_key(settings)
    assert content not in str(caught.value)

"""The data folder's making and its lock."""

from __future__ import annotations

import os
from datetime import UTC, datetime

import pytest

from automation.errors import InvalidInput, Refused
from automation.supervise.data_folder import held, prepare_data_folder

NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)


def test_the_folder_is_made_for_this_user_alone(tmp_path):
    """Nobody else may look into it, whatever the umask."""
    folder = prepare_data_folder(tmp_path / "a" / "data")

    assert folder.stat().st_mode & 0o777 == 0o700
    assert prepare_data_folder(folder) == folder
    assert not list(folder.iterdir())


@pytest.mark.parametrize("name", ["file", "file/below"])
def test_a_folder_that_cannot_be_is_told_with_the_variable(tmp_path, name):
    """The message names the folder, the reason and what to set."""
    (tmp_path / "file").touch()

    with pytest.raises(InvalidInput, match=rf"{tmp_path / name} .*AUTOMATION_DATA_DIR"):
        prepare_data_folder(tmp_path / name)


def test_a_second_holder_is_told_who_holds_it_and_since_when(tmp_path):
    """One data folder has one supervisor."""
    with held(tmp_path, NOW), pytest.raises(Refused) as caught, held(tmp_path, NOW):
        pass

    assert f"process {os.getpid()}, since 2026-05-04 03:02:01 UTC" in str(caught.value)


def test_a_lock_left_by_the_dead_is_no_lock(tmp_path):
    """A file without a living holder, even with nonsense in it, is taken over; nothing is left at the end."""
    (tmp_path / "up.lock").write_text("{not json")

    with held(tmp_path, NOW):
        assert str(os.getpid()) in (tmp_path / "up.lock").read_text()

    assert not list(tmp_path.iterdir())


def test_the_folder_can_be_held_again_after_an_error(tmp_path):
    """However the first one ended, the lock went with it."""
    with pytest.raises(ZeroDivisionError), held(tmp_path, NOW):
        raise ZeroDivisionError

    with held(tmp_path, NOW):
        assert (tmp_path / "up.lock").exists()

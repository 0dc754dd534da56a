"""Settings as a broker's tests need them."""

from __future__ import annotations

import pytest

from automation.settings import read_settings


@pytest.fixture
def settings_of(tmp_path):
    """`settings_of(NAME=value, …)`: settings of an empty project; names without their prefix."""

    def read(**variables: str):
        return read_settings(tmp_path, {f"AUTOMATION_{name}": value for name, value in variables.items()})

    return read

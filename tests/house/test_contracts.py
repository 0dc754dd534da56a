"""The contracts of import-linter in pyproject.toml, beside our own reading of the same floors."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_contracts_are_kept(root):
    """`lint-imports` finds no broken contract."""
    linter = Path(sys.executable).with_name("lint-imports")

    done = subprocess.run([linter, "--no-cache"], cwd=root, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout[-3000:] + done.stderr

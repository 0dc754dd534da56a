"""The command line called in this process."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from automation.cli.main import main
from automation.services import Services, build_services


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """A command configures logging for its process, which here is that of the tests."""
    root, ours = logging.getLogger(), logging.getLogger("automation")
    before = root.handlers[:], root.level, ours.level
    yield
    logging.captureWarnings(False)
    root.handlers[:], root.level, ours.level = before


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """`run(*arguments)`: the exit code, standard output, standard error."""

    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return call


@pytest.fixture
def project(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a project with the `JOBS` and the `PROJECT` of the tests' own file, and without a ledger."""
    (tmp_path / "schedules").mkdir()
    (tmp_path / "schedules" / "a.toml").write_text(request.module.JOBS)
    if hasattr(request.module, "PROJECT"):
        (tmp_path / "automation.toml").write_text(request.module.PROJECT)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def services(project: Path, give_ledger: Callable[[Path], None]) -> Iterator[Services]:
    """The services of `project`, which has a ledger."""
    give_ledger(project)
    made = build_services(project)
    yield made
    made.close()

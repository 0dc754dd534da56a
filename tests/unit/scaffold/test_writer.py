"""Copying starting files into a project."""

import pytest

from automation.errors import Refused
from automation.scaffold.writer import STARTER, write_files


@pytest.fixture
def source(tmp_path):
    source = tmp_path / "source"
    (source / "jobs").mkdir(parents=True)
    (source / "dot.gitignore").write_text("x\n")
    (source / "jobs" / "mine.py.txt").write_text("port = @@port@@\n")
    return source


def test_names_and_values_are_filled_in(source, tmp_path):
    """Stored names become the real ones, and `@@name@@` becomes its value."""
    written = write_files(source, tmp_path / "new", {"port": "8123"})

    assert written == [tmp_path / "new/.gitignore", tmp_path / "new/jobs/mine.py"]
    assert written[1].read_text() == "port = 8123\n"


def test_nothing_is_written_when_one_file_is_there(source, tmp_path):
    """All or nothing: a file that exists stops the others from being written, even one that only points away."""
    target = tmp_path / "new"
    (target / "jobs").mkdir(parents=True)
    (target / "jobs" / "mine.py").symlink_to("nowhere")

    with pytest.raises(Refused, match=r"already has jobs/mine\.py"):
        write_files(source, target)

    assert not (target / ".gitignore").exists()


def test_the_starter_plugin_is_python(tmp_path):
    """The example plugin that new users read compiles."""
    plugins = [path for path in write_files(STARTER, tmp_path / "new") if path.suffix == ".py"]

    assert plugins
    assert all(compile(path.read_text(), path, "exec") for path in plugins)

"""The demonstration's folder and the shop's address in it."""

import socket
from datetime import UTC, datetime

import pytest

from automation.demo.project import FILES, SCHEDULES, answers, free_port, is_free, move_shop, shop_port, shop_url
from automation.errors import Refused
from automation.project.lint import lint
from automation.project.load import load_project
from automation.registry import load_registry
from automation.scaffold.writer import write_files


@pytest.fixture
def folder(tmp_path):
    write_files(FILES, tmp_path, {"shop": shop_url(8123)})
    return tmp_path


def test_a_folder_without_a_demonstration_has_no_port(tmp_path):
    """An empty folder is a new demonstration; a file in its place is told when it is written to."""
    (tmp_path / "file").touch()

    assert shop_port(tmp_path) is None
    assert shop_port(tmp_path / "file") is None


def test_a_made_folder_knows_its_shop(folder):
    """A demonstration that is started again finds the port it had, so that links and rows stay true."""
    assert shop_port(folder) == 8123
    assert "@@" not in (folder / SCHEDULES).read_text()


def test_its_files_have_no_problem(folder):
    """Not even a warning: they are the first that somebody reads."""
    project = lint(load_project(folder, load_registry(folder), {}), datetime(2026, 3, 1, tzinfo=UTC))

    assert [str(problem) for problem in project.problems] == []
    assert len(project.jobs) == 4


def test_a_shop_that_moves_keeps_what_the_user_wrote(folder):
    """Only the address changes, wherever it stands."""
    before = (folder / SCHEDULES).read_text() + "# mine\n"
    (folder / SCHEDULES).write_text(before)

    move_shop(folder, 8123, 9234)

    assert shop_port(folder) == 9234
    assert (folder / SCHEDULES).read_text() == before.replace("8123", "9234")


def test_a_file_of_somebody_else_is_refused(folder):
    """A schedules/shop.toml without our shop is not ours to run or change."""
    (folder / SCHEDULES).write_text("[jobs.mine]\n")

    with pytest.raises(Refused, match="name another --dir"):
        shop_port(folder)


def test_a_port_in_use_is_not_free():
    """A port that somebody listens on answers and is not free; a free one is the other way round."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert (is_free(port), answers(port)) == (False, True)

    port = free_port()
    assert (is_free(port), answers(port)) == (True, False)

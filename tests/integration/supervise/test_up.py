"""`automation up` as a user types it: with the embedded broker, in a project's folder."""

from __future__ import annotations

import os
import signal
import socket
import sys
import textwrap
from pathlib import Path

import psutil
import pytest

from automation.broker.place import place

CLIENT = """
    import signal, sys
    from pathlib import Path
    from redis import Redis
    from automation.broker import endpoints
    from automation.settings import read_settings
    redis = Redis.from_url(endpoints(read_settings(Path.cwd())).redis_url)
    print("count", redis.incr("starts"), flush=True)
    signal.pause()
    """

TASKS = """
    from pathlib import Path
    from celery import Celery
    from automation.broker import endpoints
    from automation.settings import read_settings
    app = Celery("tasks", broker=endpoints(read_settings(Path.cwd())).celery_url)
    @app.task
    def touch(name):
        Path(name).touch()
    """


@pytest.fixture
def client(project):
    """The Procfile line of a worker that counts its starts in the broker, at once and without a retry."""
    (project / "client.py").write_text(textwrap.dedent(CLIENT))
    return "worker: python client.py\n"


def broker_of(running) -> psutil.Process:
    """The server among a supervisor's children."""
    children = psutil.Process(running.process.pid).children()
    return next(child for child in children if "automation-broker" in " ".join(child.cmdline()[:1]))


def test_it_says_where_things_are_and_leaves_nothing_behind(up, client, project, left):
    """First lines for a person; after the stop no process, socket or lock, but the broker's data."""
    running = up("web: python stay.py web\n" + client, PORT="18765")
    running.until("count 1")
    pids = [child.pid for child in psutil.Process(running.process.pid).children(recursive=True)]
    running.until("web is here")

    assert running.stop() == 0
    assert running.lines[1:6] == [
        "automation up",
        "  dashboard  http://127.0.0.1:18765",
        f"  data       {project / '.automation'}",
        "  broker     embedded, in the data folder",
        "  stop       Ctrl-C",
    ]
    assert left(pids) == []
    assert sorted(path.name for path in (project / ".automation").iterdir()) == ["broker", "broker.log"]


def test_the_broker_is_there_before_the_worker(up, client):
    """A worker's first command is answered: it is not started before the broker is ready."""
    running = up(client)

    assert running.until("worker.1").endswith("count 1")


def test_the_broker_has_no_port(up, client):
    """Nobody else's Redis can be met, and nobody else can connect."""
    running = up(client)
    running.until("count 1")

    server = broker_of(running)
    assert not server.net_connections("inet")
    assert place(Path(server.cwd()).parent).socket.stat().st_mode & 0o777 == 0o700


def test_a_killed_broker_comes_back_with_its_data(up, client):
    """kill -9 of the server costs nothing that had been written."""
    running = up(client)
    running.until("count 1")
    worker = next(child for child in psutil.Process(running.process.pid).children() if "client.py" in child.cmdline())

    broker_of(running).kill()
    running.until("broker.1 was killed by SIGKILL; it starts again")
    worker.kill()

    assert running.until("count 2")


def test_after_a_killed_supervisor_the_next_one_starts_at_once(up, client, left):
    """kill -9 of `up` leaves no server, no lock that holds and no socket in the way; the data is kept."""
    first = up(client)
    first.until("count 1")
    pids = [child.pid for child in psutil.Process(first.process.pid).children(recursive=True)]

    first.signal(signal.SIGKILL)

    up(client).until("count 2")
    assert left(pids) == []


def test_a_second_one_on_the_same_data_is_refused(up, client):
    """It names the first one's process, and disturbs nothing."""
    first = up(client)
    first.until("count 1")
    second = up(client)

    assert second.end() == 3
    assert "already runs on" in second.lines[-1]
    assert f"process {first.process.pid}," in second.lines[-1]
    assert first.stop() == 0


def test_a_broker_that_somebody_else_started_is_not_touched(up, client, launch, project, eventually):
    """`automation broker` on the same data, run by hand: it is told, and the server keeps its socket."""
    other = launch([sys.executable, "-m", "automation", "broker"])
    socket_file = place(project / ".automation").socket
    eventually(socket_file.exists)
    running = up(client)

    assert running.end() == 3
    assert running.lines[-1].startswith("The embedded broker of")
    assert other.process.poll() is None
    assert socket_file.exists()


def test_a_taken_port_is_told_before_anything_starts(up, client):
    """Who has the port is stopped, or PORT is set: nothing has started yet."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        running = up("web: python stay.py web\n" + client, PORT=str(port))

        assert running.end() == 3
    assert running.lines[-1].startswith(f"Port {port} of 127.0.0.1 is taken by another program")
    assert len(running.lines) == 1


@pytest.mark.slow
def test_a_deep_project_works_too(up, client, project):
    """A data folder too long for a socket has its socket elsewhere, and that is removed as well."""
    running = up(client, AUTOMATION_DATA_DIR=str(project / ("deep" * 40)))
    running.until("count 1")
    socket_folder = Path(next(c for c in broker_of(running).net_connections("unix") if c.laddr).laddr).parent

    assert running.stop() == 0
    assert socket_folder.parent == Path("/tmp")
    assert not socket_folder.exists()


def test_a_data_folder_that_cannot_be_made_is_wrong_input(up, client):
    """The message names the variable to set."""
    running = up(client, AUTOMATION_DATA_DIR="stay.py")

    assert running.end() == 2
    assert "AUTOMATION_DATA_DIR" in running.lines[-1]


def test_the_word_automation_means_this_installation(up):
    """No environment has to be activated for the Procfile's commands."""
    running = up("release: automation --version\nweb: python stay.py web", PATH=os.defpath)

    assert running.until("release.1").split("| ")[1].startswith("automation")
    running.until("web is here")


def test_children_find_the_dotenv_and_what_up_decides(up, project):
    """Values of `.env`, the port, a log form for this output and a grace that fits reach the processes."""
    (project / ".env").write_text("GREETING=hello\n")
    running = up(
        'web: python say.py "$GREETING" "$PORT" "$AUTOMATION_LOG_FORMAT" "$AUTOMATION_GRACE" "${AUTOMATION_BROKER_URL:-none}"',
        "--grace",
        "1m",
    )

    assert running.until("web.1    | hello|0|json|52250ms|none")


def test_a_celery_worker_runs_on_it_and_goes_with_it(up, project, eventually, left):
    """A real worker takes a task from the embedded broker; kill -9 of `up` ends it with its pool."""
    (project / "tasks.py").write_text(textwrap.dedent(TASKS))
    (project / "send.py").write_text("import signal, tasks\ntasks.touch.delay('done')\nsignal.pause()\n")
    running = up(
        "worker: python -m celery -A tasks worker -c 2 --without-gossip --without-mingle\nsender: python send.py"
    )

    eventually((project / "done").exists)
    pids = [child.pid for child in psutil.Process(running.process.pid).children(recursive=True)]
    running.signal(signal.SIGKILL)

    assert len(pids) >= 6
    assert left(pids) == []


@pytest.mark.slow
def test_changed_plugins_let_workers_begin_anew(up, project):
    """When the new code can be loaded; with what cannot be, and for what is not concerned, everything runs on."""
    running = up("worker: python stay.py worker\nother: python stay.py other\n")
    running.until("worker is here")
    (project / "jobs").mkdir()
    (project / "jobs" / "hello.py").write_text("import no_such_thing\n")
    running.until("jobs/hello.py:1:1: cannot be loaded: ModuleNotFoundError")
    running.until("| jobs/hello.py changed; check.1 ended with exit code 2, so everything runs on as it is")
    assert not any("goes" in line for line in running.lines)

    plugin = 'from automation import Context, plugin\n\n\n@plugin\ndef hello(ctx: Context) -> None:\n    """Greet."""\n'
    (project / "jobs" / "hello.py").write_text(plugin)

    running.until("| jobs/hello.py changed; worker.1 begins anew")
    running.until("worker is here", times=2)
    assert running.stop() == 0
    assert sum("other is here" in line for line in running.lines) == 1


@pytest.mark.slow
def test_without_a_terminal_a_hang_up_asks_for_a_look(up):
    """As services are told to read their files again."""
    running = up("other: python stay.py other\n")
    running.until("other is here")

    running.signal(signal.SIGHUP)

    running.until("asked to look, and nothing has changed that a process holds")
    assert running.stop() == 0


@pytest.mark.slow
def test_a_process_that_will_not_go_is_killed_and_begins_anew(up, project, left):
    """After the grace that a stop has, with what it had started."""
    running = up("worker: python stubborn.py\n", "--grace", "1s")
    _worker, near, _far = running.pids("stubborn is here as")

    (project / ".env").write_text("AUTOMATION_WORKERS=3\n")

    running.until("| .env changed; worker.1 begins anew")
    running.until("worker.1 did not stop in time and is killed")
    running.until("stubborn is here as", times=2)
    assert left([near]) == []

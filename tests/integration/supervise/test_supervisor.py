"""The supervisor over real processes: starts, lines, restarts, stops, and nothing left."""

from __future__ import annotations

import os
import signal

import psutil
import pytest

ALL = "web: python stay.py web\nworker: python stay.py worker\nscheduler: python stay.py scheduler\n"


def test_each_line_stands_behind_its_process_s_name(supervise):
    """Output and errors of all processes come line by line, in columns."""
    running = supervise("web: python say.py one two\nworker: python stay.py it")

    assert running.until("one|two") == "web.1       | one|two"
    assert running.until("it is here").startswith("worker.1    | it is here")


def test_a_last_line_without_an_end_is_shown(supervise):
    """What a process said when it died is not lost, nor is what is no text a reason to die."""
    running = supervise(r"""web: python -c 'import sys; sys.stdout.buffer.write(b"first\r\nlast \xff")'""")

    assert running.until("last") == "web.1       | last \ufffd"
    assert running.until("first") == "web.1       | first"


def test_the_release_runs_first_and_once(supervise):
    """Nothing else starts before it has ended with 0."""
    running = supervise("web: python stay.py web\nrelease: python end.py 0")
    running.until("web is here")
    running.stop()

    said = [line for line in running.lines if "going" in line or "is here" in line]
    assert said[0] == "release.1   | going with 0"
    assert len(said) == 2


def test_without_the_release_s_success_nothing_starts(supervise):
    """A failed upgrade of the database ends everything with its code and a sentence."""
    running = supervise("release: python end.py 4\nweb: python stay.py web")

    assert running.end() == 4
    assert "release.1 ended with exit code 4; nothing else was started" in running.lines[-1]
    assert not any("web is here" in line for line in running.lines)


def test_a_missing_program_is_told_before_anything_starts(supervise):
    """All programs are looked up first."""
    running = supervise("web: python stay.py web\nworker: no-such-program")

    assert running.end() == 2
    assert running.lines == [
        "worker: there is no program 'no-such-program'; install it, or correct its line in the Procfile"
    ]


def test_an_ended_process_starts_again_later_each_time(supervise):
    """Restarts back off, and each has its sentence."""
    running = supervise("web: python end.py 1")

    running.until("going with 1", times=4)
    sentences = [line.split("| ")[1] for line in running.lines if line.startswith("up")]
    assert sentences[:3] == [f"web.1 ended with exit code 1; it starts again in {ms}ms" for ms in (50, 100, 200)]


def test_a_killed_process_starts_again_and_leaves_nothing_of_its_own(supervise, left):
    """What a killed process had started goes before the process comes back."""
    running = supervise("worker: python stubborn.py")
    worker, near, _far = running.pids("stubborn is here as")

    os.kill(worker, signal.SIGKILL)

    running.until("worker.1 was killed by SIGKILL")
    running.until("stubborn is here as", times=2)
    assert left([near]) == []


def test_wrong_input_at_the_start_ends_everything(supervise):
    """A process that refuses its settings will refuse them again: the code is handed on."""
    running = supervise("web: python stay.py web\nworker: python end.py 2")

    assert running.end() == 2
    assert any("worker.1 ended with exit code 2 before it ran; everything stops" in line for line in running.lines)


def test_wrong_input_later_does_not_end_everything(supervise):
    """A process that has run starts again, whatever it says."""
    running = supervise("web: python end.py 2", steady=0)

    running.until("going with 2", times=2)
    assert running.stop() == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_all_in_reverse_order(supervise, number):
    """First the web, then the scheduler, then the worker; the end is no failure."""
    running = supervise(ALL)
    running.until("is here", times=3)

    running.signal(number)

    assert running.end() == 0
    assert [line.split("| ")[1] for line in running.lines if "goes" in line] == [
        "web goes",
        "scheduler goes",
        "worker goes",
    ]


def test_who_does_not_go_in_time_is_killed_with_all_that_it_started(supervise, left):
    """After the grace nothing is left, not even a grandchild in a session of its own."""
    running = supervise("worker: python stubborn.py", grace=0.5)
    pids = running.pids("stubborn is here as")

    assert running.stop() == 0
    assert any("worker.1 did not stop in time and is killed" in line for line in running.lines)
    assert left(pids) == []


def test_a_second_signal_does_not_wait(supervise, left):
    """With an hour of grace, a second Ctrl-C still ends everything at once."""
    running = supervise("worker: python stubborn.py", grace=3600)
    pids = running.pids("stubborn is here as")
    running.signal(signal.SIGINT)
    running.until("stopping")

    running.signal(signal.SIGINT)

    assert running.end() == 0
    assert left(pids) == []


def test_a_signal_during_the_release_stops_it(supervise, left):
    """Ctrl-C does not wait for a long upgrade, nor start what comes after it."""
    running = supervise("release: python stay.py upgrade\nweb: python stay.py web")
    pids = running.pids("upgrade is here as")

    assert running.stop() == 0
    assert left(pids) == []
    assert not any("web is here" in line for line in running.lines)


def test_a_killed_supervisor_leaves_nothing(supervise, left):
    """kill -9 of the supervisor ends its children, theirs, and those in sessions of their own."""
    running = supervise("web: python stay.py web\nworker: python stubborn.py")
    pids = running.pids("stubborn is here as") + running.pids("web is here as")
    pids += [child.pid for child in psutil.Process(running.process.pid).children(recursive=True)]

    running.signal(signal.SIGKILL)

    assert left(pids) == []


def test_a_reader_that_leaves_stops_everything(supervise, left):
    """`automation up | head -1` does not go on unseen."""
    running = supervise("web: python stay.py web\nworker: python end.py 1")
    pids = running.pids("web is here as")

    running.process.stdout.close()

    running.process.wait(60)
    assert left(pids) == []

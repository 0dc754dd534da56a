"""The plugin `shell`, with real processes."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from automation.errors import FailureClass, JobFailed, Snooze

Do = Callable[..., dict[str, Any]]


def gone(pid: int, within: float = 10) -> bool:
    """Whether a process ends (or is only a zombie of somebody) before a deadline."""
    until = time.monotonic() + within
    while time.monotonic() < until:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state in "ZX":
            return True
        os.sched_yield()
    return False


def test_text_runs_through_a_shell(do: Do) -> None:
    """Pipes and variables of the shell work in a text."""
    result = do("shell", command="printf 'a\\nb\\n' | wc -l")
    assert (result["exit_code"], result["output"].strip()) == (0, "2")


def test_list_runs_without_a_shell(do: Do) -> None:
    """Nothing in a list is interpreted."""
    assert do("shell", command=["printf", "%s", "$HOME; `id`"])["output"] == "$HOME; `id`"


def test_a_word_that_is_no_text_is_its_json(do: Do) -> None:
    """What a run before it returned may be a number, a list or a table; a variable of the environment as well."""
    output = do("shell", command=["sh", "-c", "echo $0 $1 $N", 5, ["a", {"b": True}]], env={"N": 7})["output"]
    assert output == '5 ["a", {"b": true}] 7'


def test_both_streams_are_logged_line_by_line(do: Do, kept: Any) -> None:
    """Standard output and error go to the run's log in the order in which they came."""
    do("shell", command="echo one; echo two >&2; printf three")
    assert kept.lines == ["one", "two", "three"]


def test_output_is_logged_while_the_command_runs(do: Do, kept: Any, tmp_path: Path) -> None:
    """A line is in the log before the command ends: here its end waits for the line."""
    kept.stop = lambda: bool("ready" in kept.lines and (tmp_path / "go").write_text(""))
    result = do("shell", command="echo ready; until test -e go; do sleep 0.05; done; echo done", timeout="20s")
    assert (kept.lines, result["lines"]) == (["ready", "done"], 2)


def test_long_output_is_kept_whole_as_a_file(do: Do, kept: Any) -> None:
    """The result holds the end, the artifact everything."""
    result = do("shell", command="seq 1 5000")
    assert result["output"].splitlines()[-1] == "5000"
    assert len(result["output"].splitlines()) == 40
    assert kept.files["output.txt"].splitlines() == [b"%d" % number for number in range(1, 5001)]


def test_short_output_leaves_no_file(do: Do, kept: Any) -> None:
    """What fits into the result is not kept twice."""
    assert "artifact" not in do("shell", command="echo hello")
    assert kept.files == {}


def test_bytes_that_are_no_text_do_no_harm(do: Do) -> None:
    """Wrong UTF-8 and a line without end are shown as far as they can be."""
    result = do("shell", command="printf '\\377ok\\n'; head -c 20000 /dev/zero | tr '\\0' x")
    assert (result["lines"], result["exit_code"]) == (4, 0)


def test_environment_is_ours_without_our_settings(do: Do, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command learns about its run and finds its own variables, but no setting or secret of ours."""
    monkeypatch.setenv("AUTOMATION_SECRET_KEY", "s3cret-s3cret-s3cret")
    monkeypatch.setenv("AUTOMATION_JOB", "another")
    monkeypatch.setenv("COLOUR", "red")
    output = do("shell", command="env | grep -E 'COLOUR|SIZE=7|AUTOMATION|SECRET'", env={"SIZE": "7"})[
        "output"
    ].splitlines()

    assert {"COLOUR=red", "SIZE=7", "AUTOMATION_JOB=nightly", "AUTOMATION_RUN_ID=r1", "AUTOMATION_ATTEMPT=2"} <= set(
        output
    )
    assert "AUTOMATION_NOMINAL_TIME=2026-01-01T12:00:00Z" in output
    assert not [line for line in output if "SECRET" in line]


def test_folder_starts_from_the_project(do: Do, tmp_path: Path) -> None:
    """`cwd` is relative to the project; the project's folder is the default."""
    (tmp_path / "sub").mkdir()
    assert do("shell", command="pwd")["output"] == str(tmp_path)
    assert do("shell", command="pwd", cwd="sub")["output"] == str(tmp_path / "sub")


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"command": ["no-such-program-here"]}, "'no-such-program-here' cannot be started: No such file"),
        ({"command": "true", "cwd": "nowhere"}, "there is no folder .*/nowhere"),
        ({"command": ["a\0b"]}, "cannot be started: embedded null byte"),
    ],
)
def test_command_that_cannot_start_is_a_matter_of_configuration(do: Do, params: dict[str, Any], said: str) -> None:
    """What no retry will mend is said so."""
    with pytest.raises(JobFailed, match=said) as raised:
        do("shell", **params)
    assert raised.value.failure_class is FailureClass.CONFIG


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        ("echo oops; exit 3", "exit:3", r"exit code 3; its last line: oops"),
        ("no-such-thing", "exit:127", r"exit code 127 \(command not found\)"),
        ("kill -KILL $$", "signal:SIGKILL", "killed by SIGKILL .*it wrote nothing"),
        ("sh -c 'kill -TERM $$'; exit $?", "exit:143", r"exit code 143 \(128 \+ SIGTERM\)"),
    ],
)
def test_bad_end_fails_with_its_code_and_last_lines(do: Do, command: str, code: str, said: str) -> None:
    """`give_up_on` can name how a command ended, and the message shows what it said."""
    with pytest.raises(JobFailed, match=said) as raised:
        do("shell", command=command)
    assert raised.value.code == code


def test_other_codes_may_be_success(do: Do) -> None:
    """`ok_codes` says which ends are fine."""
    assert do("shell", command="exit 24", ok_codes=[0, 24])["exit_code"] == 24


def test_timeout_ends_all_that_was_started(do: Do, kept: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole process group goes, also what ignores TERM."""
    monkeypatch.setattr("automation.command.process._GRACE", 0.3)
    with pytest.raises(JobFailed, match='timeout = "300ms"') as raised:
        do("shell", command="trap '' TERM; echo $$; sh -c 'echo $$; sleep 60' & wait; sleep 60", timeout="300ms")

    assert raised.value.failure_class is FailureClass.TIMEOUT
    assert len(kept.lines) == 2
    assert all(gone(int(pid)) for pid in kept.lines)


def test_cancelled_run_ends_its_command(do: Do, kept: Any) -> None:
    """Somebody asked the run to stop, or its worker is leaving: that is no failure, and spends no attempt."""
    kept.stop = lambda: bool(kept.lines)
    with pytest.raises(Snooze, match="the run is to stop"):
        do("shell", command="echo $$; sleep 60", timeout="30s")
    assert gone(int(kept.lines[0]))


def test_exception_out_of_a_signal_handler_ends_the_command(do: Do, kept: Any) -> None:
    """A soft time limit raises wherever the process is; the command goes before it passes on."""

    class TimeLimit(Exception):
        pass

    def limit(_number: int, _frame: object) -> None:
        raise TimeLimit

    before = signal.signal(signal.SIGUSR1, limit)
    kept.stop = lambda: bool(kept.lines and os.kill(os.getpid(), signal.SIGUSR1))
    try:
        with pytest.raises(TimeLimit):
            do("shell", command="echo $$; sleep 60", timeout="30s")
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert gone(int(kept.lines[0]))


def test_background_process_does_not_outlive_the_run(do: Do, kept: Any) -> None:
    """What a command leaves behind is ended, and not waited for; the log says so."""
    result = do("shell", command="sleep 60 & echo $!", timeout="30s")
    assert (result["exit_code"], gone(int(result["output"]))) == (0, True)
    assert "in the background" in kept.lines[-1]


def test_background_process_that_never_stops_writing_is_not_waited_for(do: Do) -> None:
    """The command's own end is the end."""
    assert do("shell", command="yes & sleep 0.2", timeout="30s")["exit_code"] == 0


def test_dry_run_runs_nothing(do: Do, tmp_path: Path) -> None:
    """A command cannot be tried without its effects."""
    assert do("shell", command="touch made", ctx={"dry_run": True}) == {"dry_run": True}
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    "params",
    [{}, {"command": ""}, {"command": []}, {"command": "true", "timeout": "30"}, {"command": "true", "timeout": "0s"},
     {"command": "true", "ok_codes": []}, {"command": "true", "shel": 1}],
)  # fmt: skip
def test_parameters_that_cannot_be_are_refused(do: Do, params: dict[str, Any]) -> None:
    """Before anything is started."""
    with pytest.raises(ValidationError):
        do("shell", **params)

"""The plugin `shell`: run a command, watch its output, judge its exit code.

Owns: what a command's end means for the run.
Never: leaves a process behind; hands our settings to the command.
"""

from __future__ import annotations

import json
import signal
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from automation import Context, FailureClass, JobFailed, Snooze, plugin
from automation.clock import SystemClock
from automation.command.environment import RUN_VARIABLES, command_environment
from automation.command.output import Output
from automation.command.process import Ending, Finished, run_command
from automation.text import count, format_duration, instant, parse_duration


def _word(value: Any) -> Any:
    """What a command gets for a value that is no text, such as one that a run before it returned: its JSON."""
    return value if isinstance(value, str) or value is None else json.dumps(value, ensure_ascii=False)


#: One word of a command line, or the value of a variable.
Word = Annotated[str, BeforeValidator(_word)]


class ShellParams(BaseModel):
    """What to run, with what around it."""

    model_config = ConfigDict(extra="forbid")

    command: Annotated[str, Field(min_length=1)] | Annotated[list[Word], Field(min_length=1)] = Field(
        description="A text runs through /bin/sh -c; a list is a program and its arguments, without a shell."
    )
    env: dict[str, Word] = Field(default={}, description="Variables added to the command's environment.")
    cwd: str = Field(default=".", description="The folder to run in; a relative one starts from the project's.")
    timeout: str | None = Field(default=None, description='The longest it may take, such as "5m".')
    ok_codes: list[int] = Field(default=[0], min_length=1, description="Exit codes that count as success.")

    @field_validator("timeout")
    @classmethod
    def _is_a_duration(cls, value: str | None) -> str | None:
        if value is not None and not parse_duration(value):
            raise ValueError("a timeout of zero would end the command at once; write a longer duration")
        return value


@plugin("shell")
def shell(ctx: Context, params: ShellParams) -> dict[str, Any]:
    """Run a command in a process group of its own; its output goes to the run's log line by line.

    The command finds AUTOMATION_JOB, AUTOMATION_RUN_ID, AUTOMATION_ATTEMPT and AUTOMATION_NOMINAL_TIME in its
    environment, and none of our settings. It is ended, with all that it started, when its time is up, when the run is
    cancelled, or when the attempt is interrupted.
    """
    if ctx.dry_run:
        ctx.log.info("Dry run: the command is not run")
        return {"dry_run": True}
    with Output(ctx.workdir / "output.txt", lambda line: ctx.log.info("%s", line)) as output:
        finished = run_command(
            params.command,
            env=command_environment(params.env, _about(ctx)),
            cwd=ctx.project / params.cwd,
            receive=output.receive,
            timeout=parse_duration(params.timeout) if params.timeout else None,
            cancelled=lambda: ctx.cancelled,
            clock=SystemClock(),
        )
    if finished.strays:
        ctx.log.warning("The command left processes in the background; they were ended")
    result = {
        "exit_code": finished.code,
        "seconds": round(finished.seconds, 3),
        "lines": output.lines,
        "output": output.tail,
        "truncated": output.is_cut,
    }
    if output.is_long:
        result["artifact"] = ctx.artifact("output.txt", output.path, media_type="text/plain").name
    _judge(finished, params, output)
    return result


def _about(ctx: Context) -> dict[str, str]:
    values = (ctx.job.name, ctx.run_id, str(ctx.attempt), instant(ctx.nominal_time))
    return dict(zip(RUN_VARIABLES, values, strict=True))


def _judge(finished: Finished, params: ShellParams, output: Output) -> None:
    """Raise what a command's end means; return when it is a success."""
    after = format_duration(finished.seconds)
    if finished.ending is Ending.TIMED_OUT:
        raise JobFailed(
            f'the command was ended after {after}, its timeout = "{params.timeout}"{_last(output)}',
            FailureClass.TIMEOUT,
        )
    if finished.ending is Ending.CANCELLED:
        raise Snooze(1, f"the command was ended after {after}: the run is to stop")
    if finished.code in params.ok_codes:
        return
    if finished.code < 0:
        name = _signal_name(-finished.code)
        raise JobFailed(f"the command was killed by {name} after {after}{_last(output)}", code=f"signal:{name}")
    raise JobFailed(
        f"the command ended with exit code {finished.code}{_hint(finished.code)}{_last(output)}",
        code=f"exit:{finished.code}",
    )


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _hint(code: int) -> str:
    """What shells mean by an exit code above 125."""
    meanings = {126: " (not executable)", 127: " (command not found)"}
    return meanings.get(code, f" (128 + {_signal_name(code - 128)})" if 128 < code < 193 else "")


def _last(output: Output) -> str:
    lines = output.tail.splitlines()[-5:]
    if len(lines) < 2:
        return f"; its last line: {lines[0]}" if lines else "; it wrote nothing"
    return f"; its last {count(len(lines), 'line')}:\n" + "\n".join(lines)

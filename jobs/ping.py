"""Wait for a program elsewhere to report that it has done its work.

Owns: what its reports, or their absence, mean for the run.
Never: takes a report; `automation web` does, and wakes the run.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from automation import Context, GiveUp, Skip, Snooze, plugin
from automation.plugin.ports import Reported
from automation.scraping.kinds import Duration
from automation.text import format_duration, instant


class PingParams(BaseModel):
    """How long is waited for what."""

    model_config = ConfigDict(extra="forbid")

    grace: Duration = Field(
        timedelta(minutes=15), description="how long after the fire, and how long before it, a ping counts for it"
    )
    finish_within: Duration = Field(
        timedelta(hours=1), description="how long it may take from its start ping to its end"
    )
    address: int = Field(1, ge=1, description="another number is another address; the one before is refused")

    @model_validator(mode="after")
    def _leaves_time(self) -> PingParams:
        for name in ("grace", "finish_within"):
            if getattr(self, name) <= timedelta():
                raise ValueError(f'{name} must be longer than 0s; write how long is waited, such as {name} = "15m"')
        return self


@plugin("ping", backfillable=False)
def ping(ctx: Context, params: PingParams) -> dict[str, Any]:
    """Succeed when a program elsewhere reports success; fail when it reports failure, or nothing in time.

    A run that waits is put off, and holds no worker. The result has `exit_status`, and `seconds` from start to end.
    """
    if ctx.dry_run:
        ctx.log.info("Dry run: nothing is waited for")
        return {"dry_run": True}
    told = ctx.effects.reported(params.grace)
    if told.ended is not None:
        return _result(told, told.ended)
    if told.began is not None:
        _wait(
            told.now,
            told.began + params.finish_within,
            f"it runs since {_moment(told.began)}",
            _unfinished(told, params),
        )
    if told.beside is not None:
        raise Skip(f"run {told.beside} was reported for it")
    _wait(told.now, ctx.nominal_time + params.grace, "no ping yet", _missed(ctx.nominal_time, params))
    raise AssertionError("either waits or fails")


def _wait(now: datetime, until: datetime, what: str, too_late: str) -> None:
    """Put the run off until then; fail it when that has passed."""
    if now >= until:
        raise GiveUp(too_late)
    raise Snooze(until - now, f"{what}; it has until {_moment(until)}")


def _unfinished(told: Reported, params: PingParams) -> str:
    assert told.began is not None, "asked of one that began"
    return f"it began at {_moment(told.began)} and reported no end within {format_duration(params.finish_within)}"


def _missed(due: datetime, params: PingParams) -> str:
    return f"no ping came within {format_duration(params.grace)} of {_moment(due)}"


def _result(told: Reported, ended: datetime) -> dict[str, Any]:
    status = "" if told.exit_status is None else f" with exit status {told.exit_status}"
    if told.failed:
        raise GiveUp(f"it reported failure{status} at {_moment(ended)}")
    seconds = None if told.began is None else round((ended - told.began).total_seconds(), 3)
    return {"reported_at": _moment(ended), "seconds": seconds, "exit_status": told.exit_status}


def _moment(moment: datetime) -> str:
    """To the second: nobody compares the rest."""
    return instant(moment.replace(microsecond=0))

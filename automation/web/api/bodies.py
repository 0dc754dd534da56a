"""What is sent to the API: the bodies of its actions.

Owns: names, limits and examples of fields.
Never: knows whether what is asked for can be done.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from automation.ledger.roles import Role
from automation.web.access.giving import LONGEST_LABEL

Name = Annotated[str, StringConstraints(min_length=1, max_length=120, pattern=r"^[^\x00-\x1f]*$")]
Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1000)]
RunId = Annotated[str, StringConstraints(min_length=1, max_length=32)]


class Body(BaseModel):
    """A body; a field that it does not know is a mistake."""

    model_config = ConfigDict(extra="forbid", strict=False)


class Enqueue(Body):
    """A run that is asked for."""

    params: dict[str, Any] = Field(default_factory=dict, description="Over the job's own, name by name.")
    dry_run: bool = False
    overlap: Literal["job", "allow"] = Field(
        default="job", description="`allow` runs it beside a run that is at work; `job` does as the job's policy says."
    )
    nominal_time: AwareDatetime | None = Field(default=None, description="The moment that it stands for; default: now.")
    only: bool = Field(default=False, description="The jobs that follow this one do not run.")

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"params": {"days": 7}}})


class Discard(Body):
    """Why a dead letter is laid aside."""

    reason: Reason


class Letters(Body):
    """Which dead letters: some by id, or those that are like this, or all."""

    runs: list[RunId] = Field(default_factory=list, max_length=1000)
    job: Name | None = None
    tag: Name | None = None
    failure_class: Name | None = None
    all: bool = False
    max: int | None = Field(
        default=None, ge=1, le=100_000, description="At most so many, those for the earliest times."
    )
    yes: bool = Field(default=False, description="More than a hundred are meant.")


class Replay(Letters):
    """Dead letters that come back."""

    rate: str | None = Field(default=None, max_length=20, description="So many in a span.", examples=["30/m"])

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"job": "nightly-import", "rate": "30/m"}})


class LayAside(Letters):
    """Dead letters that are laid aside."""

    reason: Reason


class Target(Body):
    """What a pause is laid on: exactly one of a job, a tag, everything."""

    job: Annotated[str, StringConstraints(max_length=241)] | None = Field(
        default=None, description="A job, or one of its schedules: `shop`, `shop/nightly`."
    )
    tag: Name | None = None
    all: bool = False


class NewPause(Target):
    """A pause from now on."""

    reason: Reason
    until: AwareDatetime | None = Field(default=None, description="When it ends by itself; default: when it is ended.")

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"job": "shop", "reason": "the site moves"}}
    )


class Backfill(Body):
    """Fires of the past that are to have runs."""

    since: date | AwareDatetime = Field(description="From this date or moment on, itself included.")
    until: date | AwareDatetime = Field(description="Before this date or moment.")
    schedule: Name | None = None
    select: Literal["missing", "failed", "all"] = "missing"
    order: Literal["oldest", "newest"] = "oldest"
    max_parallel: int = Field(default=1, ge=1, le=1000)
    limit: int = Field(default=1000, ge=1, le=100_000, description="Record none when there are more.")
    dry_run: bool = False
    notify: bool = False
    ignore_calendars: bool = False
    force: bool = False
    only: bool = False

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"since": "2026-03-01", "until": "2026-03-08"}}
    )


class Approval(Body):
    """Which plan: the newest, or that of a digest."""

    plan: Annotated[str, StringConstraints(max_length=64)] | None = None


class MailRetry(Body):
    """Sending a mail again."""

    yes: bool = Field(default=False, description="Also one in doubt, which may then arrive twice.")


class MailCancel(Body):
    """Never sending a mail."""

    reason: Annotated[str, StringConstraints(max_length=1000)] = ""


class NewUser(Body):
    """A user; without a password a proxy signs them in."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    role: Role
    password: Annotated[str, StringConstraints(max_length=1024)] | None = Field(default=None, repr=False)


class ChangedUser(Body):
    """Another role, another password."""

    role: Role | None = None
    password: Annotated[str, StringConstraints(max_length=1024)] | None = Field(default=None, repr=False)


class NewToken(Body):
    """A token."""

    label: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_LABEL)]
    role: Role = Role.VIEWER
    scopes: list[Name] = Field(default_factory=list, max_length=50)
    jobs: list[Name] = Field(default_factory=list, max_length=200)
    expires: str = Field(default="90d", max_length=20, description="After a span, or `never`.")

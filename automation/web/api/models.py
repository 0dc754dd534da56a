"""The objects of the API as its description shows them; what is sent are those of `--json`.

Owns: names, types and examples of fields.
Never: checks an answer: a state of a newer version is shown as it is.
"""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

Item = TypeVar("Item")
_RUN: dict[str, Any] = {
    "id": "5m2kq7x3n4p6r8t0v1wz", "job": "nightly-import", "plugin": "shell", "schedule": "main", "kind": "scheduled",
    "nominal_time": "2026-03-02T02:00:00Z", "queued_at": "2026-03-02T02:00:00Z", "due_at": "2026-03-02T02:00:00Z",
    "started_at": "2026-03-02T02:00:01Z", "finished_at": None, "state": "running", "attempt": 1, "max_attempts": 5,
    "reason": None, "worker": "worker@host-7", "queue": "default", "priority": 5, "done": None, "total": None,
    "result": None, "planned_time": "2026-03-02T02:00:00Z", "batch": None, "flow": None, "flow_step": None,
    "flow_index": None,
}  # fmt: skip


class Shown(BaseModel):
    """An object that may get more fields with a later version."""

    model_config = ConfigDict(extra="allow")


class Page(BaseModel, Generic[Item]):
    """A page of a list; `next` is the cursor of the page behind it, null on the last one."""

    items: list[Item]
    next: str | None


class Run(Shown):
    """A run; instants are ISO 8601 in UTC."""

    id: str
    job: str
    plugin: str
    schedule: str | None
    kind: str = Field(description="scheduled, catchup, manual, api, flow, backfill or ping")
    nominal_time: str = Field(description="The moment that it stands for.")
    queued_at: str
    due_at: str
    started_at: str | None
    finished_at: str | None
    state: str = Field(description="queued, running, retrying, succeeded, dead, cancelled, expired, skipped or missed")
    attempt: int
    max_attempts: int
    reason: str | None
    worker: str | None
    queue: str
    priority: int
    done: int | None
    total: int | None
    result: Any

    model_config = ConfigDict(extra="allow", json_schema_extra={"example": _RUN})


class WholeRun(Run):
    """A run with all that belongs to it, as `automation show RUN --json`."""

    params: dict[str, Any]
    attempts: list[dict[str, Any]]
    artifacts: list[dict[str, Any]]
    upstream: list[dict[str, Any]]
    downstream: list[dict[str, Any]]
    mails: list[dict[str, Any]]


class Line(Shown):
    """A line of a run's log."""

    id: int
    run_id: str
    attempt: int
    at: str
    level: str
    message: str


class Job(Shown):
    """A job as `automation list --json` shows it."""

    job: str
    plugin: str
    schedule: str
    next_time: str | None
    local_time: str | None
    queue: str
    priority: int
    tags: list[str]
    state: str = Field(description="enabled, disabled, paused or problem")
    reason: str | None
    description: str


class Fire(Shown):
    """A coming fire as `automation next --json` shows it."""

    job: str
    schedule: str
    nominal_time: str
    planned_time: str
    local_time: str
    marks: list[str]


class Step(Shown):
    """A step of an explanation as `automation why --json` shows it."""

    job: str
    schedule: str | None
    nominal_time: str


class Letter(Run):
    """A dead letter: a run and how its last attempt failed."""

    failure_class: str | None
    code: str | None
    message: str | None


class Pause(Shown):
    """A pause in force."""

    level: str
    target: str
    reason: str
    author: str
    since: str
    until: str | None


class Mail(Shown):
    """A mail of the outbox, without its text."""

    id: int
    run_id: str
    job: str
    recipient: str
    subject: str
    state: str
    tries: int
    created_at: str
    response: str | None


class Plan(Shown):
    """What a clean-up would delete."""

    job: str
    plan: str
    made_at: str
    would_go: str
    approved: str
    run: str


class Breaker(Shown):
    """A breaker that has seen a failure."""

    breaker: str
    state: str


class Process(Shown):
    """A scheduler, worker or web process that has reported lately."""

    id: str
    kind: str
    host: str
    pid: int
    started_at: str
    heartbeat_at: str


class User(Shown):
    """Somebody who may sign in."""

    name: str
    role: str
    password: bool = Field(description="Whether there is one; without, a proxy signs them in.")
    created_at: str
    changed_at: str


class Token(Shown):
    """A token; its text is told once, when it is made."""

    id: str
    prefix: str
    label: str
    made_by: str
    role: str
    scopes: list[str]
    jobs: list[str]
    created_at: str
    expires_at: str | None
    used_at: str | None
    revoked_at: str | None


class NewToken(Token):
    """A token that was just made."""

    token: str = Field(description="Its text; keep it now.")


class AuditLine(Shown):
    """An action: who, when, what, from where."""

    id: int
    at: str
    who: str
    via: str
    address: str
    action: str
    target: str
    status: int | None
    details: dict[str, Any]


class Pinged(BaseModel):
    """A report that was kept."""

    run: str = Field(description="The run that it belongs to.")
    signal: str = Field(description="start, success, fail or log")
    new: bool = Field(description="False where a run waited for it.")

    model_config = ConfigDict(
        json_schema_extra={"example": {"run": "5m2kq7x3n4p6r8t0v1wz", "signal": "success", "new": False}}
    )


class Delivered(BaseModel):
    """What became of a call of a webhook."""

    run: str = Field(description="The run that it asked for.")
    new: bool = Field(description="False where a call before this one has started it.")


class Me(BaseModel):
    """Who calls."""

    name: str
    role: str
    via: str = Field(description="open (nobody has to sign in), session, token or proxy")
    open: bool
    read_only: bool
    scopes: list[str]
    jobs: list[str]

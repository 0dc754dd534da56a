"""The keys of the project's files: those that are, those that are known and not available yet.

Owns: the names, and the sentence for any other name.
Never: reads a value.
"""

from __future__ import annotations

from collections.abc import Iterable

from automation.text import nearest, printable

TIMING = ("catchup", "catchup_window", "catchup_max", "misfire_grace", "start_deadline")
PLANNING = ("jitter", "jitter_mode", "only_during", "not_during", "on_blackout")
OVERLAP = ("overlap", "max_running", "max_queued", "overlap_key")
UNIQUE = ("unique_key", "on_conflict", "unique_for")
LIMITING = ("limits", "rate", "rate_key")
AFTER = ("after", "after_failure", "after_any")
#: What jobs take from the tables of their tags, and from `[defaults]`.
TAG = (
    "timezone", "queue", "priority", "timeout", "kill_after", "max_memory", "retry", "enabled",
    *TIMING, *PLANNING, *OVERLAP, *UNIQUE, *LIMITING, "breaker", "alerts", "pause_after_failures",
)  # fmt: skip
INHERITED = (*TAG, "tags")
_RULE = (
    "cron", "every", "fixed_delay", "at", "rrule", "seconds", "day_match", "dst_gap", "dst_overlap", "anchor",
    "start_at", "end_at", "max_fires", "replaces",
)  # fmt: skip
JOB = ("plugin", *_RULE, "schedules", *AFTER, "for_each", *INHERITED, "unite", "run_on_start", "description", "params")
SCHEDULE = ("id", *_RULE, "timezone", *TIMING, *PLANNING)
DEFAULTS = (*INHERITED, "allow_plain_secrets")
RETRY = (
    "max_attempts", "backoff", "first", "factor", "max_delay", "jitter", "retry_on", "give_up_on", "max_lost",
    "respect_retry_after", "retry_after_max", "total_deadline", "max_snoozes", "retry_until_next", "on_exhausted",
)  # fmt: skip
SCHEDULE_FILE = ("jobs", "defaults", "calendars", "tags")
PROJECT_FILE = (
    "databases",
    "defaults",
    "calendars",
    "tags",
    "queues",
    "limits",
    "mail",
    "channels",
    "digests",
    "webhooks",
    "retention",
)
PROJECT_ONLY = ("databases", "queues", "limits", "mail", "channels", "digests", "webhooks", "retention")
DATABASE = ("url",)
MAIL_SERVER = ("url", "rate", "connections", "oauth2", "dkim")
MAIL_OAUTH2 = ("token_url", "client_id", "client_secret", "refresh_token", "scope")
MAIL_DKIM = ("selector", "domain", "key")
QUEUE = ("max_waiting", "max_running", "workers")
LIMIT = ("max_running", "rate", "key")
DIGEST = ("closes", "timezone", "subject")
CHANNEL = ("to", "server", "quiet", "timezone")
WEBHOOK = ("job", "secret", "take")
ALERTS = ("channels", "on", "after_failures", "late_after", "urgent")
BREAKER = ("failures", "open_for", "key", "on")
RETENTION = ("succeeded", "skipped", "dead", "logs", "artifacts", "outbox", "keep_last")

_LATER_JOB = (
    "pause", "paused", "pause_until",
    "calendars", "group", "expect_success_every", "max_duration",
)  # fmt: skip
#: What other programs call it.
_ELSEWHERE = {
    "interval": "every", "crontab": "cron", "tz": "timezone", "max_instances": "max_running", "coalesce": "catchup",
    "misfire_grace_time": "misfire_grace", "expires": "start_deadline", "retries": "retry", "max_retries": "retry",
    "args": "params", "kwargs": "params", "task": "plugin",
    "rate_limit": "rate", "throttle": "rate", "concurrency": "max_running", "pools": "limits",
    "circuit_breaker": "breaker",
}  # fmt: skip
_LATER_FILE = ("groups",)
_LATER_PROJECT = (*_LATER_FILE, "plugins", "web")
_LATER_DATABASE = ("schema", "read_only", "pool", "timeout")


def unknown_key(name: str, known: Iterable[str], *, hint: str = "") -> str:
    """What to say of a key that is none of the known ones.

    Parameters
    ----------
    hint: said in place of the nearest name.
    """
    shown = printable(name, 60)
    known = tuple(known)
    if name in _later(known):
        return f"'{shown}' is not available yet; remove it"
    if hint:
        return f"unknown key '{shown}'; {hint}"
    elsewhere = _ELSEWHERE.get(name)
    meant = elsewhere if elsewhere in known else nearest(name, known) or nearest(name, _later(known))
    if meant:
        return f"unknown key '{shown}'; did you mean '{meant}'?"
    return f"unknown key '{shown}'; allowed are: {', '.join(sorted(known))}" if known else f"unknown key '{shown}'"


def _later(known: tuple[str, ...]) -> tuple[str, ...]:
    """The keys that stand beside these in files to come."""
    beside = {
        JOB: _LATER_JOB,
        DEFAULTS: _LATER_JOB,
        TAG: _LATER_JOB,
        SCHEDULE: _LATER_JOB,
        SCHEDULE_FILE: _LATER_FILE,
        PROJECT_FILE: _LATER_PROJECT,
        DATABASE: _LATER_DATABASE,
    }
    return beside.get(known, ())

"""The JSON Schema of automation.toml, so that editors complete and check it.

Owns: the tables that only this file has.
Never: is the check itself: `automation check` is.
"""

from __future__ import annotations

from automation.project.keys import MAIL_DKIM, MAIL_OAUTH2
from automation.project.mail import MOST_CONNECTIONS
from automation.project.policies import LONGEST_KEY, MAX_RUNNING
from automation.project.queues import MAX_WAITING, MAX_WORKERS
from automation.project.retention import AGES, FOREVER, MOST_KEPT
from automation.project.schema import DIALECT, shared_definitions, tables
from automation.project.schemagates import RATE
from automation.project.schematypes import NAME, Schema, or_reference, table, text, whole
from automation.project.webhooks import MOST_SECRETS


def project_schema() -> Schema:
    """The schema of `automation.toml`."""
    return {
        "$schema": DIALECT,
        "title": "The automation.toml of a project",
        "type": "object",
        "properties": {
            "databases": tables("database", NAME),
            "defaults": {"$ref": "#/$defs/defaults"},
            "calendars": tables("calendar", NAME),
            "tags": tables("tag", "^[^,]{1,50}$"),
            "queues": tables("queue", NAME),
            "limits": tables("limit", NAME),
            "mail": tables("mail", NAME),
            "channels": tables("channel", NAME),
            "digests": tables("digest", NAME),
            "webhooks": tables("webhook", NAME),
            "retention": {"$ref": "#/$defs/retention"},
        },
        "additionalProperties": False,
        "$defs": {
            **shared_definitions(),
            "database": {**table({"url": text("of SQLAlchemy; secrets as ${env:NAME}")}), "required": ["url"]},
            "queue": _queue(),
            "limit": {**_limit(), "anyOf": [{"required": ["max_running"]}, {"required": ["rate"]}]},
            "mail": _mail(),
            "channel": _channel(),
            "digest": _digest(),
            "webhook": _webhook(),
            "retention": _retention(),
        },
    }


def _queue() -> Schema:
    return table(
        {
            "max_waiting": whole(1, MAX_WAITING, "while so many runs wait no more are taken by hand or from programs"),
            "max_running": whole(1, MAX_RUNNING, "so many are at work at once, over all workers"),
            "workers": whole(1, MAX_WORKERS, "a worker process of its own does so many at once"),
        }
    )


def _limit() -> Schema:
    key = {"type": "string", "minLength": 1, "maxLength": LONGEST_KEY}
    return table(
        {
            "max_running": whole(1, MAX_RUNNING, "so many runs of the jobs that name it are at work at once"),
            "rate": or_reference({**RATE, "description": "so many of them begin in a span"}),
            "key": {**key, "description": "what it counts by; may hold {{ params.NAME }}"},
        }
    )


def _mail() -> Schema:
    def part(keys: tuple[str, ...], needed: tuple[str, ...]) -> Schema:
        return {**table({key: {"type": "string"} for key in keys}), "required": list(needed)}

    return table(
        {
            "url": text("smtp://user:password@host:587?tls=required&from=me@example.com; secrets as ${env:NAME}"),
            "rate": or_reference({**RATE, "description": "so many mails in a span"}),
            "connections": whole(1, MOST_CONNECTIONS, "sessions at once; default: 2"),
            "oauth2": part(MAIL_OAUTH2, ("token_url", "client_id")),
            "dkim": part(MAIL_DKIM, MAIL_DKIM),
        }
    )


def _channel() -> Schema:
    to = {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 100}
    windows = {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 100}
    keys = {
        "to": {**to, "description": "who is told"},
        "server": text("of [mail.NAME]; default: the default one"),
        "quiet": {**windows, "description": 'hours after which it is told: "22:00-07:00", "sat"'},
        "timezone": {"$ref": "#/$defs/timezone"},
    }
    return {**table(keys), "required": ["to"]}


def _digest() -> Schema:
    return {
        **table(
            {
                "closes": text("cron: at each of its moments what was gathered is mailed"),
                "timezone": {"$ref": "#/$defs/timezone"},
                "subject": text("of the mail"),
            }
        ),
        "required": ["closes"],
    }


def _webhook() -> Schema:
    secret = text("whsec_ and base64, as ${env:NAME}")
    several = {"type": "array", "items": secret, "minItems": 1, "maxItems": MOST_SECRETS}
    take = {"type": "array", "items": {"type": "string", "minLength": 1}, "maxItems": 100}
    keys = {
        "job": text("that runs"),
        "secret": {"anyOf": [secret, {**several, "description": "the new one, and the old one for a while"}]},
        "take": {**take, "description": "parameters that fields of the body set"},
    }
    return {**table(keys), "required": ["job", "secret"]}


def _retention() -> Schema:
    age = or_reference({"type": "string", "pattern": f"^([0-9.]+(ms|s|m|h|d|w))+$|^{FOREVER}$", "examples": ["90d"]})
    ages = {key: {**age, "description": f"how long {key} is kept"} for key in AGES}
    return table({**ages, "keep_last": whole(1, MOST_KEPT, "so many of each job's newest runs are always kept")})

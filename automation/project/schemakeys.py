"""The JSON Schema of the keys that jobs, schedules, tags and defaults may have.

Owns: kind, range and default of each key, in the words that an editor shows.
Never: says which keys need or refuse which others; `schema` does, where it can.
"""

from __future__ import annotations

from automation.ledger.unique_key import CONFLICTS
from automation.project.model import Overlap, Timing, Uniqueness
from automation.project.policies import (
    KILL_AFTER,
    LONGEST_KEY,
    MAX_QUEUED,
    MAX_RUNNING,
    MAX_SNOOZES,
    OVERLAPS,
    PAUSE_AFTER,
    PRIORITY,
    QUEUE,
    TIMEOUT,
)  # fmt: skip
from automation.project.schedules import MAX_FIRES
from automation.project.schemagates import alerts, breaker, limiting
from automation.project.schematypes import (
    FAILURES,
    NAME,
    REFERENCE,
    Schema,
    duration,
    named,
    or_reference,
    table,
    text,
    whole,
    word,
)
from automation.project.timing import CATCHUP_MAX, CATCHUPS, NO_DEADLINE
from automation.retry import BACKOFFS, JITTERS, ON_EXHAUSTED, RetryPolicy
from automation.text import format_duration
from automation.triggers.at import MOST
from automation.triggers.calendar import ENTRIES
from automation.triggers.cronfields import ALIASES, DAY_MATCHES, SECONDS
from automation.triggers.planning import JITTER_MODES, ON_BLACKOUT, Planning
from automation.triggers.wallrule import GAPS
from automation.triggers.wallrule import OVERLAPS as PASSES

_INSTANT: Schema = {
    "type": "string",
    "description": "a date, or a date and time; without an offset on the clocks of timezone",
}

_SIZE = r"^([0-9]{1,9}(\.[0-9]{1,3})? ?([kMGT]?B|[KMGT]iB)|none)$"


def rule() -> Schema:
    """The keys that say when."""
    aliases = "|".join(alias.removeprefix("@") for alias in ALIASES)
    return {
        "cron": or_reference(
            {
                "type": "string",
                "pattern": r"^\s*(@[a-zA-Z]+|(\S+\s+){4,5}\S+)\s*$",
                "description": f"minute hour day-of-month month day-of-week, or @ and one of {aliases}",
                "examples": ["*/15 8-20 * * mon-fri"],
            }
        ),
        "every": duration("elapsed time, on a grid in UTC"),
        "fixed_delay": duration("the pause between the end of one run and the beginning of the next"),
        "at": {
            "anyOf": [_INSTANT, {"type": "array", "items": _INSTANT, "minItems": 1, "maxItems": MOST}],
            "description": "an instant, or a list of them, each of which fires once",
        },
        "rrule": text("a recurrence rule with its beginning: DTSTART:20260105T090000 RRULE:FREQ=DAILY"),
        "timezone": {"$ref": "#/$defs/timezone"},
        "seconds": word(SECONDS, "where the sixth field of cron stands"),
        "day_match": word(DAY_MATCHES, "whether day of month or day of week is enough; default: or"),
        "dst_gap": word(GAPS, "what becomes of a time that does not exist; default: shift"),
        "dst_overlap": word(PASSES, "which pass of a time that comes twice; default: first"),
        "anchor": {**_INSTANT, "description": "a point of the grid of every"},
        "start_at": {**_INSTANT, "description": "the first instant that may fire"},
        "end_at": {**_INSTANT, "description": "the first instant that no longer fires"},
        "max_fires": whole(1, MAX_FIRES, "after so many runs it fires no more"),
    }


def replaces(what: str) -> Schema:
    """The key for an earlier name, whose meaning depends on where it stands."""
    return {"replaces": named(what)}


def timing() -> Schema:
    """The keys that say what becomes of fires that cannot run in time."""
    known = Timing()
    late = format_duration(known.misfire_grace)
    deadline = "a run that has not begun so long after its planned time expires; default: none"
    return {
        "catchup": word(CATCHUPS, f"which of the fires of an outage run; default: {known.catchup}"),
        "catchup_window": duration(f"what is older is missed; default: {format_duration(known.catchup_window)}"),
        "catchup_max": whole(1, CATCHUP_MAX, f"how many of the newest all runs; default: {known.catchup_max}"),
        "misfire_grace": duration(f"what is decided within it is merely late; default: {late}"),
        "start_deadline": {
            "anyOf": [{"$ref": "#/$defs/duration"}, {"const": NO_DEADLINE}],
            "description": deadline,
        },
    }


def planning() -> Schema:
    """The keys that move fires, or keep them from running."""
    known = Planning()
    calendars: Schema = {"type": "array", "items": {"type": "string", "pattern": NAME}, "maxItems": 100}
    return {
        "jitter": duration("a fire starts up to so much later; default: 0s"),
        "jitter_mode": word(
            JITTER_MODES, f"another moment each time, or one for the schedule; default: {known.jitter_mode}"
        ),
        "only_during": {**calendars, "description": "calendars: it runs while one of them holds"},
        "not_during": {**calendars, "description": "calendars: it does not run while one of them holds"},
        "on_blackout": word(ON_BLACKOUT, f"gone, or moved to the end of it; default: {known.on_blackout}"),
    }


def calendar() -> Schema:
    """A table under `calendars`."""

    def entries(items: Schema, what: str) -> Schema:
        return {"type": "array", "items": items, "minItems": 1, "description": what}

    texts: Schema = {"type": "string"}
    span: Schema = {**table({"from": texts, "to": texts}), "required": ["from", "to"]}
    return {
        **table(
            {
                "dates": entries(texts, "whole days: 2026-12-24"),
                "yearly": entries({"type": "string", "pattern": "^[0-9]{2}-[0-9]{2}$"}, 'days of each year: "12-25"'),
                "weekly": entries(texts, 'days and hours of each week: "mon-fri 08:00-18:00"'),
                "ranges": entries({"anyOf": [texts, span]}, "from a day to a day, or from a time to a time"),
                "ics": {**texts, "description": "a file of events, from the folder of the project"},
                "country": {"type": "string", "pattern": "^[A-Z]{2}$", "description": "its public holidays"},
                "subdivision": {**texts, "description": "a part of the country"},
                "categories": entries(texts, "of holidays; default: public"),
                "timezone": {"type": "string", "description": "IANA name; default: that of [defaults], or UTC"},
            }
        ),
        "anyOf": [{"required": [entry]} for entry in ENTRIES],
        "dependencies": {"subdivision": ["country"], "categories": ["country"]},
    }


def overlap() -> Schema:
    """The keys that say what becomes of a fire that finds the job at work."""
    known = Overlap()
    return {
        "overlap": word(OVERLAPS, f"default: {known.mode}"),
        "max_running": whole(
            1, MAX_RUNNING, f"from how many runs at once overlap counts; default: {known.max_running}"
        ),
        "max_queued": whole(1, MAX_QUEUED, f"how many runs queue_all lets wait; default: {known.max_queued}"),
        "overlap_key": {
            "type": "string",
            "minLength": 1,
            "maxLength": LONGEST_KEY,
            "description": "what shares the places; default: the job; may hold {{ params.NAME }}",
        },
    }


def unique() -> Schema:
    """The keys that say what becomes of a run that is asked for twice."""
    known = Uniqueness()
    return {
        "unique_key": {
            "type": "string",
            "maxLength": LONGEST_KEY,
            "description": "runs of the job with the same one are one run; may hold {{ params.NAME }}; default: none",
        },
        "on_conflict": word(CONFLICTS, f"of a run whose unique_key is held; default: {known.on_conflict}"),
        "unique_for": {
            "anyOf": [{"$ref": "#/$defs/duration"}, {"const": NO_DEADLINE}],
            "description": "a run holds its unique_key at least so long; default: none, until it has ended",
        },
    }


def following() -> Schema:
    """The keys that say after which other jobs a job runs."""

    def jobs(what: str) -> Schema:
        names: Schema = {"type": "array", "items": {"type": "string", "pattern": NAME}, "minItems": 1, "maxItems": 100}
        return {**names, "description": what}

    return {
        "after": jobs("runs when all of these jobs have succeeded for the same occurrence"),
        "after_failure": jobs("runs when one of these jobs has ended dead"),
        "after_any": jobs("runs when all of these jobs have ended, however"),
        "for_each": text(
            "a list of a job before it, {{ upstream.JOB.result.path }}: a run for each element, max_running at once"
        ),
    }


def of_tag() -> Schema:
    """The keys that jobs take from their tags."""
    return {key: schema for key, schema in inherited().items() if key != "tags"}


def inherited() -> Schema:
    """The keys that jobs take from defaults."""
    return {
        "timezone": {"$ref": "#/$defs/timezone"},
        "queue": named(f"which workers take it; default: {QUEUE}"),
        "priority": whole(0, 9, f"9 first; default: {PRIORITY}"),
        "timeout": duration(f"of one attempt; default: {format_duration(TIMEOUT)}"),
        "kill_after": duration(f"after the timeout; default: {format_duration(KILL_AFTER)}"),
        "max_memory": or_reference({"type": "string", "pattern": _SIZE, "examples": ["500MB"]}),
        "retry": {"$ref": "#/$defs/retry"},
        "tags": {"type": "array", "items": {"type": "string", "pattern": "^[^,]{1,50}$"}, "maxItems": 100},
        "enabled": {"type": "boolean", "description": "whether its schedules fire; default: true"},
        "pause_after_failures": whole(0, PAUSE_AFTER, "so many final failures in a row pause it; default: 0, never"),
        **timing(),
        **planning(),
        **overlap(),
        **unique(),
        **limiting(),
        "breaker": breaker(),
        "alerts": alerts(),
    }


def retry() -> Schema:
    """The table `retry`."""
    known = RetryPolicy()
    attempts: Schema = {"type": "integer", "minimum": 1, "maximum": 1000}
    waits = {"type": "array", "items": {"$ref": "#/$defs/duration"}, "minItems": 1, "maxItems": 100}
    return table(
        {
            "max_attempts": {**attempts, "description": f"the first one included; default: {known.max_attempts}"},
            "backoff": {"anyOf": [{"type": "string", "enum": list(BACKOFFS)}, waits, REFERENCE]},
            "first": duration(f"the wait before the second attempt; default: {format_duration(known.first)}"),
            "factor": {"type": "number", "minimum": 1, "maximum": 100},
            "max_delay": duration(f"the longest wait; default: {format_duration(known.max_delay)}"),
            "jitter": word(tuple(JITTERS), f"default: {known.jitter}"),
            "retry_on": {**FAILURES, "description": "failures to try again that are otherwise final"},
            "give_up_on": {**FAILURES, "description": "failures that no further attempt is made for"},
            "max_lost": {**attempts, "description": f"attempts lost with their worker; default: {known.max_lost}"},
            "respect_retry_after": {
                "type": "boolean",
                "description": "wait at least as long as the other side asks; default: true",
            },
            "retry_after_max": duration(
                f"who asks for more is not asked again; default: {format_duration(known.retry_after_max)}"
            ),
            "total_deadline": {
                "anyOf": [{"$ref": "#/$defs/duration"}, {"const": NO_DEADLINE}],
                "description": f"no attempt is planned for later than this after the run was queued; default: {NO_DEADLINE}",
            },
            "max_snoozes": whole(0, MAX_SNOOZES, f"so often a run may put itself off; default: {known.max_snoozes}"),
            "retry_until_next": {
                "type": "boolean",
                "description": "a run that waits for its next attempt makes way for the next fire; default: false",
            },
            "on_exhausted": word(ON_EXHAUSTED, f"of a run without a further attempt; default: {known.on_exhausted}"),
        }
    )

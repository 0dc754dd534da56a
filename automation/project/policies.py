"""What a job's keys may say, apart from its schedule and parameters: names, limits, overlap, retries.

Owns: ranges and defaults of queue, priority, timeout, tags, `overlap` and its kin, and `retry`.
Never: applies a policy.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import timedelta

from automation.errors import FailureClass
from automation.ledger.unique_key import CONFLICTS, REPLACE_WAITING
from automation.project.keys import BREAKER, OVERLAP, RETRY, UNIQUE
from automation.project.model import BreakerPolicy, Overlap, Uniqueness
from automation.project.timing import read_deadline
from automation.project.values import Reader, Table, choice_problem, span_problem
from automation.retry import BACKOFFS, JITTERS, ON_EXHAUSTED, UNLIMITED, RetryPolicy
from automation.text import format_duration, nearest, parse_duration, parse_size, printable, size

TIMEOUT = timedelta(hours=1)
KILL_AFTER = timedelta(seconds=30)
LEAST_MEMORY = 200_000_000
QUEUE = "default"
PRIORITY = 5
OVERLAPS = ("skip", "queue_one", "queue_all", "cancel_running", "allow")
MAX_RUNNING, MAX_QUEUED, PAUSE_AFTER = 1000, 1000, 1000
LONGEST_KEY = 200
MAX_SNOOZES = 100_000
#: How many in a row open a breaker that says nothing of it.
BREAKER_FAILURES = 5

_MILLISECOND = timedelta(milliseconds=1)
_DAY = timedelta(days=1)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_NAME_CHARACTER = re.compile(r"[A-Za-z0-9._-]")
_PARAMETER = re.compile(r"\{\{\s*params\.([A-Za-z_][A-Za-z0-9_]*)\s*\}\}")
_CODE = re.compile(r"[a-z][a-z0-9_]*:[A-Za-z0-9_.-]+")
_EXCEPTION = re.compile(r"(?:[A-Za-z_]\w*\.)+[A-Za-z_]\w*|[A-Z]\w*", re.ASCII)


def name_problem(name: str) -> str | None:
    """What is wrong with the name of a job, a queue or a database, if something is.

    Names are part of Redis keys, file names and URLs, so that one that looks like another is refused.
    """
    if _NAME.fullmatch(name):
        return None
    strange = next((char for char in name if not _NAME_CHARACTER.fullmatch(char)), None)
    if not name:
        what = "is empty"
    elif strange is not None:
        what = f"has the character U+{ord(strange):04X} ({unicodedata.name(strange, 'a control character').lower()})"
    elif len(name) > 100:
        what = f"has {len(name)} characters"
    else:
        what = f"begins with '{name[0]}'"
    return (
        f"the name '{printable(name, 40)}' {what}; write 1 to 100 ASCII letters, digits, '-', '_' or '.', "
        "the first a letter or digit"
    )


def tag_problem(tag: str) -> str | None:
    """What is wrong with a tag, if something is."""
    if tag and len(tag) <= 50 and tag.isprintable() and tag == tag.strip() and "," not in tag:
        return None
    return f"found the tag '{printable(tag, 60)}'; write 1 to 50 printable characters without a comma"


def read_timeout(reader: Reader) -> timedelta:
    """How long an attempt may take."""
    return reader.span("timeout", TIMEOUT, timedelta(milliseconds=100), 30 * _DAY)


def read_kill_after(reader: Reader) -> timedelta:
    """How long after its timeout an attempt is killed."""
    return reader.span("kill_after", KILL_AFTER, timedelta(0), _DAY)


def read_max_memory(reader: Reader) -> int:
    """How many bytes of memory an attempt may hold; 0 is any number."""
    said = reader.text(
        "max_memory", UNLIMITED, check=_memory_problem, wanted=f'a size such as "500MB", or "{UNLIMITED}"'
    )
    return 0 if said == UNLIMITED else parse_size(said)


def _memory_problem(text: str) -> str | None:
    try:
        enough = text == UNLIMITED or parse_size(text) >= LEAST_MEMORY
    except ValueError as error:
        return f'{error}, or "{UNLIMITED}"'
    return (
        None
        if enough
        else f"'{printable(text, 40)}' is less than a worker's process has to begin with; write at least \"{size(LEAST_MEMORY)}\""
    )


def read_overlap(reader: Reader) -> Overlap:
    """The keys that say what becomes of a fire that finds the job at work."""
    known = Overlap()
    if reader.lacks(OVERLAP):
        return known
    return Overlap(
        mode=reader.choice("overlap", known.mode, OVERLAPS),
        max_running=reader.whole("max_running", known.max_running, 1, MAX_RUNNING),
        max_queued=reader.whole("max_queued", known.max_queued, 1, MAX_QUEUED),
        key=reader.text("overlap_key", "", template_problem) or known.key,
    )


def read_unique(reader: Reader) -> Uniqueness:
    """The keys that say what becomes of a run that is asked for twice."""
    known = Uniqueness()
    if reader.lacks(UNIQUE):
        return known
    return Uniqueness(
        unique_key=reader.text("unique_key", "", lambda key: template_problem(key) if key else None) or None,
        on_conflict=reader.choice("on_conflict", known.on_conflict, CONFLICTS),
        unique_for=read_deadline(reader, "unique_for"),
    )


def check_unique(reader: Reader, table: Table, unique: Uniqueness, *, alone: bool = False) -> None:
    """Note the keys of a table that mean nothing without a unique key, or beside `on_conflict`.

    Parameters
    ----------
    alone: the table is inherited from, so that only what stands in it counts.
    """
    written = next((one.values["unique_key"] for one in reader.layers if "unique_key" in one.values), "")
    refused = {}
    if unique.on_conflict == REPLACE_WAITING and unique.unique_for is not None:
        refused["unique_for"] = f'with on_conflict = "{REPLACE_WAITING}": a run that has ended cannot make way'
    if written == "" and not alone:
        refused = dict.fromkeys(UNIQUE[1:], "without unique_key")
    for key, why in refused.items():
        if key in table.values:
            reader.notes.at(table, [key], f"means nothing {why}; remove it", on_key=True)


def read_pause_after_failures(reader: Reader) -> int:
    """How many final failures in a row pause the job's schedules."""
    return reader.whole("pause_after_failures", 0, 0, PAUSE_AFTER)


def read_breaker(reader: Reader) -> BreakerPolicy:
    """The table `breaker`; keys that it lacks come from the defaults, and without any table there is none."""
    known = BreakerPolicy()
    if not reader.has("breaker"):
        return known
    breaker = reader.child("breaker", BREAKER)
    return BreakerPolicy(
        failures=breaker.whole("failures", BREAKER_FAILURES, 0, 1000),
        open_for=breaker.span("open_for", known.open_for, timedelta(seconds=1), 30 * _DAY),
        key=breaker.text("key", "", template_problem) or None,
        on=breaker.words("on", _pattern_problem),
    )


def check_overlap(reader: Reader, table: Table, overlap: Overlap, *, alone: bool = False) -> None:
    """Note the keys of a table that mean nothing beside its `overlap`, or beside fixed_delay.

    Parameters
    ----------
    alone: the table is inherited from, so that only what stands in it counts.
    """
    if "fixed_delay" in table.values:
        why = "beside fixed_delay: it counts from the end of the run before, so that no fire finds the job at work"
        refused = dict.fromkeys(OVERLAP, why)
    elif alone and "overlap" not in table.values:
        return
    else:
        refused = {}
        if overlap.mode == "allow":
            refused["max_running"] = 'with overlap = "allow", which sets no limit'
        if overlap.mode != "queue_all":
            refused["max_queued"] = f'with overlap = "{overlap.mode}"; it goes with overlap = "queue_all"'
    for key, why in refused.items():
        if key in table.values:
            reader.notes.at(table, [key], f"means nothing {why}; remove it", on_key=True)


def parameters_in(key: str) -> list[str]:
    """The parameters that an overlap key or a unique key names."""
    return _PARAMETER.findall(key)


def template_problem(key: str) -> str | None:
    """What is wrong with a key that may name parameters, if something is."""
    rest = _PARAMETER.sub("", key)
    if (
        key.strip()
        and len(key) <= LONGEST_KEY
        and key.isprintable()
        and not {"{{", "}}"} & {rest[at : at + 2] for at in range(len(rest))}
    ):
        return None
    return (
        f"found '{printable(key, 60)}'; write 1 to {LONGEST_KEY} printable characters, with parameters as "
        '"{{ params.NAME }}"'
    )


def read_retry(reader: Reader) -> RetryPolicy:
    """The table `retry`; keys that it lacks come from the defaults."""
    known = RetryPolicy()
    if not reader.has("retry"):
        return known
    retry = reader.child("retry", RETRY)
    policy = RetryPolicy(
        max_attempts=retry.whole("max_attempts", known.max_attempts, 1, 1000),
        backoff=_backoff(retry, known.backoff),
        first=retry.span("first", known.first, _MILLISECOND, 30 * _DAY),
        factor=retry.number("factor", known.factor, 1, 100),
        max_delay=retry.span("max_delay", known.max_delay, _MILLISECOND, 30 * _DAY),
        jitter=retry.choice("jitter", known.jitter, JITTERS),
        retry_on=retry.words("retry_on", _pattern_problem),
        give_up_on=retry.words("give_up_on", _pattern_problem),
        max_lost=retry.whole("max_lost", known.max_lost, 1, 1000),
        respect_retry_after=_respects(retry, known.respect_retry_after),
        retry_after_max=retry.span("retry_after_max", known.retry_after_max, timedelta(0), 30 * _DAY),
        total_deadline=read_deadline(retry, "total_deadline"),
        max_snoozes=retry.whole("max_snoozes", known.max_snoozes, 0, MAX_SNOOZES),
        retry_until_next=retry.flag("retry_until_next", known.retry_until_next),
        on_exhausted=retry.choice("on_exhausted", known.on_exhausted, ON_EXHAUSTED),
    )
    _warn_of_deadline(retry, policy)
    return policy


def _warn_of_deadline(retry: Reader, policy: RetryPolicy) -> None:
    table = next((table for table in retry.layers if "total_deadline" in table.values), None)
    if table is not None and policy.too_late is not None:
        text = f"a second attempt begins no sooner than {format_duration(policy.too_late)} after the first, so there is none"
        retry.notes.at(table, ["total_deadline"], text, severity="warning")


def _respects(retry: Reader, default: bool) -> bool:
    """`respect_retry_after`; a limit in the same table as its refusal means nothing."""
    respects = retry.flag("respect_retry_after", default)
    for table in retry.layers:
        if table.values.get("respect_retry_after") is False and "retry_after_max" in table.values:
            why = "means nothing with respect_retry_after = false; remove it"
            retry.notes.at(table, ["retry_after_max"], why, on_key=True)
    return respects


def _backoff(retry: Reader, default: str | tuple[timedelta, ...]) -> str | tuple[timedelta, ...]:
    """One of the names, or a list of the waits themselves."""
    table = next((table for table in retry.layers if "backoff" in table.values), None)
    if table is None:
        return default
    value = table.values["backoff"]
    if isinstance(value, str):
        problem = choice_problem(value, BACKOFFS)
        if problem:
            retry.notes.at(table, ["backoff"], f'{problem}, or a list such as ["1m", "5m"]')
        return default if problem else value
    if value == [] or not isinstance(value, list):
        retry.refuse(table, "backoff", f'write one of: {", ".join(BACKOFFS)}, or a list such as ["1m", "5m"]')
        return default
    waits = retry.words("backoff", lambda text: span_problem(text, timedelta(0), 30 * _DAY))
    return tuple(parse_duration(wait) for wait in waits) or default


def _pattern_problem(pattern: str) -> str | None:
    """A failure class, a refinement such as `http:404` or `http:5xx`, or the name of an exception."""
    if pattern in list(FailureClass) or _CODE.fullmatch(pattern) or _EXCEPTION.fullmatch(pattern):
        return None
    meant = nearest(pattern, FailureClass)
    hint = f"did you mean '{meant}'? " if meant else ""
    allowed = ", ".join(FailureClass)
    return f"found '{printable(pattern, 60)}'; {hint}write a failure class ({allowed}), a code such as http:404, or an exception's dotted name"

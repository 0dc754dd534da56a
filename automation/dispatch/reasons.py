"""The words that reasons begin with, and what each means.

Owns: the rule behind each word, in a sentence or two, with the option that changes it.
Never: decides; knows a run.
"""

from __future__ import annotations

import re

#: The word before the colon of a reason → the rule behind it.
RULES = {
    "overlap": 'With overlap = "skip" a fire that finds its job at work is not run. queue_one, queue_all, cancel_running '
    "and allow give other answers.",
    "paused": "What falls due while a pause holds is recorded as skipped, and is not run later.",
    "blackout": 'Its calendars (only_during, not_during) keep it from running then. on_blackout = "defer" runs it when '
    "the blackout ends.",
    "merged": "Of several fires that are deferred to one instant the last one runs, for all of them.",
    "superseded": 'With overlap = "queue_one" or "cancel_running" a newer fire takes the place of one that still waits; '
    'with retry_until_next = true also of one that waits for its next attempt, and with on_conflict = "replace_waiting" '
    "of one with the same unique_key.",
    "queue full": 'With overlap = "queue_all" no more than max_queued runs wait; this one would have been one more.',
    "unique": "While a run of the job with the same unique_key is open, or for unique_for after it was asked for, there is no "
    "second one.",
    "upstream": "A job with after, after_failure or after_any runs when what it says of the jobs before it has come true; else it "
    "is skipped, and so is what follows it. If a dead run before it is brought back and succeeds, it runs after all.",
    "disabled": "A job that says enabled = false, or has a problem, does not follow others; what follows it is skipped.",
    "removed": "Jitter or a calendar had put it off when its schedule was taken out of the files; what has no schedule any more does "
    "not run.",
    "united": "With unite = true, fires of several schedules at one instant are one run, that of the schedule that stands "
    "first.",
    "waits": "A limit holds over all workers, whatever asked for a run, and so does a breaker that is open: those that may not "
    "begin stand in a line, by priority and then by due time, and spend no attempt. See limits, rate, max_running of a limit or a "
    "queue, and breaker.",
    "missed": "It was decided so late that its catch-up policy runs it no more: see catchup, catchup_window, catchup_max, "
    "misfire_grace and start_deadline.",
    "expired": "Its start_deadline passed before a worker began it.",
}
_RUN_ID = re.compile(r"\brun ([a-z2-7]{20})\b")


def word_of(reason: str | None) -> str | None:
    """The word of a reason, when it is one of ours."""
    word = (reason or "").partition(":")[0]
    return word if word in RULES else None


def runs_in(reason: str | None) -> list[str]:
    """The ids of the runs that a reason names, each once."""
    return list(dict.fromkeys(_RUN_ID.findall(reason or "")))

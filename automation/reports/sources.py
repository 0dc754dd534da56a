"""Of when a report's data are, and what failed since.

Owns: the words for that.
Never: asks the ledger; what it knows comes in.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from automation.rendering.locales import Forms
from automation.reports.compare import shift_of
from automation.reports.gather import Gathered
from automation.reports.page import period
from automation.reports.params import ReportParams
from automation.reports.stored import Origin

_SHOWN = 300


def check_sources(job: str, known: Mapping[str, Any]) -> dict[str, Any]:
    """What a report says of one job whose data it shows, as JSON, so that it can be said again."""
    moments = {name: known[name].isoformat() if known[name] else None for name in ("nominal_time", "succeeded")}
    state = str(known["state"]) if known["state"] else None
    doubts = (known.get("good_result") or {}).get("doubts") or []
    return {"job": job, "state": state, "reason": known["reason"], "doubts": doubts, **moments}


def notes_of(found: Gathered, forms: Forms) -> tuple[list[str], list[str]]:
    """What is not whole or not of now, and of when each source is, a sentence each."""
    notes: list[str] = []
    sources: list[str] = []
    for source in found.facts.get("sources", []):
        _of_source(source, notes, sources, forms)
    for name, answer in found.answers.items():
        if answer.cut and "@" not in name:
            notes.append(forms.words.say("cut", query=name, n=answer.found))
    return notes, sources


def _of_source(source: Mapping[str, Any], notes: list[str], sources: list[str], forms: Forms) -> None:
    job, since, say = source["job"], source["succeeded"], forms.words.say
    of = forms.moment(datetime.fromisoformat(since)) if since else ""
    if since is None:
        notes.append(say("never", job=job))
    else:
        sources.append(say("data_of", job=job, moment=of))
    for doubt in source.get("doubts", []):
        notes.append(say("doubtful", job=job, moment=of, reason=_reason(doubt)))
    failed = source["state"] in ("dead", "cancelled") and source["nominal_time"] is not None
    if failed and (since is None or source["nominal_time"] > since):
        at = forms.moment(datetime.fromisoformat(source["nominal_time"]))
        reason = _reason(source["reason"] or "")
        told = say("failed_by", job=job, moment=at, reason=reason) if reason else say("failed", job=job, moment=at)
        notes.append(f"{told} {say('older', moment=of)}" if since else told)


def _reason(text: str) -> str:
    return text[:_SHOWN].rstrip(".")


def period_before(params: ReportParams, origin: Origin, query: str, forms: Forms) -> str:
    """What the period before is called above its column; empty where nothing is compared."""
    how = params.queries[query].compare
    how = params.compare if how is None else how
    if not how:
        return ""
    shift = shift_of(how, origin.window_start, origin.window_end, params.timezone)
    if how == "year":
        return forms.words["year_before"]
    then = Origin(
        origin.job,
        origin.run_id,
        shift.back(origin.nominal_time),
        shift.back(origin.window_start),
        shift.back(origin.window_end),
    )
    return period(then, forms)

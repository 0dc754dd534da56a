"""Forms: a run with parameters, a backfill with its list before it is recorded.

Owns: which field a parameter gets, and reading what came back.
Never: records anything.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from automation.acts.backfill import Wish, past_fires_of
from automation.dispatch.backfill import ORDERS, SELECTIONS
from automation.errors import AutomationError, InvalidInput
from automation.ledger.ids import new_id
from automation.project.model import Job
from automation.text import count, printable
from automation.web.site import Site
from automation.web.words import Viewer, pretty

_SHOWN = 200
_LONG = 60
_PREFIX = "p."


@dataclass(frozen=True)
class Field:
    """A parameter as a field of a form.

    Parameters
    ----------
    kind: `text`, `number`, `choice`, `json` for what has parts, or `either` for a text or such.
    own: what the job says, or else the plugin's default; it holds where the field is left empty.
    """

    name: str
    kind: str
    own: str
    help: str
    choices: tuple[str, ...] = ()
    value: str = ""


def fields_of(site: Site, job: Job, given: Mapping[str, str] | None = None) -> list[Field]:
    """A field for each parameter of the job's plugin. Raises UnknownName for a plugin that is not there."""
    schema = site.services.registry.plugin(job.plugin).parameters.model_json_schema()
    typed = given or {}
    return [
        _field(name, one, job.params, typed.get(_PREFIX + name, ""))
        for name, one in schema.get("properties", {}).items()
    ]


def _field(name: str, schema: Mapping[str, Any], params: Mapping[str, Any], typed: str) -> Field:
    default = schema.get("default")
    own = params.get(name, default)
    told = own if isinstance(own, str) else "" if own is None else pretty(own)
    kind, choices = _kind(schema)
    words = str(schema.get("description", "")).strip().partition("\n")[0]
    return Field(
        name, kind, printable(" ".join(told.split()), _LONG) if kind != "json" else told, words, choices, typed
    )


def _kind(schema: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    if "enum" in schema:
        return "choice", tuple(map(str, schema["enum"]))
    kinds = {one.get("type") for one in schema.get("anyOf", [schema])} - {"null"}
    if kinds == {"boolean"}:
        return "choice", ("true", "false")
    if kinds and kinds <= {"integer", "number"}:
        return "number", ()
    return ("text", ()) if kinds == {"string"} else ("either", ()) if "string" in kinds else ("json", ())


def params_of(site: Site, job: Job, given: Mapping[str, str]) -> dict[str, Any]:
    """The parameters that were filled in, each by its kind. Raises InvalidInput."""
    found: dict[str, Any] = {}
    for field in fields_of(site, job, given):
        text = field.value.strip()
        if not text:
            continue
        plain = field.kind == "either" and not text.startswith(("[", "{"))
        if field.kind == "text" or plain or (field.kind == "choice" and set(field.choices) != {"true", "false"}):
            found[field.name] = field.value
            continue
        try:
            found[field.name] = json.loads(text)
        except ValueError as error:
            raise InvalidInput(f'{field.name} is no JSON: {error}; write a text in quotes, such as "a"') from error
    return found


def run_form(site: Site, viewer: Viewer, name: str, given: Mapping[str, str] | None = None, problem: str = "") -> str:
    """The form that starts a run. Raises UnknownName."""
    job = site.job(name)
    values = given or {}
    return site.render(
        "job_run.html",
        viewer,
        section="jobs",
        tab="run",
        job=job,
        fields=fields_of(site, job, values),
        problem=problem,
        key=values.get("key") or new_id(),
        nominal=values.get("nominal", ""),
        follows=job.lineage is not None and bool(job.lineage.behind(job.name)),
    )


def wish_of(job: str, given: Mapping[str, str]) -> Wish:
    """What the form of a backfill asks for. Raises InvalidInput for a selection or an order that is none."""
    select, order = given.get("select") or SELECTIONS[0], given.get("order") or ORDERS[0]
    if select not in SELECTIONS or order not in ORDERS:
        raise InvalidInput(f"select is one of {', '.join(SELECTIONS)}, and order of {', '.join(ORDERS)}")
    return Wish(
        job=job,
        since=given.get("since", ""),
        until=given.get("until", ""),
        schedule=given.get("schedule") or None,
        select=select,
        order=order,
        max_parallel=_number(given, "parallel", 1, 1000),
        limit=_number(given, "limit", 1000, 100_000),
        notify="notify" in given,
        ignore_calendars="calendars" in given,
        force="force" in given,
        only="only" in given,
    )


def _number(given: Mapping[str, str], name: str, default: int, most: int) -> int:
    text = given.get(name, "").strip() or str(default)
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= most):
        raise InvalidInput(f"{name} is '{printable(text, 20)}'; write a number from 1 to {most:,}")
    return int(text)


def backfill_form(site: Site, viewer: Viewer, name: str, given: Mapping[str, str], problem: str = "") -> str:
    """The form of a backfill, with the list of what would run once a span is given. Raises UnknownName."""
    job = site.job(name)
    fires: Sequence[Any] = ()
    if given.get("since") and given.get("until") and not problem:
        try:
            fires = past_fires_of(site.services, wish_of(job.name, given))
        except AutomationError as error:
            problem = str(error)
    runs = sum(fire.runs for fire in fires)
    return site.render(
        "job_backfill.html",
        viewer,
        section="jobs",
        tab="backfill",
        job=job,
        given=given,
        problem=problem,
        asked=bool(given.get("since")) and not problem,
        selections=SELECTIONS,
        orders=ORDERS,
        runs=runs,
        title=count(runs, "run"),
        fires=[
            (fire.schedule.id, viewer.at(fire.nominal_time), fire.settled or fire.kept_out or "")
            for fire in fires[:_SHOWN]
        ],
        more=max(len(fires) - _SHOWN, 0),
    )

"""What a run takes from the runs before it: `{{ upstream.JOB.result.path }}`, and from its list: `{{ item.path }}`.

Owns: how that is written, found in a value, looked up, and filled in.
Never: opens a transaction; it works within the caller's.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from automation.errors import FailureClass, JobFailed
from automation.ledger.graph import Tally, standing
from automation.ledger.states import State
from automation.ledger.tables import runs
from automation.text import count, printable

_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]*?"
_FACT = r"result|state|reason|run"
_PATH = r"(?:\.[A-Za-z0-9_-]+|\[[0-9]{1,9}\])*"
_WRITTEN = re.compile(
    rf"\{{\{{\s*(?:upstream\.(?P<job>{_NAME})\.(?P<fact>{_FACT})(?P<path>{_PATH})|item(?P<inside>{_PATH}))\s*\}}\}}"
)
_NAMED = re.compile(rf"\bupstream\.({_NAME})\.(?:{_FACT})\b")
_STEP = re.compile(r"[A-Za-z0-9_-]+")
_SHOWN = 12
#: A list that is longer has no run for each of its elements.
MOST_ELEMENTS = 10_000
#: As the ledger's columns have it.
_LONGEST_KEY = 200
Facts = Mapping[str, Any]


@dataclass(frozen=True)
class Taking:
    """One place in a parameter that is filled in later.

    Parameters
    ----------
    job: the step before that it is taken from; None for the element of a list.
    fact: `result`, `state`, `reason` or `run`.
    words: as it is written, without the braces.
    """

    job: str | None
    fact: str
    path: tuple[str, ...]
    words: str = field(default="", compare=False)


def taking(text: str) -> Taking | None:
    """The taking that this text is as a whole."""
    found = _WRITTEN.fullmatch(text.strip())
    return _read(found) if found else None


def takings(text: str) -> list[Taking]:
    """Every taking in a text."""
    return [_read(found) for found in _WRITTEN.finditer(text)] if "{{" in text else []


def named(text: str) -> list[str]:
    """Every step that a text names, also within the expression of a template."""
    return _NAMED.findall(text) if "{{" in text or "{%" in text else []


def fill(value: Any, look_up: Callable[[Taking], Any]) -> Any:
    """The value with each taking replaced; a text that is one as a whole becomes what stands there, of whatever kind."""
    if isinstance(value, Mapping):
        return {key: fill(one, look_up) for key, one in value.items()}
    if isinstance(value, list):
        return [fill(one, look_up) for one in value]
    if not isinstance(value, str) or "{{" not in value:
        return value
    whole = taking(value)
    if whole is not None:
        return look_up(whole)
    return _WRITTEN.sub(lambda found: as_text(look_up(_read(found))), value)


def as_text(value: Any) -> str:
    """What stands in the midst of a text for a value: JSON, but for texts themselves and for nothing."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def walk(value: Any, one: Taking, whose: str) -> Any:
    """What stands at the end of a taking's path.

    Parameters
    ----------
    whose: what `value` is, in words.

    Raises JobFailed, as `config`, that names the path and what there is.
    """
    gone: list[str] = []
    for step in one.path:
        if isinstance(value, Mapping) and step in value:
            value = value[step]
        elif isinstance(value, list) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        else:
            where = f"at '{'.'.join(gone)}' of {whose}" if gone else f"in {whose}"
            text = f"{{{{ {one.words} }}}}: there is no '{step}' {where}; there is {_what(value)}"
            raise JobFailed(text, FailureClass.CONFIG, code="upstream")
        gone.append(step)
    return value


def facts(connection: sa.Connection, flow: str | None, step: str) -> Facts | None:
    """What is known of a step: of this flow's runs of it, else of the newest succeeded run of the job of this name.

    Runs for the elements of a list have one result: the list of theirs, in their order. None where there is neither.
    """
    columns = (runs.c.id, runs.c.job, runs.c.state, runs.c.reason, runs.c.result, runs.c.attempt, runs.c.flow_index)
    found: Sequence[Any] = ()
    if flow is not None:
        mine = (runs.c.flow == flow) & (runs.c.flow_step == step)
        found = connection.execute(sa.select(*columns).where(mine).order_by(runs.c.flow_index, runs.c.id)).all()
    if not found:
        newest = sa.select(*columns).where(runs.c.job == step, runs.c.state == State.SUCCEEDED)
        order = (runs.c.nominal_time.desc(), runs.c.finished_at.desc())
        found = connection.execute(newest.order_by(*order).limit(1)).all()
    if not found:
        return None
    elements = [row for row in found if row.flow_index is not None]
    tallies = [Tally(row.job, State(row.state), row.id, row.attempt > 0, bool(elements), row.reason) for row in found]
    tells = standing(tallies).tally
    result = (
        [row.result for row in elements] if elements else next(row.result for row in found if row.id == tells.run_id)
    )
    return {"result": result, "state": str(tells.state), "reason": tells.reason, "run": tells.run_id, "job": tells.job}


def take(one: Taking, known: Facts | None, item: Sequence[Any]) -> Any:
    """What a taking stands for. Raises JobFailed, as `config`, with what there is.

    Parameters
    ----------
    known: of the step that it names.
    item: the element of the list, if the run is for one.
    """
    if one.job is None:
        if not item:
            raise JobFailed("{{ item }}: this run is for no element of a list", FailureClass.CONFIG, code="upstream")
        return walk(item[0], one, "the element")
    if known is None:
        text = f"{{{{ {one.words} }}}}: job '{one.job}' has no run in this flow, and has not succeeded before"
        raise JobFailed(text, FailureClass.CONFIG, code="upstream")
    return walk(
        known[one.fact], one, f"the {one.fact} of run {known['run']} of job '{known['job']}' ({known['state']})"
    )


def filled_keys(connection: sa.Connection, flow: str, keys: Any, spec: Facts) -> Any:
    """A key, or values with keys, that name parameters: where these take something, with what they take.

    Parameters
    ----------
    spec: of the run; it has the element that the run is for.
    """
    item = (spec["item"],) if "item" in spec else ()

    def look_up(one: Taking) -> str:
        known = None if one.job is None else facts(connection, flow, one.job)
        return as_text(take(one, known, item))[:_LONGEST_KEY]

    try:
        found = fill(keys, look_up)
        return found[:_LONGEST_KEY] if isinstance(found, str) else found
    except JobFailed:
        # The run fails for the same when it begins.
        return keys


def elements(value: Any, one: Taking) -> list[Any]:
    """The list whose elements get a run each. Raises JobFailed, as `config`, for anything else."""
    if not isinstance(value, list):
        text = f"for_each needs a list, and {{{{ {one.words} }}}} is {_what(value)}"
        raise JobFailed(text, FailureClass.CONFIG, code="upstream")
    if len(value) > MOST_ELEMENTS:
        text = f"for_each: {{{{ {one.words} }}}} has {len(value):,} elements, more than {MOST_ELEMENTS:,}; hand on parts of it"
        raise JobFailed(text, FailureClass.CONFIG, code="upstream")
    return value


def _read(found: re.Match[str]) -> Taking:
    path = found["path"] if found["job"] else found["inside"]
    return Taking(found["job"], found["fact"] or "", tuple(_STEP.findall(path or "")), found[0].strip("{} \t\n"))


def _what(value: Any) -> str:
    if isinstance(value, Mapping):
        names = [printable(str(key), 40) for key in list(value)[:_SHOWN]]
        more = ", …" if len(value) > _SHOWN else ""
        return f"a table with {', '.join(names)}{more}" if names else "an empty table"
    if isinstance(value, list):
        return f"a list of {count(len(value), 'element')}"
    return (
        "nothing"
        if value is None
        else f"the {'text' if isinstance(value, str) else 'value'} {printable(json.dumps(value), 60)}"
    )


def strings(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Every text inside of tables and lists, with the path to it."""
    if isinstance(value, Mapping):
        for key, one in value.items():
            yield from strings(one, (*path, key))
    elif isinstance(value, list):
        for number, one in enumerate(value):
            yield from strings(one, (*path, number))
    elif isinstance(value, str):
        yield path, value

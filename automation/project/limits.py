"""Limits as they are declared: `[limits.NAME]` of automation.toml, and what jobs say of them and of their own rate.

Owns: what may stand there, and which limits hold for a job.
Never: counts anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from automation.errors import Problem
from automation.ledger.limit import RATE_GRAMMAR, Limit, Rate
from automation.plugin import PluginSpec
from automation.project.keys import LIMIT, LIMITING
from automation.project.model import DeclaredLimit, Job, Limiting, Queue
from automation.project.named import named_table, named_tables
from automation.project.policies import MAX_RUNNING, name_problem, parameters_in, template_problem
from automation.project.values import Notes, Reader, Secrets, Table
from automation.text import nearest, printable


@dataclass(frozen=True)
class NamedLimit:
    """A table under `limits`; one with a problem disables the jobs that name it.

    Parameters
    ----------
    declared: None where there is a problem.
    """

    declared: DeclaredLimit | None = None
    problem: Problem | None = None


NamedLimits = Mapping[str, NamedLimit]


def read_limits(top: Table, notes: Notes, secrets: Secrets) -> NamedLimits:
    """The limits by name, those with a problem included."""
    declared = named_tables(top, "limits", notes, secrets)
    if declared is None:
        return {}
    found: dict[str, NamedLimit] = {}
    for name in declared.values:
        own = notes.beside()
        limit = _read_limit(declared, name, own, secrets)
        notes.take(own)
        found[name] = NamedLimit(limit if own.first_error is None else None, own.first_error)
    return found


def read_limiting(reader: Reader) -> Limiting:
    """The keys of a job that say how often its runs may begin, and how many at once beside those of other jobs."""
    if reader.lacks(LIMITING):
        return Limiting()
    key = reader.text("rate_key", "", lambda text: template_problem(text) if text else None)
    return Limiting(limits=reader.words("limits", _limit_problem), rate=_rate(reader), rate_key=key or None)


def check_limiting(reader: Reader, table: Table, limiting: Limiting) -> None:
    """Note a key of the table that means nothing beside the others."""
    if "rate_key" in table.values and limiting.rate is None and not reader.has("rate"):
        reader.notes.at(table, ["rate_key"], "means nothing without rate; remove it", on_key=True)


def limits_of_job(
    reader: Reader, name: str, limiting: Limiting, known: NamedLimits, queue: tuple[str, Queue | None]
) -> tuple[DeclaredLimit, ...]:
    """Every limit that holds for the job; a name that nobody declares is noted.

    Parameters
    ----------
    queue: the job's queue, and what automation.toml says of it.
    """
    found = [limit for number, one in enumerate(limiting.limits) for limit in _named(reader, number, one, known)]
    if limiting.rate is not None:
        owner = f"job {name}"
        found.append(DeclaredLimit(Limit(owner, owner, rate=limiting.rate), limiting.rate_key))
    if queue[1] is not None and queue[1].max_running is not None:
        owner = f"queue {queue[0]}"
        found.append(DeclaredLimit(Limit(owner, owner, max_running=queue[1].max_running)))
    return tuple(dict.fromkeys(found))


def check_keys(reader: Reader, limits: tuple[DeclaredLimit, ...], spec: PluginSpec | None) -> None:
    """Note each parameter that a named limit counts by and the plugin of the job does not take."""
    if spec is None or spec.parameters.model_config.get("extra") == "allow":
        return
    known = [field.alias or name for name, field in spec.parameters.model_fields.items()]
    for one in limits:
        missing = [parameter for parameter in parameters_in(one.key or "") if parameter not in known]
        if missing and one.limit.owner.startswith("limit "):
            table = next(table for table in reader.layers if "limits" in table.values)
            has = f"'{spec.name}' has no such parameter: it has {', '.join(known) or 'none'}"
            reader.notes.at(table, ["limits"], f"{one.limit.owner} counts by '{missing[0]}', and {has}")


def check_limits_used(top: Table, limits: NamedLimits, jobs: Mapping[str, Job], notes: Notes) -> None:
    """Warn of each limit that no job names."""
    used = {name for job in jobs.values() for name in job.limiting.limits}
    for name in limits:
        if name not in used:
            hint = f'give it to a job: limits = ["{name}"], or remove the table'
            notes.at(top, ["limits", name], f"no job names this limit; {hint}", on_key=True, severity="warning")


def _named(reader: Reader, number: int, name: str, known: NamedLimits) -> Iterator[DeclaredLimit]:
    table = next(table for table in reader.layers if "limits" in table.values)
    if name not in known:
        meant = nearest(name, known)
        there = f"there are: {', '.join(sorted(known))}" if known else f'write [limits.{name}] rate = "30/m" there'
        hint = f"did you mean '{meant}'?" if meant else there
        reader.notes.at(table, ["limits", number], f"there is no limit '{name}' in automation.toml; {hint}")
        return
    found = known[name]
    if found.problem is not None:
        reader.notes.block(found.problem)
    elif found.declared is not None:
        yield found.declared


def _read_limit(declared: Table, name: str, notes: Notes, secrets: Secrets) -> DeclaredLimit | None:
    table = named_table(declared, name, 'rate = "30/m"', notes, secrets)
    if table is None:
        return None
    reader = Reader([table], notes, secrets)
    reader.known_keys(table, LIMIT)
    most = reader.whole("max_running", MAX_RUNNING, 1, MAX_RUNNING) if reader.has("max_running") else None
    if not reader.has("max_running") and not reader.has("rate"):
        notes.at(table, [], 'limits nothing; write max_running = 3, rate = "30/m", or both', on_key=True)
    owner = f"limit {name}"
    return DeclaredLimit(Limit(owner, owner, most, _rate(reader)), reader.text("key", "", template_problem) or None)


def _rate(reader: Reader) -> Rate | None:
    wanted = f'a string such as "30/m": {RATE_GRAMMAR}'
    text = reader.text("rate", "", lambda text: _rate_problem(text) if text else None, wanted)
    return Rate.parse(text) if text else None


def _rate_problem(text: str) -> str | None:
    try:
        Rate.parse(text)
    except ValueError as error:
        return str(error)
    return None


def _limit_problem(name: str) -> str | None:
    return f"found '{printable(name, 60)}'; write the name of a limit" if name_problem(name) else None

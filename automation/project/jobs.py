"""From a table of a schedule file to a job.

Owns: reading one `[jobs.NAME]`, and disabling a job that has a problem.
Never: stops at the first problem, or lets one job's problem touch another job.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from automation.plugin import PluginSpec
from automation.project.channels import Channels, read_alerts
from automation.project.following import check_each, read_after
from automation.project.keys import JOB, RETRY
from automation.project.limits import NamedLimits, check_keys, check_limiting, limits_of_job, read_limiting
from automation.project.mail import DEFAULT
from automation.project.model import BreakerPolicy, Job, Queue, Schedule
from automation.project.params import (
    check_database_names,
    check_mail_names,
    check_params,
    check_template_names,
    jsonable,
    leaves,
    unbounded,
)
from automation.project.plain_secrets import REFUSAL, is_secret
from automation.project.policies import (
    PRIORITY,
    QUEUE,
    check_overlap,
    check_unique,
    name_problem,
    parameters_in,
    read_breaker,
    read_kill_after,
    read_max_memory,
    read_overlap,
    read_pause_after_failures,
    read_retry,
    read_timeout,
    read_unique,
    tag_problem,
)
from automation.project.schedules import read_schedules, read_timezone
from automation.project.shared import Tags
from automation.project.taken import check_taken
from automation.project.timing import Calendars, check_together, read_planning, read_timing
from automation.project.values import Notes, Reader, Secrets, Table
from automation.registry import SHIPPED, Registry
from automation.text import nearest, printable

_LONGEST_DESCRIPTION = 2000


@dataclass(frozen=True)
class Surroundings:
    """What a job is read against.

    Parameters
    ----------
    defaults: tables behind the job's own, the nearest first; those of its tags come before them.
    databases, mail_servers, digests: the names that `automation.toml` declares.
    calendars, tags, limits, queues: those of the project, by name.
    template_problem: what is wrong with the template of a name.
    """

    registry: Registry
    secrets: Secrets
    defaults: tuple[Table, ...] = ()
    databases: frozenset[str] = frozenset()
    plain_secrets_allowed: bool = False
    calendars: Calendars = field(default_factory=dict)
    tags: Tags = field(default_factory=dict)
    template_problem: Callable[[str], str | None] = lambda _name: None
    limits: NamedLimits = field(default_factory=dict)
    queues: Mapping[str, Queue] = field(default_factory=dict)
    mail_servers: frozenset[str] = frozenset()
    digests: frozenset[str] = frozenset()
    channels: Channels = field(default_factory=dict)


@dataclass(frozen=True)
class Declared:
    """A job as a table declares it.

    Parameters
    ----------
    notes: every problem with it; an error among them disables the job.
    reader: of the table and all that stands behind it.
    """

    job: Job
    notes: Notes
    reader: Reader


def read_job(table: Table, around: Surroundings) -> Declared:
    """The job that the table declares; with a problem it is disabled."""
    name = str(table.path[-1])
    notes = Notes(around.secrets.redactor)
    own = Reader([table], notes, around.secrets)
    tags, reader = _layers(table, around, notes)
    spec = _plugin(own, table, around.registry)
    own.known_keys(table, JOB, hint=lambda key: _belongs_below(key, name, spec))
    read_timezone(reader)
    params = _params(own, table, spec, around)
    overlap = read_overlap(reader)
    check_overlap(reader, table, overlap)
    unique = read_unique(reader)
    check_unique(reader, table, unique)
    _check_parameters(reader, "overlap_key", overlap.key, spec)
    _check_parameters(reader, "unique_key", unique.unique_key, spec)
    after = read_after(own, table)
    check_each(own, table, after, overlap, unique)
    if not after.jobs:
        check_taken(table, after, (), notes)
    schedules = () if after.jobs else read_schedules(reader, table, around.calendars)
    job = Job(
        name=name,
        plugin=_text_of(table, "plugin"),
        params=params,
        schedules=schedules,
        enabled=reader.flag("enabled", True),
        run_on_start=own.flag("run_on_start", False),
        queue=reader.text("queue", QUEUE, check=name_problem),
        priority=reader.whole("priority", PRIORITY, 0, 9),
        timeout=read_timeout(reader),
        kill_after=read_kill_after(reader),
        max_memory=read_max_memory(reader),
        retry=read_retry(reader),
        tags=tags,
        description=own.text("description", "", check=_description_problem),
        path=table.source.path,
        line=table.source.positions.locate(table.path)[0],
        overlap=overlap,
        unique=unique,
        breaker=_breaker(reader, spec),
        alerts=read_alerts(reader, around.channels),
        unite=_unite(own, table, schedules),
        pause_after_failures=read_pause_after_failures(reader),
        replaces=_replaces(own, table, name),
        after=after,
    )
    job = _limited(job, table, reader, spec, around)
    return Declared(disabled(job, notes), notes, reader)


def _limited(job: Job, table: Table, reader: Reader, spec: PluginSpec | None, around: Surroundings) -> Job:
    """The job with its limits: those that it names, its own rate, and that of its queue."""
    limiting = read_limiting(reader)
    check_limiting(reader, table, limiting)
    _check_parameters(reader, "rate_key", limiting.rate_key, spec)
    queue = (job.queue, around.queues.get(job.queue))
    limits = limits_of_job(reader, job.name, limiting, around.limits, queue)
    check_keys(reader, limits, spec)
    return replace(job, limiting=limiting, limits=limits)


def _breaker(reader: Reader, spec: PluginSpec | None) -> BreakerPolicy:
    breaker = read_breaker(reader)
    _check_parameters(reader.inside("breaker"), "key", breaker.key, spec)
    return breaker


def disabled(job: Job, notes: Notes) -> Job:
    """The job with the first error of the notes as its problem, or as it is when there is none."""
    first = notes.first_error
    return job if first is None else Job(**{**vars(job), "problem": str(first)})


def check_defaults(table: Table, notes: Notes, secrets: Secrets, known: tuple[str, ...], calendars: Calendars) -> None:
    """Note what is wrong with a `[defaults]` table or that of a tag, whether or not a job needs it."""
    reader = Reader([table], notes, secrets)
    reader.known_keys(table, known, hint=lambda key: "it belongs to a job" if key in JOB else None)
    read_timezone(reader)
    check_together(reader, table, read_timing(reader), alone=True)
    read_planning(reader, "", calendars)
    check_overlap(reader, table, read_overlap(reader), alone=True)
    check_unique(reader, table, read_unique(reader), alone=True)
    read_limiting(reader)
    read_breaker(reader)
    read_pause_after_failures(reader)
    reader.flag("enabled", True)
    reader.flag("allow_plain_secrets", False)
    reader.text("queue", QUEUE, check=name_problem)
    reader.whole("priority", PRIORITY, 0, 9)
    read_timeout(reader)
    read_kill_after(reader)
    read_max_memory(reader)
    read_retry(reader)
    reader.words("tags", tag_problem)


def _layers(table: Table, around: Surroundings, notes: Notes) -> tuple[tuple[str, ...], Reader]:
    """The job's tags, and the reader of all tables that stand behind it."""
    tags = Reader([table, *around.defaults], notes, around.secrets).words("tags", tag_problem)
    named = [around.tags[tag] for tag in tags if tag in around.tags]
    for tag in named:
        if tag.problem is not None:
            notes.block(tag.problem)
    return tags, Reader([table, *(tag.table for tag in named), *around.defaults], notes, around.secrets)


def _unite(own: Reader, table: Table, schedules: Sequence[Schedule]) -> bool:
    """Whether fires at one instant are one run."""
    unite = own.flag("unite", False)
    if unite and len(schedules) == 1:
        message = "means nothing for a job with one schedule; remove it"
        own.notes.at(table, ["unite"], message, on_key=True, severity="warning")
    return unite


def _replaces(own: Reader, table: Table, name: str) -> str | None:
    """The name that the job had before."""
    found = own.text("replaces", "", check=name_problem)
    if found == name:
        own.notes.at(table, ["replaces"], f"'{found}' is the job's own name; write the one that it had before, or remove it")  # fmt: skip
    return found or None


def _check_parameters(reader: Reader, where: str, key: str | None, spec: PluginSpec | None) -> None:
    """Note what an overlap key or a unique key names and the plugin does not take."""
    if key is None or spec is None or spec.parameters.model_config.get("extra") == "allow":
        return
    known = [field.alias or name for name, field in spec.parameters.model_fields.items()]
    for name in parameters_in(key):
        if name not in known:
            meant = nearest(name, known)
            hint = f"did you mean '{meant}'?" if meant else f"it has: {', '.join(known) or 'none'}"
            table = next(table for table in reader.layers if where in table.values)
            reader.notes.at(table, [where], f"'{spec.name}' has no parameter '{name}'; {hint}")


def _plugin(own: Reader, table: Table, registry: Registry) -> PluginSpec | None:
    """The plugin that the job names, or None after noting why there is none."""
    if not own.has("plugin"):
        example = "shell" if "shell" in registry.plugins else next(iter(sorted(registry.plugins)), "scrape")
        own.notes.at(table, [], f"missing 'plugin'; write plugin = \"{example}\"; `automation plugins` lists them")
        return None
    name = own.text("plugin", "")
    spec = registry.plugins.get(name)
    if spec is None and name in registry.broken:
        own.notes.at(table, ["plugin"], f"the plugin '{name}' could not be loaded: {registry.broken[name]}")
    elif spec is None and name:
        meant = nearest(name, registry.plugins)
        hint = f"did you mean '{meant}'?" if meant else f"there are: {', '.join(sorted(registry.plugins)) or 'none'}"
        own.notes.at(table, ["plugin"], f"there is no plugin '{printable(name, 60)}'; {hint}")
    return spec


def _params(own: Reader, table: Table, spec: PluginSpec | None, around: Surroundings) -> dict[str, Any]:
    """The parameters as declared, checked against the plugin's model."""
    if own.has("params") and table.child("params") is None:
        own.refuse(table, "params", "write a table")
        return {}
    inner = table.child("params") or Table(table.source, (*table.path, "params"), {})
    values: Mapping[str, Any] = inner.values
    inside = leaves(values)
    for path in unbounded(inside):
        own.notes.at(inner, path, "nan, inf and integers beyond 64 bits cannot be parameters; write another number")
    if not around.plain_secrets_allowed:
        for path, leaf in inside:
            if isinstance(leaf, str) and is_secret(path, leaf):
                own.notes.at(inner, path, REFUSAL)
    if spec is not None:
        check_params(inner, inside, spec.parameters, own.notes, around.secrets)
        if around.registry.origins.get(spec.name) == SHIPPED:
            check_database_names(inner, inside, around.databases, own.notes)
            if spec.name == "email":
                check_mail_names(inner, {DEFAULT, *around.mail_servers}, around.digests, own.notes)
            check_template_names(inner, inside, around.template_problem, own.notes)
    return dict(jsonable(values, inside))


def _belongs_below(key: str, name: str, spec: PluginSpec | None) -> str | None:
    """Where a key belongs that is in the wrong table."""
    if spec is not None and key in spec.parameters.model_fields:
        return f"it is a parameter of '{spec.name}', so write it under [jobs.{name}.params]"
    if key in RETRY:
        return f"it belongs under [jobs.{name}.retry]"
    return None


def _description_problem(text: str) -> str | None:
    too_long = len(text) > _LONGEST_DESCRIPTION
    return f"has {len(text)} characters; write at most {_LONGEST_DESCRIPTION}" if too_long else None


def _text_of(table: Table, key: str) -> str:
    value = table.values.get(key)
    return value if isinstance(value, str) else ""

"""Flows that a program puts together: jobs one after another, beside each other, or joined.

Owns: `step`, `chain`, `group`, `chord`, and the runs that such a flow begins with.
Never: runs one; reads what TOML says of jobs that follow others: a composed flow is what the program says.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from automation.errors import InvalidInput, Refused
from automation.ledger.graph import Graph, Node
from automation.ledger.rows import NewRun, RunRow
from automation.ledger.states import Kind
from automation.ledger.upstream import named, strings, taking, takings
from automation.project.frozen import node_of
from automation.project.model import Job
from automation.project.order import run_of
from automation.queue import admission
from automation.queue.asking import LONGEST_KEY, check_params
from automation.services import Services
from automation.text import nearest

#: A flow with more steps is a program of its own.
MOST_STEPS = 1000


@dataclass(frozen=True)
class Step:
    """One job in a flow.

    Parameters
    ----------
    name: how others name it: `{{ upstream.NAME.result }}`; default: the job's name, with a number where it is taken.
    for_each: a list of a step before it, for each element of which it runs.
    """

    job: str
    params: Mapping[str, Any] = field(default_factory=dict)
    name: str | None = None
    for_each: str | None = None


@dataclass(frozen=True)
class Chain:
    """Parts one after another: each begins when all of the one before has succeeded."""

    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Group:
    """Parts beside each other."""

    parts: tuple[Part, ...]


Part = str | Step | Chain | Group


def step(
    job: str, params: Mapping[str, Any] | None = None, *, name: str | None = None, for_each: str | None = None
) -> Step:
    """A job in a flow, with parameters over its own; see `Step`."""
    return Step(job, params or {}, name, for_each)


def chain(*parts: Part) -> Chain:
    """One after another: `chain("fetch", "report", "mail")`. A name stands for a step with the job's own parameters."""
    return Chain(parts)


def group(*parts: Part | Iterable[Part]) -> Group:
    """Beside each other: `group("a", "b")`, or `group(step("fetch", {"site": site}) for site in sites)`."""
    some = (part if isinstance(part, (str, Step, Chain, Group)) else Group(tuple(part)) for part in parts)
    return Group(tuple(some))


def chord(before: Iterable[Part] | Group, then: Part) -> Chain:
    """All of these beside each other, and one when all have succeeded: a chain of a group and what follows it."""
    return Chain((before if isinstance(before, Group) else Group(tuple(before)), then))


@dataclass(frozen=True)
class Placed:
    """A step in its place.

    Parameters
    ----------
    after: the names of those just before it.
    before: the names of all before it.
    """

    name: str
    step: Step
    after: tuple[str, ...]
    before: tuple[str, ...]


def laid_out(part: Part) -> list[Placed]:
    """The steps of a flow, each behind those before it. Raises InvalidInput for an empty one, or a name that is taken."""
    placed: dict[str, Placed] = {}

    def place(one: Part, after: tuple[str, ...]) -> tuple[str, ...]:
        """Returns the names that what follows waits for."""
        if isinstance(one, Chain):
            for inner in one.parts:
                after = place(inner, after)
            return after
        if isinstance(one, Group):
            return tuple(dict.fromkeys(name for inner in one.parts for name in place(inner, after)))
        found = Step(one) if isinstance(one, str) else one
        name = _name(found, placed)
        before = dict.fromkeys(name for each in after for name in (*placed[each].before, each))
        placed[name] = Placed(name, found, after, tuple(before))
        return (name,)

    place(part, ())
    if not placed:
        raise InvalidInput("The flow has no step; name a job: chain('fetch', 'report')")
    if len(placed) > MOST_STEPS:
        raise InvalidInput(
            f"The flow has {len(placed):,} steps, more than {MOST_STEPS:,}; use for_each, or several flows"
        )
    return list(placed.values())


def _name(one: Step, taken: Mapping[str, Placed]) -> str:
    if one.name is not None:
        if one.name in taken:
            raise InvalidInput(f"Two steps of the flow have the name '{one.name}'; give one of them another")
        return one.name
    number = 1
    while (name := one.job if number == 1 else f"{one.job}-{number}") in taken:
        number += 1
    return name


def compose(services: Services, part: Part, idempotency_key: str | None, digest: str | None) -> list[NewRun]:
    """The runs that the flow begins with; the first of them holds what follows.

    Raises UnknownName, InvalidInput for what does not fit together, Refused for a job with a problem.
    """
    places = laid_out(part)
    jobs = {one.name: _job(services, one) for one in places}
    first = tuple(one.name for one in places if not one.after)
    nodes = [_node(jobs[one.name], one, first) for one in places if one.after]
    now = services.clock.now()
    new: list[NewRun] = []
    for one in places:
        if one.after:
            continue
        params = {**jobs[one.name].params, **one.step.params}
        key = idempotency_key if not new else None
        run = run_of(
            jobs[one.name],
            kind=Kind.API,
            nominal_time=now,
            now=now,
            params=params,
            idempotency_key=key,
            body_digest=digest,
        )
        holder = new[0].id if new else run.id
        held = {"held_by": holder} if new else {"steps": Graph({node.step: node for node in nodes}).to_json()}
        spec = {**run.spec, "flow": held}
        new.append(NewRun(**{**vars(run), "unique": None, "flow": holder, "flow_step": one.name, "spec": spec}))
    return new


def _job(services: Services, one: Placed) -> Job:
    job = services.job(one.step.job)
    if job.problem:
        raise Refused(f"Job '{job.name}' has a problem and does not run: {job.problem}")
    params = {**job.params, **one.step.params}
    if one.step.for_each is not None:
        found = taking(one.step.for_each)
        if found is None or found.fact != "result":
            raise InvalidInput(
                f"Step '{one.name}': for_each is a list of a step before it: {{{{ upstream.STEP.result.path }}}}"
            )
    for text in (*(text for _, text in strings(params)), one.step.for_each or ""):
        for name in named(text):
            if name not in one.before:
                meant = nearest(name, one.before)
                hint = f"did you mean '{meant}'?" if meant else f"before it are: {', '.join(one.before) or 'none'}"
                raise InvalidInput(f"Step '{one.name}' takes something of '{name}', which is no step before it; {hint}")
        if one.step.for_each is None and any(found.job is None for found in takings(text)) and job.after.for_each:
            raise InvalidInput(f"Step '{one.name}' takes something of its element; give it for_each, too")
    return job


def _node(job: Job, one: Placed, first: tuple[str, ...]) -> Node:
    params = {**job.params, **one.step.params}
    return node_of(
        job, one.name, params=params, after=one.after, first=first, for_each=one.step.for_each, before=one.before
    )


def record_flow(services: Services, part: Step | Chain | Group, key: str | None) -> tuple[list[RunRow], bool]:
    """Record the runs that a composed flow begins with; returns them, and whether they are new.

    Raises UnknownName, InvalidInput for steps that do not fit together, Refused.
    """
    if len(key or "") > LONGEST_KEY:
        raise InvalidInput(f"The idempotency key is longer than {LONGEST_KEY} characters; use a shorter one")
    for one in laid_out(part):
        job = services.job(one.step.job)
        check_params(services, job, {**job.params, **one.step.params})
    digest = hashlib.sha256(repr(part).encode()).hexdigest()
    queries = services.ledger.queries
    before = queries.run_by_key(key) if key else None
    if before is None:
        new = compose(services, part, key, digest)
        for queue in sorted({run.queue for run in new}):
            admission.check_depth(services, queue, sum(run.queue == queue for run in new))
        if services.ledger.admission.admit_together(new):
            return [queries.run(run.id) for run in new], True
        before = queries.run_by_key(key) if key else None
    if before is None or before.body_digest != digest:
        raise InvalidInput(f"The idempotency key '{key}' belongs to something else that was asked for; use another key")
    return [before], False

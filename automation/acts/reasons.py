"""Why a fire of a job runs or does not: the whole chain, as it is told.

Owns: these objects.
Never: explains; `dispatch` does.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from automation.dispatch.evidence import gather
from automation.dispatch.explain import explain
from automation.dispatch.facts import FireFacts, JobFacts, Step
from automation.ledger.ledger import Ledger
from automation.project.model import Project
from automation.text import instant


def reasons(
    ledger: Ledger | None,
    project: Project,
    job: str,
    now: datetime,
    at: datetime | None = None,
    schedule: str | None = None,
) -> list[dict[str, Any]]:
    """The steps of each fire that is meant: the one at a moment, else the last one and the next. Raises UnknownName."""
    facts, fires = gather(ledger, project, job, now, at, schedule)
    return [step_row(facts, fire, step) for fire in fires for step in explain(facts, fire)]


def step_row(facts: JobFacts, fire: FireFacts, step: Step) -> dict[str, Any]:
    """A step with the fire that it tells of."""
    which = {"job": facts.name, "schedule": fire.schedule_id, "nominal_time": instant(fire.nominal_time)}
    return {**which, **step.as_json()}

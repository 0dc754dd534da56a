"""What is asked of every run that somebody wants: params that fit, a key of bearable length, and a message.

Owns: these checks, and ringing for what was recorded.
Never: records a run.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from automation.errors import BrokerUnavailable, InvalidInput
from automation.ledger.rows import RunRow, Waiting
from automation.project.model import Job
from automation.project.params import refusals
from automation.queue.door import Door
from automation.secrets import Redactor, resolve
from automation.services import Services

_log = logging.getLogger(__name__)
#: As the ledger's column has it; a longer one would be cut by one database and refused by another.
LONGEST_KEY = 200


def check_params(services: Services, job: Job, params: Mapping[str, Any]) -> None:
    """Raise InvalidInput for params that the job's plugin refuses."""
    plugin = services.registry.plugins[job.plugin]
    redactor = Redactor()
    values = resolve(params, services.environ, redactor, services.settings.project)
    try:
        plugin.parameters.model_validate(values)
    except ValidationError as error:
        refused = refusals(error, values, plugin.parameters)
        problems = [f"{'.'.join(map(str, path)) or 'params'}: {message}" for path, message, _ in refused]
        if not problems:
            # What is taken from a run before it is looked at when it is known.
            return
        raise InvalidInput(
            redactor.mask(f"Job '{job.name}' cannot run with these params: {'; '.join(problems)}")
        ) from None


def ring_all(services: Services, runs: Sequence[RunRow]) -> None:
    """Ring for these; a broker that is away is a log line."""
    if not runs:
        return
    door = Door.of(services.settings)
    try:
        door.ring(services.ledger, [Waiting(run.id, run.queue, run.priority, run.attempt) for run in runs])
    except BrokerUnavailable as error:
        _log.warning("%s", error)
    finally:
        door.close()

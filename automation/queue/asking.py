"""What is asked of every run that somebody wants: params that fit, a key of bearable length, and a message.

Owns: these checks, and what is rung for.
Never: records a run.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from automation.errors import InvalidInput
from automation.ledger.rows import RunRow, Waiting
from automation.project.model import Job
from automation.project.params import refusals
from automation.secrets import Redactor, resolve
from automation.services import Services

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
        problems += [f"as text it is {one}" for one in _quoted(error, values)]
        raise InvalidInput(
            redactor.mask(f"Job '{job.name}' cannot run with these params: {'; '.join(problems)}")
        ) from None


def _quoted(error: ValidationError, values: Mapping[str, Any]) -> Iterator[str]:
    """How the first parameter is written on a command line that was to be text, and was read as something else."""
    for one in error.errors(include_url=False, include_context=False, include_input=False):
        name = str(one["loc"][0]) if one["loc"] else ""
        if one["type"] == "string_type" and isinstance(values.get(name), (bool, int, float)):
            yield f"written with quotes inside of quotes: -p '{name}=\"{json.dumps(values[name])}\"'"
            return


def to_ring(run: RunRow) -> Waiting:
    """What is rung for a run that was recorded."""
    return Waiting(run.id, run.queue, run.priority, run.attempt)

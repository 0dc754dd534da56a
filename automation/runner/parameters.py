"""What a run is done with: its plugin, and its parameters with all that is known only now.

Owns: the order: secrets first, then what comes from the runs before it, then the plugin's own check.
Never: calls the plugin.
"""

from __future__ import annotations

from pydantic import BaseModel, ValidationError

from automation.errors import FailureClass, JobFailed
from automation.ledger.rows import RunRow
from automation.plugin import PluginSpec
from automation.project.order import RunSpec
from automation.runner.upstream import Upstream
from automation.secrets import resolve
from automation.services import Services


def plugin_of(services: Services, run: RunRow) -> PluginSpec:
    """The plugin of a run. Raises JobFailed, as `config`, where this process has none of that name."""
    plugins, broken = services.registry.plugins, services.registry.broken
    if run.plugin in plugins:
        return plugins[run.plugin]
    reason = f": {broken[run.plugin]}" if run.plugin in broken else ""
    raise JobFailed(f"This worker has no plugin '{run.plugin}'{reason}; see: automation plugins", FailureClass.CONFIG)


def parameters_of(services: Services, plugin: PluginSpec, spec: RunSpec, upstream: Upstream) -> BaseModel:
    """The parameters as the plugin takes them. Raises JobFailed, as `config`, for those that it refuses."""
    settings = services.settings
    values = resolve(spec.params, services.environ, services.redactor, settings.project)
    values = upstream.filled(values, renders=plugin.renders)
    try:
        return plugin.parameters.model_validate(values)
    except ValidationError as error:
        places = "; ".join(f"{'.'.join(map(str, one['loc'])) or 'params'}: {one['msg']}" for one in error.errors())
        raise JobFailed(f"The parameters do not fit plugin '{plugin.name}': {places}", FailureClass.CONFIG) from None

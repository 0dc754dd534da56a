"""What a command finds in its environment.

Owns: keeping our own settings, and so our secrets, away from programs that a job runs.
Never: reads a variable for our own use.
"""

from __future__ import annotations

from collections.abc import Mapping

from automation.settings import PREFIX, RUN_VARIABLES, environment

__all__ = ["RUN_VARIABLES", "command_environment"]


def command_environment(*layers: Mapping[str, str], base: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment without any `AUTOMATION_*` variable, and these layers over it, the last one first.

    Who wants a command to have one of our settings says so by name: `env = { AUTOMATION_X = "${env:AUTOMATION_X}" }`.
    """
    inherited = environment() if base is None else base
    kept = {name: value for name, value in inherited.items() if not name.startswith(PREFIX)}
    for layer in layers:
        kept.update(layer)
    return kept

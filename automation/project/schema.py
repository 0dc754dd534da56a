"""The JSON Schema of schedule files, so that editors complete and check them.

Owns: the shape of the files, with the parameters of each plugin.
Never: is the check itself: what a schema cannot say (does this cron ever occur?) is said by `automation check`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from zoneinfo import available_timezones

from pydantic.errors import PydanticInvalidForJsonSchema, PydanticSchemaGenerationError
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import core_schema

from automation.plugin import PluginSpec
from automation.project.keys import AFTER
from automation.project.schedules import MOST
from automation.project.schemakeys import (
    calendar,
    following,
    inherited,
    of_tag,
    planning,
    replaces,
    retry,
    rule,
    timing,
)
from automation.project.schematypes import NAME, Schema, named, or_reference, table
from automation.registry import Registry
from automation.triggers.parse import BOUNDS, KINDS, OPTIONS

DIALECT = "http://json-schema.org/draft-07/schema#"  # what the editors' TOML extensions know
_CONSTRAINTS = {"enum", "pattern", "format", "minLength", "maxLength"}


def schedule_schema(registry: Registry) -> Schema:
    """The schema of one file of `schedules/`, for these plugins."""
    return {
        "$schema": DIALECT,
        "title": "A schedule file of automation",
        "type": "object",
        "properties": {
            "defaults": {"$ref": "#/$defs/defaults"},
            "calendars": tables("calendar", NAME),
            "tags": tables("tag", "^[^,]{1,50}$"),
            "jobs": tables("job", NAME),
        },
        "additionalProperties": False,
        "$defs": {
            **shared_definitions(),
            "schedule": {**table(_schedule()), **_of_schedule()},
            "job": {**table(_job(registry)), **_of_job(registry)},
            **{_definition(spec): _parameters(spec) for spec in registry.plugins.values()},
        },
    }


def shared_definitions() -> Schema:
    """What schedule files and automation.toml have in common."""
    return {
        "reference": {"type": "string", "pattern": r"\$\{(env|file):[^}]+\}"},
        "duration": or_reference(
            {"type": "string", "pattern": r"^([0-9]{1,12}(\.[0-9]{1,6})?(ms|s|m|h|d|w))+$", "examples": ["15m"]}
        ),
        "timezone": or_reference(
            {
                "type": "string",
                "enum": sorted(available_timezones() - {"localtime"}),
                "description": "IANA name; default: UTC",
            }
        ),
        "retry": retry(),
        "defaults": table({**inherited(), "allow_plain_secrets": {"type": "boolean"}}),
        "calendar": calendar(),
        "tag": table(of_tag()),
    }


def tables(kind: str, names: str) -> Schema:
    """Tables by name, each of this kind."""
    return {
        "type": "object",
        "propertyNames": {"pattern": names},
        "additionalProperties": {"$ref": f"#/$defs/{kind}"},
    }


def _schedule() -> Schema:
    earlier = replaces("the id that it had before; what that one decided counts for it")
    return {"id": named("part of each occurrence"), **rule(), **earlier, **timing(), **planning()}


def _job(registry: Registry) -> Schema:
    plugins = {"type": "string", "enum": sorted(registry.plugins), "description": "which plugin does the work"}
    schedules = {"type": "array", "items": {"$ref": "#/$defs/schedule"}, "minItems": 1, "maxItems": MOST}
    return {
        "plugin": or_reference(plugins),
        **rule(),
        **replaces("the name that the job had before; what its schedules decided counts for these"),
        "schedules": {**schedules, "description": "several rules, each with an id"},
        **inherited(),
        **following(),
        "unite": {"type": "boolean", "description": "fires of several schedules at one instant are one run"},
        "run_on_start": {"type": "boolean", "description": "once more when the scheduler takes up a new version"},
        "description": {"type": "string", "maxLength": 2000},
        "params": {"type": "object", "description": "the plugin's own parameters"},
    }


def _of_schedule() -> Schema:
    return {
        "required": ["id"],
        "oneOf": [{"required": [kind]} for kind in KINDS],
        "dependencies": _dependencies(),
    }


def _of_job(registry: Registry) -> Schema:
    """What holds between the keys of a job: one kind of rule at most, or jobs that it follows, and the parameters of the plugin that it names."""
    kinds = [*KINDS, "schedules"]
    follows = {"anyOf": [{"required": [key]} for key in AFTER]}
    none = {"not": {"anyOf": [{"required": [kind]} for kind in (*kinds, *AFTER)]}}
    return {
        "required": ["plugin"],
        "oneOf": [none, follows, *({"required": [kind]} for kind in kinds)],
        "dependencies": {**_dependencies(), "for_each": follows},
        "allOf": [_if_plugin(spec) for spec in registry.plugins.values()],
    }


def _dependencies() -> Schema:
    """An option needs a rule that it belongs to."""
    owners = {key: [kind for kind in KINDS if key in OPTIONS[kind]] for keys in OPTIONS.values() for key in keys}
    owners |= {"max_fires": list(KINDS), **{key: [kind for kind in KINDS if kind != "at"] for key in BOUNDS}}
    return {key: {"anyOf": [{"required": [kind]} for kind in kinds]} for key, kinds in owners.items()}


def _if_plugin(spec: PluginSpec) -> Schema:
    needed = any(field.is_required() for field in spec.parameters.model_fields.values())
    then: Schema = {"properties": {"params": {"$ref": f"#/$defs/{_definition(spec)}"}}}
    return {
        "if": {"properties": {"plugin": {"const": spec.name}}, "required": ["plugin"]},
        "then": {**then, "required": ["params"]} if needed else then,
    }


def _definition(spec: PluginSpec) -> str:
    return f"params-{spec.name}"


def _parameters(spec: PluginSpec) -> Schema:
    """The schema of a plugin's parameters; any table where its model has none."""
    template = f"#/$defs/{_definition(spec)}/$defs/{{model}}"
    try:
        found = spec.parameters.model_json_schema(ref_template=template, schema_generator=_Inputs)
    except (PydanticInvalidForJsonSchema, PydanticSchemaGenerationError):
        return {"type": "object", "description": spec.description}
    return {**_open(found), "description": spec.description}


class _Inputs(GenerateJsonSchema):
    """What a model takes: where a function looks at a value first, a short form may stand for the long one."""

    def function_before_schema(self, schema: core_schema.BeforeValidatorFunctionSchema) -> Schema:
        inner = super().function_before_schema(schema)
        if schema.get("json_schema_input_schema") is not None or "properties" in inner:
            return inner
        single = [inner["items"]] if inner.get("type") == "array" and "items" in inner else []
        return {"anyOf": [inner, *single, {"type": "string"}]}


def _open(schema: Any) -> Any:
    """The schema, in which a reference may stand for every plain value: what it names is checked when it is known."""
    if not isinstance(schema, Mapping):
        return schema
    opened: Schema = {}
    for key, inner in schema.items():
        if key in ("properties", "$defs", "patternProperties"):
            opened[key] = {name: _open(value) for name, value in inner.items()}
        elif key in ("anyOf", "oneOf", "allOf", "prefixItems"):
            opened[key] = [_open(value) for value in inner]
        elif key in ("items", "additionalProperties", "not"):
            opened[key] = _open(inner)
        else:
            opened[key] = inner
    return or_reference(opened) if _is_narrow(opened) else opened


def _is_narrow(schema: Schema) -> bool:
    """Whether a string with a reference in it would be refused."""
    kind = schema.get("type")
    return kind in ("integer", "number", "boolean") or (kind == "string" and bool(_CONSTRAINTS & schema.keys()))

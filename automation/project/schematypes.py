"""Kinds of values as JSON Schema has them: what the keys of the project's files are made of.

Owns: those shapes.
Never: knows a key.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Schema = dict[str, Any]
NAME = "^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"
FAILURES: Schema = {"type": "array", "items": {"type": "string"}, "maxItems": 100}
REFERENCE: Schema = {"$ref": "#/$defs/reference"}


def table(properties: Schema) -> Schema:
    """A table with these keys and no other."""
    return {"type": "object", "properties": properties, "additionalProperties": False}


def named(what: str) -> Schema:
    """A name, or a reference to one."""
    return or_reference({"type": "string", "pattern": NAME, "description": what})


def word(allowed: Iterable[str], what: str) -> Schema:
    """One of some words, or a reference to one."""
    return or_reference({"type": "string", "enum": list(allowed), "description": what})


def text(what: str) -> Schema:
    """A string that is not empty."""
    return {"type": "string", "minLength": 1, "description": what}


def whole(least: int, most: int, what: str) -> Schema:
    """A whole number in a range."""
    return {"type": "integer", "minimum": least, "maximum": most, "description": what}


def flag(what: str) -> Schema:
    """True or false."""
    return {"type": "boolean", "description": what}


def duration(what: str) -> Schema:
    """A duration."""
    return {"allOf": [{"$ref": "#/$defs/duration"}], "description": what}


def or_reference(schema: Schema) -> Schema:
    """The schema, or a string with a reference in it, whose value is checked when it is known."""
    return {"anyOf": [schema, REFERENCE]}

"""The reference of the keys of `scrape`, made from its models.

    python tests/house/scrape_keys.py >docs/scrape-keys.md

Owns: the form of that page. Never: a word about a key that its model does not say.
"""

from __future__ import annotations

import sys
import typing
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

HEAD = """# Which keys does scrape have?

This page is made from the models that check the files. What the keys are for stands in [Scrape a site into a table](scraping.md),
[Reach all pages of a site](sources.md) and [Read a value from a page](fields.md).
"""


def models_in(annotation: Any) -> list[type[BaseModel]]:
    """The models that stand somewhere in an annotation."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in typing.get_args(annotation) for model in models_in(part)]


def default_of(name: str, info: FieldInfo, schema: dict[str, Any]) -> str:
    """The default as TOML has it; nothing where there is none."""
    if info.is_required():
        return "required"
    default = schema.get("properties", {}).get(info.alias or name, {}).get("default", info.default)
    if default is None or default in ((), [], {}, "") or info.default_factory is not None:
        return ""
    return f"`{str(default).lower() if isinstance(default, bool) else repr(default).replace(chr(39), chr(34))}`"


def choices(schema: dict[str, Any]) -> str:
    """The words that may stand there, where these are all."""
    inner = [schema, schema.get("items", {}), *schema.get("anyOf", [])]
    words = [word for one in inner for word in [*one.get("enum", []), *([one["const"]] if "const" in one else [])]]
    return f"one of {', '.join(f'`{word}`' for word in words)}" if len(words) > 1 else ""


def table(title: str, model: type[BaseModel], told: str) -> str:
    """The keys of one model."""
    schema = model.model_json_schema()
    lines = [f"## {title}", "", told.partition("\n")[0], "", "| key | what | default |", "|---|---|---|"]
    for name, info in model.model_fields.items():
        told = (info.description or "").replace("|", "\\|")
        given = choices(schema.get("properties", {}).get(info.alias or name, {}))
        if not told and models_in(info.annotation):
            told = (models_in(info.annotation)[0].__doc__ or "").partition("\n")[0]
        told = "; ".join(part for part in (told, given) if part)
        lines.append(f"| `{info.alias or name}` | {told} | {default_of(name, info, schema)} |")
    return "\n".join(lines) + "\n"


def page() -> str:
    """The whole page."""
    from automation.scraping.fields import FieldRule
    from automation.scraping.params import ScrapeParams

    parts, seen = [HEAD, table("Of the job: `params`", ScrapeParams, ScrapeParams.__doc__ or "")], {ScrapeParams}
    waiting = [(name, info) for name, info in ScrapeParams.model_fields.items()]
    while waiting:
        name, info = waiting.pop(0)
        for model in models_in(info.annotation):
            if model in seen:
                continue
            seen.add(model)
            title = "`fields.NAME`" if model is FieldRule else f"`{info.alias or name}`"
            parts.append(table(title, model, model.__doc__ or ""))
            waiting += model.model_fields.items()
    return "\n".join(parts)


if __name__ == "__main__":
    sys.stdout.write(page())

"""What the project declares: `check`, `list`, `plugins`, `schema`.

Owns: these commands. None starts anything; `list` alone looks into the ledger, for what is paused and what is left.
Never: says what ran; that is the ledger's.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from automation.cli.breakers import shown_breaker
from automation.cli.coming import ask_ledger
from automation.cli.output import Json, Limit, emit, emit_json, notice
from automation.cli.pausing import shown_state
from automation.cli.project import load
from automation.errors import InvalidInput
from automation.text import count

if TYPE_CHECKING:
    from automation.plugin import PluginSpec
    from automation.project.fires import Fire
    from automation.project.model import Project
    from automation.registry import Registry


def register(app: typer.Typer) -> None:
    """Give these commands to the app."""
    app.command("check")(check)
    app.command("list")(list_jobs)
    app.command("plugins")(plugins)
    app.command("schema")(schema)


def check(
    context: typer.Context,
    allow_empty: Annotated[bool, typer.Option("--allow-empty", help="A project without a job is fine.")] = False,
    as_json: Json = False,
) -> None:
    """Check every file of the project, and start nothing."""
    from automation.clock import SystemClock
    from automation.project.lint import lint

    project = lint(load(context).project, SystemClock().now())
    if as_json:
        emit_json([_problem_row(problem) for problem in project.problems])
    else:
        for problem in project.problems:
            typer.echo(str(problem))
        typer.echo(_summary(project))
        if not (project.jobs or project.errors or allow_empty):
            notice("A project without a job is accepted with --allow-empty")
    if project.errors or not (project.jobs or allow_empty):
        raise typer.Exit(InvalidInput.exit_code)


def list_jobs(context: typer.Context, as_json: Json = False, limit: Limit = 50) -> None:
    """List the jobs: what, when next, which state."""
    from automation.acts.jobs import job_row
    from automation.clock import SystemClock

    project = load(context).project
    now = SystemClock().now()
    first = list(project.jobs.values())[:limit]
    known = ask_ledger(context, first) if first else None
    coming = [known.next(job, now) if known else None for job in first]
    rows = [job_row(job, fire, known) for job, fire in zip(first, coming, strict=True)]
    shown = rows if as_json else [_shown_job(row, fire) for row, fire in zip(rows, coming, strict=True)]
    columns = ("job", "plugin", "schedule", "next", "queue", "tags", "state")
    spare = ("queue", "tags")
    emit(shown, as_json=as_json, columns=columns, spare=spare, empty="No file in schedules/ declares a job.")
    if not as_json:
        _tell_problems(project)
        _tell_cut(len(project.jobs), limit)


def plugins(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(help="Show the parameters of this one.", metavar="NAME")] = None,
    as_json: Json = False,
    limit: Limit = 50,
) -> None:
    """List the plugins, or show one's parameters."""
    registry = load(context).registry
    if name is not None:
        _show_plugin(registry, name, as_json=as_json)
        return
    rows = [_plugin_row(registry, spec) for _, spec in sorted(registry.plugins.items())]
    broken = {str(problem.path): problem for problem in registry.broken.values()}
    rows += [
        {"plugin": path, "description": "", "origin": "broken", "source": path, "problem": str(problem)}
        for path, problem in broken.items()
    ]
    columns = ("plugin", "description", "origin")
    emit(rows[:limit], as_json=as_json, columns=columns, empty="There is no plugin; write one into jobs/.")
    if not as_json:
        for problem in broken.values():
            notice(str(problem))
        _tell_cut(len(rows), limit)


def schema(
    context: typer.Context,
    project: Annotated[bool, typer.Option("--project", help="That of automation.toml.")] = False,
) -> None:
    """Print the JSON Schema of schedule files, with the plugins' parameters, for editors; or that of automation.toml."""
    from automation.project.schema import schedule_schema
    from automation.project.schemaproject import project_schema

    if project:
        emit_json(project_schema())
        return
    registry = load(context).registry
    emit_json(schedule_schema(registry))
    for problem in dict.fromkeys(registry.broken.values()):
        notice(str(problem))


def _problem_row(problem: Any) -> dict[str, Any]:
    keys = ("path", "line", "column", "severity", "key", "message")
    return {key: getattr(problem, key) for key in keys}


def _summary(project: Project) -> str:
    parts = [count(len(project.jobs), "job")]
    off = sum(1 for job in project.jobs.values() if job.problem)
    if off:
        of_them = "" if off == len(project.jobs) else f"{off} of them "
        parts.append(f"{of_them}disabled by a problem")
    parts.append(count(len(project.errors), "error") if project.errors else "no error")
    if project.warnings:
        parts.append(count(len(project.warnings), "warning"))
    return ", ".join(parts)


def _shown_job(row: dict[str, Any], coming: Fire | None) -> dict[str, Any]:
    return {**row, "next": _shown_fire(coming) if coming else "", "state": shown_state(row) + shown_breaker(row)}


def _shown_fire(fire: Fire) -> str:
    """When it starts, on the clocks of its schedule with their offset; and whether a calendar keeps it from running."""
    blocked = [mark for mark in fire.marks if mark.startswith("blackout:")]
    from automation.acts.jobs import zoned

    local = datetime.fromisoformat(zoned(fire.planned.time, fire.schedule.timezone))
    return " ".join([local.isoformat(" ", "minutes").replace("+00:00", "Z"), *blocked])


def _tell_problems(project: Project) -> None:
    if project.errors:
        notice(f"{count(len(project.errors), 'problem')} in the project; see: automation check")


def _tell_cut(found: int, limit: int) -> None:
    if found > limit:
        notice(f"{found - limit} more; show them with -n {found}.")


def _plugin_row(registry: Registry, spec: PluginSpec) -> dict[str, Any]:
    first, _, _ = spec.description.partition("\n")
    return {
        "plugin": spec.name,
        "description": first,
        "origin": registry.origins.get(spec.name, ""),
        "source": spec.source,
        "problem": None,
    }


def _show_plugin(registry: Registry, name: str, *, as_json: bool) -> None:
    spec = registry.plugin(name)
    rows = _parameter_rows(spec.parameters.model_json_schema())
    if as_json:
        emit_json({**_plugin_row(registry, spec), "help": spec.description, "parameters": rows})
        return
    typer.echo(f"{spec.name} ({registry.origins.get(name, '')}: {spec.source})\n")
    typer.echo(f"{spec.description}\n" if spec.description else "It has no description.\n")
    written = [{**row, "type": row["type"].removesuffix(" or null")} for row in rows]  # TOML has no null
    emit(written, as_json=False, empty="It takes no parameters.")


def _parameter_rows(schema: Mapping[str, Any]) -> list[dict[str, Any]]:
    required = schema.get("required", ())
    return [
        {
            "parameter": name,
            "type": _type_words(inner),
            "required": name in required,
            "default": inner.get("default"),
            "description": inner.get("description", ""),
        }
        for name, inner in schema.get("properties", {}).items()
    ]


def _type_words(schema: Mapping[str, Any]) -> str:
    """A JSON Schema in a few words: `string`, `list of string`, `integer or null`."""
    branches = schema.get("anyOf") or schema.get("oneOf")
    if branches:
        return " or ".join(dict.fromkeys(_type_words(branch) for branch in branches))
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    if "const" in schema:
        return str(schema["const"])
    kind = schema.get("type", "table" if "$ref" in schema else "any")
    if kind == "array":
        return f"list of {_type_words(schema.get('items', {}))}"
    return "table" if kind == "object" else str(kind)

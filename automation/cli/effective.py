"""`show JOB --effective`: what counts for a job, and where each value comes from.

Owns: how a value and its place are printed.
Never: decides what counts; the reader of the files has.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import typer

from automation.cli.output import cell, emit, notice
from automation.cli.project import project_root
from automation.project.effective import Effective, effective
from automation.text import plain


def show_effective(context: typer.Context, job: str, *, as_json: bool) -> None:
    """Print every value of the job. Raises UnknownName with the nearest name."""
    from automation.registry import load_registry
    from automation.settings import environment, with_dotenv

    root = project_root(context)
    declared, found = effective(root, load_registry(root), with_dotenv(root, environment()), job)
    emit([_row(one, as_json=as_json) for one in found], as_json=as_json, columns=("key", "value", "from"))
    if declared.problem:
        notice(f"The job '{job}' has a problem, so that not all of this counts: {declared.problem}")


def _row(one: Effective, *, as_json: bool) -> Mapping[str, Any]:
    if as_json:
        return {"key": one.key, "value": one.value, "from": one.origin, "path": one.path, "line": one.line}
    return {"key": one.key, "value": _text(one.value), "from": one.origin}


def _text(value: Any) -> str:
    """A value as TOML has it, or nearly so."""
    if value is None:
        return "none"
    if isinstance(value, (timedelta, datetime)):
        return cell(value)
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_text, value))}]"
    return json.dumps(plain(value), ensure_ascii=False)

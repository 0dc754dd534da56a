"""`automation plan`: what a deploy of these files would change.

Owns: the command, and how changes, problems and herds look.
Never: changes anything; compares, which `project/` does.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from automation.cli.output import Json, Limit, emit_json, notice
from automation.errors import InvalidInput
from automation.text import count, format_duration, instant, printable

if TYPE_CHECKING:
    from automation.project.change import Change, KeyChange
    from automation.project.changed_fires import FireChange
    from automation.project.herds import Herd
    from automation.project.model import Project
    from automation.services import Services

_SIGNS = {"added": "+", "removed": "-", "renamed": ">", "changed": "~"}
_HERDS, _NAMED, _PROPOSED = 5, 3, 3
_SPANS = (
    "timeout", "kill_after", "catchup_window", "misfire_grace", "start_deadline", "jitter", "retry.first", "retry.max_delay",
)  # fmt: skip


def register(app: typer.Typer) -> None:
    """Give this command to the app."""
    app.command("plan")(plan)


def plan(
    context: typer.Context,
    days: Annotated[int, typer.Option("--days", min=1, max=400, help="Compare the fires of so many days.")] = 7,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """Show what a deploy would change: jobs, keys, coming fires; and where many jobs start at once."""
    from automation.cli.opening import open_services

    found = _Found.of(open_services(context), timedelta(days=days))
    if as_json:
        emit_json(found.as_json())
    else:
        _print(found, days, limit)
    if found.project.errors:
        raise typer.Exit(InvalidInput.exit_code)


@dataclass(frozen=True)
class _Found:
    """What is to be shown; fires are compared from `now` to `end`."""

    project: Project
    revision: int
    now: datetime
    end: datetime
    changes: list[Change]
    herds: list[Herd]
    hosts: list[Herd]

    @classmethod
    def of(cls, services: Services, span: timedelta) -> _Found:
        """The files as they are, against the active configuration."""
        from automation.cli.opening import ledger_if_any
        from automation.project.change import changes
        from automation.project.herds import crowds, fullest, fullest_by_host
        from automation.project.lint import lint

        now = services.clock.now()
        project = lint(services.project, now)
        ledger = ledger_if_any(services)
        revision = ledger.occurrences.active_revision()[0] if ledger else 0
        declared = ledger.occurrences.declared() if ledger else {}
        states = ledger.occurrences.states() if ledger else {}
        specs = {key: state.spec for key, state in states.items()}
        active = {name: job for name, job in project.jobs.items() if job.active}
        found = crowds(active.values(), now)
        changed = changes(declared, project.jobs, specs, now, span, project.root)
        return cls(
            project, revision, now, now + span, changed, fullest(found, _HERDS), fullest_by_host(active, found, _HERDS)
        )

    def as_json(self) -> dict[str, Any]:
        """All of it for programs."""
        return {
            "revision": self.revision,
            "changes": [_change_row(change) for change in self.changes],
            "problems": [
                {key: getattr(one, key) for key in ("path", "line", "column", "severity", "key", "message")}
                for one in self.project.problems
            ],
            "herds": [_herd_row(herd) for herd in self.herds],
            "hosts": [{"host": herd.host, **_herd_row(herd)} for herd in self.hosts],
        }


def _change_row(change: Change) -> dict[str, Any]:
    fires = change.fires
    return {
        "job": change.job,
        "change": change.kind,
        "before": change.before,
        "keys": [{"key": one.key, "old": one.old, "new": one.new} for one in change.keys],
        "appear": len(fires.appear),
        "vanish": len(fires.vanish),
        "compared_until": fires.until,
        "first": [{"sign": "-" if sign == "−" else "+", "nominal_time": fire} for sign, fire in fires.first()],
        "counts_anew": list(change.anew),
    }


def _herd_row(herd: Herd) -> dict[str, Any]:
    from automation.project.herds import proposals

    offers = [{"job": one.job, "schedule": one.schedule, "line": one.line} for one in proposals(herd)]
    return {"minute": herd.minute, "count": len(herd.members), "jobs": list(herd.members), "proposals": offers}


def _print(found: _Found, days: int, limit: int) -> None:
    for problem in found.project.problems:
        typer.echo(str(problem))
    against = f"revision {found.revision}" if found.revision else "an empty ledger: no configuration is active yet"
    if not found.changes:
        typer.echo(
            f"Nothing changes: the files are what is active, revision {found.revision}" if found.revision else "No job"
        )
    else:
        typer.echo(f"{_counted(found.changes)}, compared with {against}; fires of the next {count(days, 'day')}:")
    for change in found.changes[:limit]:
        for line in _change_lines(change, found):
            typer.echo(line)
    if len(found.changes) > limit:
        notice(f"{len(found.changes) - limit} more; show them with -n {len(found.changes)}.")
    _print_herds("Most jobs in one minute of the next 24 hours:", found.herds)
    _print_herds("The same at one host:", found.hosts)
    if found.project.errors:
        notice("The files have errors: a scheduler that runs keeps the active configuration until they are gone")


def _counted(changes: Sequence[Change]) -> str:
    kinds = [(kind, sum(change.kind == kind for change in changes)) for kind in _SIGNS]
    return ", ".join(f"{number} {kind}" for kind, number in kinds if number)


def _change_lines(change: Change, found: _Found) -> Iterator[str]:
    name = f"{_SIGNS[change.kind]} {change.job}"
    told = [f"was {change.before}"] if change.before else []
    told += [_rules(change, found)] if change.kind == "added" else []
    told += [_key_line(one) for one in change.keys]
    told += _fire_lines(change, found)
    if change.anew and change.kind != "added":
        which = "" if change.anew == ("main",) else f" ({', '.join(change.anew)})"
        told.append(f"counts from the deploy on{which}")
    for number, line in enumerate(told or [""]):
        yield f"{name if not number else ' ' * len(name)}  {line}".rstrip()


def _rules(change: Change, found: _Found) -> str:
    """What a new job is, and when it fires."""
    job = found.project.jobs[change.job]
    rules = "; ".join(schedule.trigger.describe() for schedule in job.schedules) or "by hand"
    off = "" if job.active else ", and has a problem" if job.enabled else ", and is disabled"
    return f"{job.plugin}: {rules}{off}"


def _key_line(one: KeyChange) -> str:
    old, new = _value(one.key, one.old), _value(one.key, one.new)
    return f"{one.key} {old} → {new}" + (", with other days" if old == new and _calendars(one.new) else "")


def _value(key: str, value: Any) -> str:
    if value is None or value == []:
        return "(none)"
    if key.endswith(_SPANS) and isinstance(value, (int, float)) and not isinstance(value, bool):
        return format_duration(value)
    return _calendars(value) or printable(json.dumps(value, ensure_ascii=False), 200)


def _calendars(value: Any) -> str:
    """The calendars of a list by name, each with what is in it; "" for anything else."""
    if not isinstance(value, list) or not all(isinstance(one, dict) and "entries" in one for one in value):
        return ""
    return ", ".join(f"{one['name']} ({one['entries']})" for one in value)


def _fire_lines(change: Change, found: _Found) -> list[str]:
    fires = change.fires
    if not (fires.appear or fires.vanish):
        return []
    numbers = [f"+{len(fires.appear)}"] if fires.appear else []
    numbers += [f"−{len(fires.vanish)}"] if fires.vanish else []
    zone = _zone(change, found)
    first = ", ".join(f"{sign}{_moment(fire, zone)}" for sign, fire in fires.first())
    return [f"fires: {' '.join(numbers)}{_cut(fires, found)} (first: {first})"]


def _cut(fires: FireChange, found: _Found) -> str:
    """Where there are very many fires, only the first were looked at."""
    last = max((*fires.appear, *fires.vanish))
    until = fires.until or last
    return f" until {instant(until.replace(microsecond=0))}, and more after it" if until < found.end else ""


def _zone(change: Change, found: _Found) -> str:
    job = found.project.jobs.get(change.job)
    return job.schedules[0].timezone if job and job.schedules else "UTC"


def _moment(moment: datetime, zone: str) -> str:
    from zoneinfo import ZoneInfo

    local = moment.astimezone(ZoneInfo(zone))
    return f"{local:%a %d %b %H:%M}" + (f":{local:%S}" if local.second else "")


def _print_herds(title: str, herds: Sequence[Herd]) -> None:
    from automation.project.herds import proposals

    if not herds:
        return
    typer.echo(f"\n{title}")
    for herd in herds:
        names = list(herd.members)
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        where = f"  {herd.host}" if herd.host else ""
        typer.echo(
            f"  {herd.minute:%Y-%m-%d %H:%M}Z{where}  {count(len(names), 'job')}: {', '.join(names[:_NAMED])}{more}"
        )
        offers = [f"{_member(one.job, one.schedule)}: {one.line}" for one in proposals(herd)]
        for offer in offers[:_PROPOSED]:
            typer.echo(f"    spread: {offer}")
        if len(offers) > _PROPOSED:
            typer.echo(f"    … {len(offers) - _PROPOSED} more with --json")


def _member(job: str, schedule: str) -> str:
    return job if schedule == "main" else f"{job}/{schedule}"

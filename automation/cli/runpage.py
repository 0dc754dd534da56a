"""One run for a terminal: its summary, its page, its log.

Owns: what is shown of a run, and in which order.
Never: queries anything but the ledger's read side.
"""

from __future__ import annotations

import json
from typing import Any

import typer

from automation.cli.output import cell, emit_json
from automation.ledger.ledger import Ledger
from automation.ledger.mail_rows import MailRow
from automation.ledger.rows import LogRow, RunRow, skipped_itself
from automation.ledger.states import OPEN
from automation.services import Services
from automation.text import cause, format_duration, one_line, printable, size, telling

_MARKS = {"succeeded": "✓", "dead": "✗", "cancelled": "✗", "expired": "✗", "skipped": "–", "missed": "–"}
_POLL_SECONDS = 0.2


def summary(ledger: Ledger, run: RunRow) -> str:
    """A line on how the run is, its result and its files."""
    lines = [_headline(run)]
    if run.result is not None:
        lines += [f"  {line}" for line in _result(run.result)]
    lines += [f"  file {artifact.path} ({size(artifact.size)})" for artifact in ledger.queries.artifacts(run.id)]
    if run.state in OPEN:
        lines.append(f"  follow it with: automation logs -f {run.id}")
    elif run.state == "dead":
        lines.append(f"  see: automation dead show {run.id}; try it again with: automation retry {run.id}")
    return "\n".join(lines)


def as_text(ledger: Ledger, run: RunRow) -> str:
    """The same for people."""
    lines = [summary(ledger, run), ""]
    before, behind = ledger.flows.beside(run)
    facts = [
        ("kind", run.kind + (f", schedule {run.schedule}" if run.schedule else "")),
        ("plugin", run.plugin),
        ("nominal time", cell(run.nominal_time)),
        ("queued", f"{cell(run.queued_at)} in queue {run.queue}, priority {run.priority}"),
        ("started", cell(run.started_at)),
        ("finished", cell(run.finished_at)),
        ("next attempt", cell(run.due_at) if run.state == "retrying" and not run.waits_on else ""),
        ("in line", _standing(ledger, run)),
        ("flow", run.flow or ""),
        ("after", ", ".join(one.words for one in before)),
        ("then", ", ".join(one.words for one in behind)),
        ("item", json.dumps(run.spec["item"], ensure_ascii=False) if "item" in run.spec else ""),
        ("params", json.dumps(dict(run.spec.get("params", {})), ensure_ascii=False)),
    ]
    lines += [f"{name:<13} {printable(value, 2000)}" for name, value in facts if value]
    for one in ledger.queries.attempts(run.id):
        span = format_duration(one.finished_at - one.started_at) if one.finished_at else "running"
        ended = "skipped" if skipped_itself(run, one) else one.outcome or "running"
        lines += ["", f"attempt {one.attempt}: {ended} ({span}) by {one.worker}, pid {one.pid}"]
        if one.message:
            lines.append(f"  {cause(one.failure_class, one.code)}: {one_line(one.message, 2000)}")
        if one.traceback:
            lines += [f"  {printable(line, 2000)}" for line in one.traceback.rstrip().splitlines()]
    mails = ledger.outbox.list(run_id=run.id, limit=20)
    lines += [""] if mails else []
    lines += [f"mail {mail.id} to {mail.recipient}: {_fate(mail)}" for mail in mails]
    return "\n".join(lines)


def _standing(ledger: Ledger, run: RunRow) -> str:
    """Where the run stands before a limit, as things are now."""
    found = ledger.leases.standing(run)
    if found is None:
        return ""
    turn = found.wait.until if found.wait is not None else None
    return f"before '{found.key}', {found.ahead} before it" + (f", its turn is at {cell(turn)}" if turn else "")


def _fate(mail: MailRow) -> str:
    """A mail's state and the server's words; what we say of a captured one begins with its state."""
    said = mail.response or ""
    return said if said.startswith(mail.state) else f"{mail.state} {said}".rstrip()


def print_log(services: Services, run: RunRow, *, follow: bool, as_json: bool) -> None:
    """The run's log lines; with `follow` until it has ended."""
    queries, seen = services.ledger.queries, 0
    collected: list[dict[str, Any]] = []
    while True:
        ended = queries.run(run.id).state not in OPEN
        while lines := queries.logs(run.id, after=seen):
            seen = lines[-1].id
            for line in lines:
                if as_json and not follow:
                    collected.append(line.as_json())
                else:
                    typer.echo(json.dumps(line.as_json(), ensure_ascii=False) if as_json else _line(line))
        if ended or not follow:
            break
        services.clock.sleep(_POLL_SECONDS)
    if as_json and not follow:
        emit_json(collected)


def _headline(run: RunRow) -> str:
    took = f" in {format_duration(run.finished_at - run.started_at)}" if run.finished_at and run.started_at else ""
    reason = f": {one_line(run.reason, 500)}" if run.reason else ""
    return f"{_MARKS.get(run.state, '…')} {run.job} {run.state}{took}{reason}  (run {run.id})"


def _result(result: Any) -> list[str]:
    if not isinstance(result, dict):
        return [printable(json.dumps(result, ensure_ascii=False), 2000)]
    return [f"{printable(str(name), 60)}: {_value(value)}" for name, value in telling(result).items()]


def _value(value: Any) -> str:
    return printable(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), 300)


def _line(line: LogRow) -> str:
    mark = "" if line.level == "info" else f"{line.level}: "
    return f"{line.at.astimezone():%H:%M:%S} {mark}{line.message}"

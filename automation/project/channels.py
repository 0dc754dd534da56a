"""`[channels.NAME]` of automation.toml, and what jobs say of alerts: who is told when a job fails.

Owns: the check of a channel, and of the table `alerts` of a job.
Never: tells anybody.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from automation.errors import JobFailed
from automation.ledger.alarm import TOLD, Alerts, Quiet, Target
from automation.project.keys import ALERTS, CHANNEL
from automation.project.mail import DEFAULT
from automation.project.named import named_table, named_tables
from automation.project.values import Notes, Reader, Secrets, Table, choice_problem
from automation.text import nearest, printable
from automation.triggers.base import CalendarInvalid, TriggerInvalid
from automation.triggers.wallclock import load_zone
from automation.triggers.windows import read_weekly

_MOST = 100
#: Any Monday: a week in which every hour is quiet never ends, whenever it begins.
_MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
Channels = Mapping[str, tuple[Target, ...]]


def read_channels(top: Table, notes: Notes, secrets: Secrets, servers: frozenset[str]) -> Channels:
    """The channels by name; those with a problem are noted, and empty."""
    declared = named_tables(top, "channels", notes, secrets)
    return {name: _channel(declared, name, notes, secrets, servers) for name in declared.values} if declared else {}


def read_alerts(reader: Reader, channels: Channels) -> Alerts | None:
    """The table `alerts`; keys that it lacks come from the defaults, and without channels nobody is told."""
    if not reader.has("alerts"):
        return None
    own, known = reader.child("alerts", ALERTS), Alerts()
    named = own.words("channels", lambda name: _channel_problem(name, channels), _MOST)
    targets = dict.fromkeys(target for name in named for target in channels.get(name, ()))
    on = own.words("on", lambda word: choice_problem(word, TOLD)) if own.has("on") else known.on
    found = Alerts(
        targets=tuple(targets),
        on=tuple(dict.fromkeys(on)),
        after_failures=own.whole("after_failures", known.after_failures, 1, 1000),
        late_after=own.span("late_after", known.late_after, timedelta(seconds=1), timedelta(days=30)),
        urgent=own.flag("urgent", known.urgent),
    )
    if not own.has("channels"):
        table = next(table for table in reader.layers if "alerts" in table.values)
        hint = f'write channels = ["{next(iter(channels), "ops")}"]'
        reader.notes.at(table, ["alerts"], f"tells nobody; {hint}", on_key=True)
    return found if targets else None


def _channel_problem(name: str, channels: Channels) -> str | None:
    if name in channels:
        return None
    meant = nearest(name, channels)
    there = (
        f"there are: {', '.join(channels)}" if channels else f'write [channels.{name}] to = ["you@example.com"] there'
    )
    hint = f"did you mean '{meant}'?" if meant else there
    return f"there is no channel '{printable(name, 60)}' in automation.toml; {hint}"


def _channel(declared: Table, name: str, notes: Notes, secrets: Secrets, servers: frozenset[str]) -> tuple[Target, ...]:
    table = named_table(declared, name, 'to = ["you@example.com"]', notes, secrets)
    if table is None:
        return ()
    reader = Reader([table], notes, secrets)
    reader.known_keys(table, CHANNEL)
    if not table.values.get("to"):
        notes.at(table, [], "missing 'to'; write to = [\"you@example.com\"]", on_key=True)
    known = {DEFAULT, *servers}
    server = reader.text("server", DEFAULT, lambda one: _server_problem(one, known))
    quiet = _quiet(table, reader)
    return tuple(Target(_address(one), server, quiet) for one in reader.words("to", _address_problem, _MOST))


def _quiet(table: Table, reader: Reader) -> Quiet | None:
    """The hours in which this channel is not told; what is wrong with them is noted."""
    zone = reader.text("timezone", "UTC", _zone_problem)
    if not reader.has("quiet"):
        return None
    weekly = reader.words("quiet", _window_problem, _MOST)
    if not weekly:
        if table.values["quiet"] == []:
            reader.notes.at(table, ["quiet"], 'is empty; write quiet = ["22:00-07:00"], or remove it')
        return None
    quiet = Quiet(weekly, zone)
    if quiet.over(_MONDAY) is None:
        reader.notes.at(table, ["quiet"], "covers the whole week, so that nobody would ever be told; leave some hours")
    return quiet


def _zone_problem(name: str) -> str | None:
    try:
        load_zone(name)
    except TriggerInvalid as error:
        return str(error)
    return None


def _window_problem(text: str) -> str | None:
    try:
        read_weekly([text])
    except CalendarInvalid as error:
        return str(error)
    return None


def _server_problem(name: str, known: set[str]) -> str | None:
    return (
        None
        if name in known
        else f"there is no mail server '{printable(name, 60)}'; write [mail.NAME], or one of: {', '.join(sorted(known))}"
    )


def _address(text: str) -> str:
    # Late: it brings the mail library, which few projects need to be checked.
    from automation.mail.addresses import parse_address

    return parse_address(text, "to").addr_spec


def _address_problem(text: str) -> str | None:
    if "${" in text:
        return "a reference cannot stand here, since the address is kept in the ledger; write the address itself"
    try:
        _address(text)
    except JobFailed as error:
        return str(error)
    return None

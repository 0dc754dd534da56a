"""Herds: many jobs that start in one minute, and how they could be spread.

Owns: who is planned for which minute of the coming day, at which host, and a proposal for each of a herd.
Never: changes a schedule; decides how many are too many.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from typing import Any
from urllib.parse import urlsplit

from automation.project.fires import coming, moved
from automation.project.model import Job, Schedule
from automation.text import format_duration, parse_duration
from automation.triggers.cronfields import parts_of

DAY = timedelta(days=1)
#: Fires looked at: of one rule, and of all; beyond that, few of each of the rules that are left.
_OF_ONE, _OF_ALL, _OF_THE_REST = 100, 10_000, 2
_HOUR_MINUTES = 60
_JITTER = timedelta(minutes=10)
#: What fires more often than this is in almost every minute, wherever it is moved.
_SPREADABLE = timedelta(minutes=2)
_TICK = timedelta(microseconds=1)

Crowds = Mapping[datetime, Mapping[str, Schedule]]


@dataclass(frozen=True)
class Herd:
    """Jobs that are planned for the same minute.

    Parameters
    ----------
    members: each job's name with the schedule that fires then.
    host: the host that all of them ask; "" where that was not looked at.
    """

    minute: datetime
    members: Mapping[str, Schedule]
    host: str = ""


@dataclass(frozen=True)
class Proposal:
    """What one job of a herd could say instead, as TOML has it."""

    job: str
    schedule: str
    line: str


def crowds(jobs: Iterable[Job], now: datetime) -> Crowds:
    """The jobs that are planned for each minute of the 24 hours after `now`.

    Absent is what fires in almost every minute: nothing can spread it. Of a rule that fires very often, and of the last of very many rules, only the first fires are looked at.
    """
    rules = _Rules(now.astimezone(UTC))
    found: defaultdict[datetime, dict[str, Schedule]] = defaultdict(dict)
    for job in jobs:
        for schedule in job.schedules:
            for minute in () if _is_steady(schedule) else rules.minutes(job, schedule):
                found[minute].setdefault(job.name, schedule)
    return found


def fullest(found: Crowds, most: int, least: int = 2) -> list[Herd]:
    """The minutes with the most jobs, at least `least` of them; of equal ones the earlier first."""
    herds = [Herd(minute, members) for minute, members in found.items() if len(members) >= least]
    return sorted(herds, key=lambda herd: (-len(herd.members), herd.minute))[:most]


def fullest_by_host(jobs: Mapping[str, Job], found: Crowds, most: int, least: int = 2) -> list[Herd]:
    """For each host in the parameters of jobs, its fullest minute; the hosts with the most jobs in one first."""
    hosts = {name: tuple(hosts_of(job.params)) for name, job in jobs.items()}
    worst: dict[str, Herd] = {}
    for minute, members in found.items():
        asked: defaultdict[str, dict[str, Schedule]] = defaultdict(dict)
        for name, schedule in members.items():
            for host in hosts.get(name, ()):
                asked[host][name] = schedule
        for host, those in asked.items():
            known = worst.get(host)
            if known is None or (len(those), known.minute) > (len(known.members), minute):
                worst[host] = Herd(minute, those, host)
    herds = [herd for herd in worst.values() if len(herd.members) >= least]
    return sorted(herds, key=lambda herd: (-len(herd.members), herd.minute, herd.host))[:most]


def hosts_of(params: Any) -> dict[str, None]:
    """The hosts of all web addresses among the values, in order; what a reference names is not known here."""
    if isinstance(params, str):
        host = _host(params)
        return {host: None} if host else {}
    inner = params.values() if isinstance(params, Mapping) else params if isinstance(params, (list, tuple)) else ()
    return {host: None for value in inner for host in hosts_of(value)}


def proposals(herd: Herd) -> Iterator[Proposal]:
    """A line for each job of the herd but the first, so that they start one after the other."""
    size = len(herd.members)
    for number, (job, schedule) in enumerate(herd.members.items()):
        if number:
            yield Proposal(job, schedule.id, _line(schedule, number, size))


def _is_steady(schedule: Schedule) -> bool:
    """Whether it fires in almost every minute of its hours."""
    spec = schedule.spec
    if "every" in spec:
        return parse_duration(spec["every"]) < _SPREADABLE
    return "cron" in spec and parts_of(spec["cron"], spec.get("seconds"))[1] in ("*", "*/1")


def _line(schedule: Schedule, number: int, size: int) -> str:
    spec = schedule.spec
    if "cron" in spec and "seconds" not in spec:
        minute, *rest = parts_of(spec["cron"], None)[1:]
        if minute.isdecimal():
            step = _HOUR_MINUTES // size
            other = str((int(minute) + number * step) % _HOUR_MINUTES) if step else "H"
            return f'cron = "{" ".join([other, *rest])}"'
        every = minute.removeprefix("*/")
        if every != minute and every.isdecimal() and (first := number * int(every) // size):
            return f'cron = "{" ".join([f"{first}-59/{every}", *rest])}"'
    room = _JITTER
    if "every" in spec:
        room = min(room, parse_duration(spec["every"]) / 2)
    return f'jitter = "{format_duration(room).replace(" ", "")}"'


def _host(text: str) -> str | None:
    if not text.startswith(("http://", "https://")) or "${" in text:
        return None
    try:
        return urlsplit(text).hostname
    except ValueError:
        return None


@dataclass
class _Rules:
    """The minutes of the coming day in which a rule fires; equal rules that nothing moves are asked once."""

    now: datetime
    asked: dict[str, tuple[datetime, ...]] = field(default_factory=dict)
    seen: int = 0

    def minutes(self, job: Job, schedule: Schedule) -> tuple[datetime, ...]:
        if schedule.trigger.from_end:
            return ()
        if moved(schedule):
            return self._look(job, schedule)
        key = json.dumps(schedule.spec, sort_keys=True)
        if key not in self.asked:
            self.asked[key] = self._look(job, schedule)
        return self.asked[key]

    def _look(self, job: Job, schedule: Schedule) -> tuple[datetime, ...]:
        most = _OF_ONE if self.seen < _OF_ALL else _OF_THE_REST
        fires = takewhile(lambda fire: fire.planned.time - self.now <= DAY, coming(job, schedule, self.now + _TICK))
        planned = (fire.planned.time for fire in islice(fires, most) if fire.runs)
        found = tuple(dict.fromkeys(moment.replace(second=0, microsecond=0) for moment in planned))
        self.seen += len(found)
        return found

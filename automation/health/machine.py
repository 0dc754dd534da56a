"""Verdicts on the machine: disk, clock, time zones, versions.

Owns: how little room is too little, how far clocks may differ, and where those facts come from.
Never: reads the clock; it is given a moment.
"""

from __future__ import annotations

import platform
import shutil
import zoneinfo
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from automation.health.check import Check, fail, ok, warn
from automation.text import format_duration, size

#: What a process writes in an ordinary hour, with a wide margin, and what it needs to stop in order.
LITTLE_ROOM = 1_000_000_000
NO_ROOM = 100_000_000
PACKAGES = (
    "automation",
    "celery",
    "celery-redbeat",
    "kombu",
    "redis",
    "SQLAlchemy",
    "alembic",
    "httpx",
    "pydantic",
    "fastapi",
)
_REQUIRED = {"celery", "celery-redbeat", "kombu", "redis", "SQLAlchemy", "pydantic"}
_EARLIEST = datetime(2026, 1, 1, tzinfo=UTC)


def check_disk(folder: Path) -> Check:
    """Whether the data folder's disk has room for what runs leave."""
    there = next((each for each in (folder, *folder.parents) if each.exists()), folder)
    try:
        free = shutil.disk_usage(there).free
    except OSError as error:
        return fail("disk", f"{folder}: {error.strerror}; set AUTOMATION_DATA_DIR to a folder that can be written")
    return judge_room(free, folder)


def judge_room(free: int, folder: Path) -> Check:
    """The verdict on so many free bytes."""
    if free < NO_ROOM:
        return fail("disk", f"{size(free)} free for {folder}; make room, or set AUTOMATION_DATA_DIR to another disk")
    if free < LITTLE_ROOM:
        return warn("disk", f"{size(free)} free for {folder}; make room before it is full")
    return ok("disk", f"{size(free)} free for {folder}")


def check_clock(now: datetime, database_now: datetime | None, lease: timedelta) -> Check:
    """Whether this machine's clock can be right, and agrees with the database's where that is another machine."""
    if now < _EARLIEST:
        return fail("clock", f"This machine says it is {now:%Y-%m-%d %H:%M} UTC; set its clock, and keep it with NTP")
    if database_now is None:
        return ok("clock", f"{now:%Y-%m-%d %H:%M:%S} UTC")
    apart = abs(now - database_now)
    if apart > lease / 2:
        return fail(
            "clock",
            f"This machine and the database differ by {format_duration(apart)}, more than half a lease; runs would be taken "
            "from workers that live. Keep both with NTP",
        )
    if apart > timedelta(seconds=2):
        return warn("clock", f"This machine and the database differ by {format_duration(apart)}; keep both with NTP")
    return ok("clock", f"{now:%Y-%m-%d %H:%M:%S} UTC, {format_duration(apart)} from the database's")


def check_tzdata() -> Check:
    """Whether time zones are known, and from where; the machine's files win over the package's."""
    try:
        zoneinfo.ZoneInfo("Europe/Madrid")
    except zoneinfo.ZoneInfoNotFoundError:
        return fail("tzdata", "No time zone data; run: pip install tzdata")
    package = _version("tzdata")
    if system := _system_tzdata():
        return ok("tzdata", f"{system} of this machine; package {package or 'not installed'}")
    return ok("tzdata", f"{package} of the package" if package else "of this machine, version unknown")


def check_versions() -> Check:
    """The versions of the packages that matter in a report."""
    found = {name: _version(name) for name in PACKAGES}
    found["automation"] = found["automation"] or "from a checkout"
    shown = ", ".join(f"{name} {number}" for name, number in found.items() if number)
    missing = sorted(name for name in _REQUIRED if not found[name])
    text = f"Python {platform.python_version()}, {shown}"
    if missing:
        return warn("versions", f"{text}; not installed: {', '.join(missing)}. Run: pip install automation")
    return ok("versions", text)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _system_tzdata() -> str | None:
    """The version that the machine's zone files name; None when they do not, or there are none."""
    for folder in map(Path, zoneinfo.TZPATH):
        for name in ("+VERSION", "tzdata.zi"):
            path = folder / name
            if path.is_file():
                with path.open(encoding="utf-8", errors="replace") as lines:
                    return lines.readline().replace("# version", "").strip() or None
    return None

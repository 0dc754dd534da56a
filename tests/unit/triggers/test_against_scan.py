"""Cron fires against a scan of every minute, in all zones, 1970 to 2100, most of all where clocks change.

The scan knows the standard library's time zones and nothing of the triggers or of a cron library.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

from hypothesis import given
from hypothesis import strategies as st

from automation.triggers.base import TriggerInvalid
from automation.triggers.parse import parse_trigger

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
WINDOW = timedelta(hours=36)
ZONES = sorted(name for name in available_timezones() - {"localtime"} if not name.startswith(("posix/", "right/")))
RANGES = {"minute": (0, 59), "hour": (0, 23), "day": (1, 31), "month": (1, 12), "weekday": (0, 6)}


@dataclass(frozen=True)
class Field:
    text: str
    values: frozenset[int]


@dataclass(frozen=True)
class Rule:
    """An expression, and what it means."""

    minute: Field
    hour: Field
    day: Field
    month: Field
    weekday: Field
    day_match: str
    gap: str
    overlap: str

    @property
    def text(self) -> str:
        return " ".join(getattr(self, name).text for name in RANGES)

    @property
    def real_time(self) -> bool:
        return "*" in self.hour.text

    def spec(self, zone: str) -> dict[str, str]:
        clocks = {} if self.real_time else {"dst_gap": self.gap, "dst_overlap": self.overlap}
        return {"cron": self.text, "timezone": zone, "day_match": self.day_match, **clocks}

    def matches(self, wall: datetime) -> bool:
        day, weekday = wall.day in self.day.values, wall.isoweekday() % 7 in self.weekday.values
        star = self.day.text.startswith("*") or self.weekday.text.startswith("*")
        both = star or self.day_match == "and"
        return (
            wall.second == 0
            and wall.minute in self.minute.values
            and wall.hour in self.hour.values
            and wall.month in self.month.values
            and (day and weekday if both else day or weekday)
        )


@st.composite
def fields(draw: st.DrawFn, name: str, likely_any: bool) -> Field:
    least, most = RANGES[name]
    every = frozenset(range(least, most + 1))
    kind = draw(st.sampled_from(["any"] * (6 if likely_any else 1) + ["one", "some", "span", "step"]))
    first, second = sorted(draw(st.tuples(st.integers(least, most), st.integers(least, most))))
    step = draw(st.integers(1, max(2, most // 2)))
    if kind == "one":
        return Field(str(first), frozenset({first}))
    if kind == "some":
        return Field(f"{second},{first}", frozenset({first, second}))
    if kind == "span":
        return Field(f"{first}-{second}", frozenset(range(first, second + 1)))
    if kind == "step":
        return Field(f"*/{step}", frozenset(range(least, most + 1, step)))
    return Field("*", every)


RULES = st.builds(
    Rule,
    fields("minute", False), fields("hour", False), fields("day", True), fields("month", True), fields("weekday", True),
    day_match=st.sampled_from(["or", "and"]), gap=st.sampled_from(["shift", "skip"]),
    overlap=st.sampled_from(["first", "second", "both"]),
)  # fmt: skip


@st.composite
def moments(draw: st.DrawFn) -> tuple[str, datetime]:
    """A zone, and a moment that is often little before its clocks change."""
    zone = draw(st.sampled_from(ZONES))
    day = draw(st.datetimes(datetime(1970, 1, 2), datetime(2100, 12, 1), timezones=st.just(UTC))).replace(microsecond=0)
    if draw(st.integers(0, 4)):
        offsets = [(day + timedelta(days=n)).astimezone(ZoneInfo(zone)).utcoffset() for n in range(200)]
        changed = [n for n in range(1, 200) if offsets[n] != offsets[n - 1]]
        day += timedelta(days=changed[0] - 1 if changed else 0)
    return zone, day


def scan(rule: Rule, zone: ZoneInfo, start: datetime) -> tuple[datetime, tuple[str, ...]] | None:
    """The first fire after `start` and its mark, by looking at each minute of the window."""
    shift = rule.gap == "shift" and not rule.real_time
    passes = {"first": [0], "second": [1], "both": [0, 1]}["both" if rule.real_time else rule.overlap]
    moment = start.replace(second=0)
    # Until 1972 Liberia was 44 minutes and 30 seconds behind: there a minute of the clocks begins between two of UTC.
    step = MINUTE if not moment.astimezone(zone).utcoffset().seconds % 60 else MINUTE / 2
    before = moment.astimezone(zone)
    while moment < start.replace(second=0) + WINDOW:
        moment += step
        local = moment.astimezone(zone)
        wall = local.replace(tzinfo=None, fold=0)
        skipped = (wall - before.replace(tzinfo=None, fold=0)) // step - 1
        if shift and any(rule.matches(wall - step * back) for back in range(1, skipped + 1)):
            return moment, ("gap:shifted",)
        found = mark(wall, zone, local.fold)
        if rule.matches(wall) and (not found or local.fold in passes):
            return moment, found
        before = local
    return None


def mark(wall: datetime, zone: ZoneInfo, fold: int) -> tuple[str, ...]:
    first, second = (wall.replace(tzinfo=zone, fold=which).utcoffset() for which in (0, 1))
    return () if first == second or first < second else ("overlap:second",) if fold else ("overlap:first",)


@given(RULES, moments())
def test_next_fire_is_the_first_that_a_scan_finds(rule: Rule, place: tuple[str, datetime]) -> None:
    """Within a day and a half, the trigger's next fire and its mark are the scan's, or both see none."""
    zone, start = place
    found = None
    with suppress(TriggerInvalid):  # 30 February: then the scan finds nothing either
        trigger = parse_trigger(rule.spec(zone))
        fire = trigger.next_after(start)
        if fire is not None and fire <= start.replace(second=0) + WINDOW:
            found = fire, trigger.marks(fire)

    assert found == scan(rule, ZoneInfo(zone), start)


def test_every_change_of_the_clocks_in_every_zone_is_survived() -> None:
    """Around each change of the next year, in each zone, a rule of every ten minutes of the night is the scan's."""
    rule = Rule(
        Field("*/10", frozenset(range(0, 60, 10))), Field("0-3,23", frozenset({0, 1, 2, 3, 23})),
        *(Field("*", frozenset(range(least, most + 1))) for least, most in list(RANGES.values())[2:]),
        day_match="or", gap="shift", overlap="first",
    )  # fmt: skip
    seen: dict[tuple[object, ...], str] = {}
    for zone in ZONES:
        for change in changes(ZoneInfo(zone), 2027):
            seen.setdefault(change, zone)

    for (change, *_), zone in seen.items():
        fire = parse_trigger(rule.spec(zone)).next_after(change - SECOND)
        assert fire == scan(rule, ZoneInfo(zone), change - MINUTE)[0], (zone, change)


def changes(zone: ZoneInfo, year: int) -> Iterator[tuple[object, ...]]:
    """The hours of a year in which the offset of a zone changes, with both offsets."""
    days = [datetime(year, 1, 1, tzinfo=UTC) + timedelta(days=number) for number in range(366)]
    offsets = [day.astimezone(zone).utcoffset() for day in days]
    for day, before, after in zip(days, offsets, offsets[1:], strict=False):
        if before != after:
            hours = (day + timedelta(hours=number) for number in range(1, 25))
            yield next(hour for hour in hours if hour.astimezone(zone).utcoffset() != before), before, after

"""When a job fires, as its table says: the short form, the list, the options, and what is wrong with them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from automation.triggers.parse import parse_trigger

HEAD = '[jobs.books]\nplugin = "scrape"\nparams.start = "https://example.com/"\n'
TWO = (
    HEAD
    + """timezone = "Europe/Madrid"
[[jobs.books.schedules]]
id = "working-days"
cron = "0 7 * * mon-fri"
[[jobs.books.schedules]]
id = "weekend"
cron = "0 10 * * sat,sun"
timezone = "Europe/Lisbon"
[[jobs.books.schedules]]
id = "pulse"
every = "6h"
anchor = 2026-01-01T01:00:00
"""
)


def test_job_has_the_schedules_of_its_list(load: Callable[..., Any]) -> None:
    """Each with its id and zone; what a schedule does not say comes from the job, its file and the project."""
    project = load(TWO)
    job = project.job("books")

    assert project.problems == ()
    assert [(schedule.id, schedule.timezone, schedule.line) for schedule in job.schedules] == [
        ("working-days", "Europe/Madrid", 7), ("weekend", "Europe/Lisbon", 10), ("pulse", "Europe/Madrid", 14),
    ]  # fmt: skip
    assert job.schedules[2].spec == {"every": "6h", "anchor": "2026-01-01T00:00:00+00:00"}


def test_job_fires_with_the_earliest_of_its_schedules(load: Callable[..., Any]) -> None:
    """The next fire is found with the schedule that it is of."""
    job = load(TWO).job("books")
    fire, schedule = job.next_schedule(datetime(2026, 11, 21, 6, tzinfo=UTC))

    assert (fire, schedule.id) == (datetime(2026, 11, 21, 10, tzinfo=UTC), "weekend")
    assert job.next_after(datetime(2026, 11, 21, 10, tzinfo=UTC)) == datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "rule",
    [
        'cron = "H H(0-7) * * *"',
        'cron = "*/10 0 7 * * *"\nseconds = "first"',
        'cron = "0 0 13 * fri"\nday_match = "and"',
        'cron = "30 2 * * *"\ntimezone = "Europe/Berlin"\ndst_gap = "skip"\ndst_overlap = "both"',
        'every = "7h"\nanchor = 2026-01-01T00:00:00+01:00',
        'rrule = "DTSTART:20260105T090000 RRULE:FREQ=WEEKLY;BYDAY=MO,TH"\ndst_gap = "skip"',
        'rrule = """\nDTSTART:20260105T090000\nRRULE:FREQ=DAILY\n"""\nstart_at = 2027-01-01\nend_at = 2027-06-01T12:00:00',
    ],
)
def test_specification_alone_makes_the_trigger_again(load: Callable[..., Any], rule: str) -> None:
    """The ledger and Redis keep it as JSON; without the project it gives the same fires, an `H` included."""
    project = load(HEAD + rule)
    (schedule,) = project.job("books").schedules
    again = parse_trigger(json.loads(json.dumps(schedule.spec)))
    start = datetime(2026, 10, 1, tzinfo=UTC)

    assert project.problems == ()
    assert again.next_after(start) == schedule.trigger.next_after(start) is not None


def test_spread_value_belongs_to_job_and_schedule(load: Callable[..., Any]) -> None:
    """Two jobs differ, and a change of another key moves nothing."""
    text = HEAD + 'cron = "H H * * *"\n'
    one = load(text + "priority = 1").job("books").schedules[0].spec
    project = load(text + text.replace("books", "prices"))

    assert project.job("books").schedules[0].spec == one
    assert project.job("prices").schedules[0].spec != one


def test_instants_without_an_offset_are_on_the_clocks_of_the_zone(load: Callable[..., Any]) -> None:
    """With an offset they are what they say; a date is its midnight."""
    text = 'every = "1h"\ntimezone = "Europe/Madrid"\nstart_at = 2026-07-01\nend_at = 2026-07-02T12:00:00Z\n'
    spec = load(HEAD + text).job("books").schedules[0].spec

    assert spec["start_at"] == "2026-06-30T22:00:00+00:00"
    assert spec["end_at"] == "2026-07-02T12:00:00+00:00"


def test_both_days_are_warned_of_until_the_rule_says_what_it_means(problems: Callable[..., list[str]]) -> None:
    """Nobody remembers whether the 13th and a Friday is both or either."""
    rule = 'cron = "0 0 13 * fri"\n'

    assert ["day_match" in line for line in problems(HEAD + rule)] == [True]
    assert problems(HEAD + rule + 'day_match = "or"\n') == problems(HEAD + rule + 'day_match = "and"\n') == []


LIST = HEAD + "[[jobs.books.schedules]]\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (LIST + 'cron = "0 7 * * *"', "4:1: jobs.books.schedules[0]: missing 'id'; write id ="),
        (LIST + 'id = "a b"\nevery = "1h"', "5:6: jobs.books.schedules[0].id: the name 'a b' has the character U+0020"),
        (LIST + 'id = 5\nevery = "1h"', "5:6: jobs.books.schedules[0].id: found the number 5; write a string"),
        (LIST + 'id = "Start"\nevery = "1h"', "5:6: jobs.books.schedules[0].id: 'Start' is the id of the runs of run_on_start"),
        (LIST + 'id = "a"', "4:1: jobs.books.schedules[0]: missing when it fires; write exactly one of cron, every, fixed_delay, at, rrule"),
        (LIST + 'id = "a"\nevery = "1h"\ncron = "@daily"', "6:1: jobs.books.schedules[0].every: a schedule has one of"),
        (LIST + 'id = "a"\nevery = "1mo"', "6:9: jobs.books.schedules[0].every: '1mo': months and years"),
        (LIST + 'id = "a"\nevry = "1h"\nevery = "1h"', "6:1: jobs.books.schedules[0].evry: unknown key 'evry'; did you mean 'every'?"),
        (LIST + 'id = "a"\nevery = "1h"\nafter = ["b"]', "7:1: jobs.books.schedules[0].after: unknown key 'after'; it belongs to the job"),
        (LIST + 'id = "a"\nevery = "1h"\nqueue = "b"', "7:1: jobs.books.schedules[0].queue: unknown key 'queue'"),
        (
            LIST + 'id = "a"\nevery = "1h"\n[[jobs.books.schedules]]\nid = "A"\nevery = "2h"',
            "8:6: jobs.books.schedules[1].id: the id 'A' is taken by another schedule of this job",
        ),
        (LIST + 'id = "a"\ncron = "0 7 * * *"\ntimezone = "Europe/Madird"', "7:12: jobs.books.schedules[0].timezone: there is no time zone"),
        (HEAD + 'every = "1h"\nschedules = []', "4:1: jobs.books.every: a job has 'every' or a list of schedules, not both"),
        (HEAD + "schedules = []", "4:13: jobs.books.schedules: found a list; write tables: [[jobs.books.schedules]]"),
        (HEAD + "schedules = 5", "4:13: jobs.books.schedules: found the number 5; write tables"),
        (HEAD + "schedules = [5]", "4:14: jobs.books.schedules[0]: found the number 5; write a table"),
        (HEAD + 'schedules = [{ id = "a", cron = "0 25 * * *" }]', "4:33: jobs.books.schedules[0].cron: hour '25'"),
        (HEAD + 'every = "1h"\nseconds = "first"', "5:1: jobs.books.seconds: seconds belongs to cron, not to every"),
        (HEAD + "anchor = 2026-01-01", "4:1: jobs.books.anchor: there is no rule that it could belong to"),
        (HEAD + 'cron = "0 0 7 * * *"\nseconds = "frist"', "5:11: jobs.books.seconds: found 'frist'; did you mean 'first'?"),
        (HEAD + 'cron = "0 7 * * *"\nseconds = "first"', "4:8: jobs.books.cron: '0 7 * * *' has 5 fields, and seconds = \"first\" makes it 6: second minute hour"),
        (HEAD + 'cron = "0 * * * *"\ndst_gap = "skip"', "5:11: jobs.books.dst_gap: dst_gap means nothing here"),
        (HEAD + 'every = "1h"\nanchor = "2026-01-01"', "5:10: jobs.books.anchor: found '2026-01-01'; write a date or a date and time"),
        (HEAD + 'every = "1h"\nstart_at = 0001-01-01', "5:12: jobs.books.start_at: found 0001-01-01T00:00:00+00:00; write a year from 1970"),
        (HEAD + 'every = "1h"\nstart_at = 2027-01-01\nend_at = 2026-01-01', "6:10: jobs.books.end_at: end_at (2026-01-01T00:00:00Z) is not after"),
        (HEAD + 'rrule = "FREQ=DAILY"', "4:9: jobs.books.rrule: the rule cannot be used: 'FREQ=DAILY' has no DTSTART"),
        (HEAD + 'cron = "H(9-3) * * * *"', "4:8: jobs.books.cron: minute 'h(9-3)': the range must lie within"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_where_it_stands(problems: Callable[..., list[str]], text: str, said: str) -> None:
    """One problem for one mistake, at the key or value that has it."""
    lines = problems(text)

    assert len(lines) == 1
    assert lines[0].startswith(f"schedules/a.toml:{said}")


def test_all_schedules_are_read_to_the_end(problems: Callable[..., list[str]]) -> None:
    """A mistake in one hides none in the next."""
    text = (
        LIST
        + 'id = "a"\nevery = "5 min"\n[[jobs.books.schedules]]\nid = "b"\ncron = "60 * * * *"\nanchor = 2026-01-01\n'
    )

    assert [line.split(": ")[1] for line in problems(text)] == [
        "jobs.books.schedules[0].every", "jobs.books.schedules[1].anchor",
    ]  # fmt: skip


def test_too_many_schedules_are_refused(problems: Callable[..., list[str]]) -> None:
    """A list that no person wrote by hand is most likely a mistake."""
    rows = "".join(f'[[jobs.books.schedules]]\nid = "s{number}"\nevery = "1h"\n' for number in range(101))

    assert ["has 101 schedules; write at most 100" in line for line in problems(HEAD + rows)] == [True]

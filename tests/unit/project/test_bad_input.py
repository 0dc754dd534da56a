"""What people and machines do wrong to files: a table of it, by the numbers of the test plan.

Each row is one file (`{}` is a job that is fine but for what follows), and the words that its one problem must have.
Files that are no TOML, no files at all, plugins and parameters have rows of their own elsewhere as well.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from automation.project.lint import lint
from automation.project.source import LARGEST

NOW = datetime(2026, 11, 21, 13, 0, tzinfo=UTC)
JOB = '[jobs.books]\nplugin = "scrape"\nparams.start = "https://example.com/"\n'
CRON = JOB + "cron = "
LONG = "9" * 5000

ROWS = [
    ("B01", 'x = "\n', "a.toml:1:6: this is not TOML"),
    ("B01 no quotes", JOB + "cron = */5 * * * *", "a.toml:4:8: this is not TOML: Invalid value; text stands in quotes"),
    ("B02 key", JOB + 'plugin = "scrape"\n', "a.toml:4:18: this is not TOML: Cannot overwrite a value"),
    ("B02 table", JOB + JOB, "the table [jobs.books] stands here a second time; rename one"),
    ("B03 Latin-1", "# ñ".encode("latin-1"), "the file is not UTF-8: byte 0xf1 at offset 2"),
    ("B03 UTF-16", JOB.encode("utf-16"), "not UTF-8: byte 0xff at offset 0; it looks like UTF-16"),
    ("B05 NUL", b"x = '\0'\n", "a.toml:1:6: this is not TOML"),
    ("B05 control character in a name", JOB.replace("books", '"bo\\u0007oks"'), "U+0007"),
    ("B06 long number", f"x = {LONG}\n", "a number here has more than 4300 digits"),
    ("B06 deep", "x = " + "[" * 5000 + "]" * 5000, "nested too deeply"),
    ("B07", b"#" * (LARGEST + 1), "the file has 5.0 MB; at most 5.0 MB are read, so split it"),
    ("B08 empty", "", "no jobs in this file; write a [jobs.NAME]"),
    ("B08 comments", "# to do\n", "no jobs in this file; write a [jobs.NAME]"),
    ("B10", JOB + 'shcedules = "x"\n', "4:1: jobs.books.shcedules: unknown key 'shcedules'; did you mean 'schedules'?"),
    ("B10 of another program", JOB + "max_instances = 2\n", "unknown key 'max_instances'; did you mean 'max_running'?"),
    ("B10 of the job", JOB + '[[jobs.books.schedules]]\nid = "a"\nevery = "1h"\noverlap = "skip"', "unknown key 'overlap'; it belongs to the job"),
    ("B11 table", JOB + "[jbos.x]\n", "4:2: jbos: unknown key 'jbos'; did you mean 'jobs'?"),
    ("B11 plugin", JOB.replace("scrape", "scrap"), "2:10: jobs.books.plugin: there is no plugin 'scrap'; did you mean 'scrape'?"),
    ("B12 string for a number", JOB + 'priority = "9"', "jobs.books.priority: found '9'; write a whole number from 0 to 9"),
    ("B12 number for a flag", JOB + "enabled = 1", "jobs.books.enabled: found the number 1; write true or false"),
    ("B12 number for a duration", JOB + "timeout = 5", 'jobs.books.timeout: found the number 5; write a duration, such as "90s"'),
    ("B12 list for a string", JOB + "queue = ['a']", "jobs.books.queue: found a list; write a string"),
    ("B12 string for a list", JOB + "tags = 'a'", "jobs.books.tags: found 'a'; write a list of strings"),
    ("B12 number for a rule", JOB + "every = 30", 'jobs.books.every: found the number 30; write a duration, such as "90s"'),
    ("B12 list for a rule", CRON + '["@daily"]', "found a list; write a string; several rules are several [[jobs.NAME.schedules]]"),
    ("B12 fraction", JOB + "max_running = 1.5\n", "jobs.books.max_running: found the number 1.5; write a whole number"),
    ("B12 nan", JOB + "priority = nan", "jobs.books.priority: found a number out of all bounds; write a whole number"),
    ("B12 inf", JOB + "retry.factor = inf", "jobs.books.retry.factor: found a number out of all bounds; write a number from 1 to 100"),
    ("B13 timeout 0", JOB + 'timeout = "0s"', "jobs.books.timeout: found '0s'; write a duration from 100ms to 30d"),
    ("B13 timeout", JOB + 'timeout = "999999999999s"', "jobs.books.timeout: '999999999999s' is longer than 100 years"),
    ("B13 no place", JOB + "max_running = 0", "jobs.books.max_running: found the number 0; write a whole number from 1 to 1000"),
    ("B13 retries", JOB + "retry.max_attempts = -1", "jobs.books.retry.max_attempts: found the number -1; write a whole number from 1"),
    ("B13 priority", JOB + "priority = 1000000000000", "jobs.books.priority: found the number 1000000000000; write a whole number"),
    ("B14 5 min", JOB + 'timeout = "5 min"', "'5 min' is not a duration; write a number and a unit (ms, s, m, h, d, w)"),
    ("B14 ISO 8601", JOB + 'timeout = "PT5M"', "'PT5M' is not a duration"),
    ("B14 without a unit", JOB + 'timeout = "1h30"', "'1h30' is not a duration"),
    ("B14 words", JOB + 'timeout = "5 mins ago"', "'5 mins ago' is not a duration"),
    ("B14 exponent", JOB + 'timeout = "1e9s"', "'1e9s' is not a duration"),
    ("B15 plugin", "[jobs.books]\n", "1:1: jobs.books: missing 'plugin'; write plugin = \"scrape\""),
    ("B15 parameter", '[jobs.books]\nplugin = "scrape"\n', "missing 'start'; write start = "),
    ("B16 slash", JOB.replace("books", '"a/b"'), "U+002F (solidus)"),
    ("B16 dots", JOB.replace("books", '".."'), "begins with '.'"),
    ("B16 trailing space", JOB.replace("books", '"books "'), "U+0020 (space)"),
    ("B16 zero width", JOB.replace("books", '"bo\u200boks"'), "U+200B (zero width space)"),
    ("B16 decomposed", JOB.replace("books", '"cafe\u0301"'), "U+0301"),
    ("B16 emoji", JOB.replace("books", '"\U0001f980"'), "U+1F980"),
    ("B16 long", JOB.replace("books", "x" * 300), "has 300 characters"),
    ("B17 upstream", JOB + 'after = ["books"]', "4:10: jobs.books.after[0]: a job cannot follow itself; name another one"),
    ("B18 upstream that failed", JOB + 'after_any = ["x"]', "4:14: jobs.books.after_any[0]: there is no job 'x'"),
    ("B19 missing", JOB + 'queue = "${env:GONE}"', "${env:GONE}: the variable GONE is not set; set it, or write ${env:GONE:-default}"),
    ("B19 empty", JOB + 'queue = "${env:EMPTY}"', "${env:EMPTY}: the variable EMPTY is empty"),
    ("B19 line break", JOB + 'queue = "${env:LINES}"', "${env:LINES}: the value has a line break; keep it on one line"),
    ("B19 file", JOB + 'queue = "${file:gone}"', "gone"),
    ("B20 password", JOB + 'params.headers.password = "hunter2"', "params.headers.password: a password stands here in plain text; write \"${env:NAME}\""),
    ("B20 URL", JOB + 'params.database = "postgresql://u:hunter2@h/x"', "a password stands here in plain text"),
    ("B21", 'include = ["*.toml"]\n' + JOB, "1:1: include: unknown key 'include'; allowed are: calendars, defaults, jobs, tags"),
    ("B22 two rules", CRON + '"@daily"\nevery = "1h"', "5:1: jobs.books.every: a job has one of cron and every, not both; remove one"),
    ("B22 the past", JOB + "at = 2020-01-01T00:00:00Z", "warning: jobs.books: its last instant (2020-01-01T00:00:00Z) has passed"),
    ("B22 never", JOB + 'every = "1h"\nstart_at = 2027-01-02\nend_at = 2027-01-01', "end_at (2027-01-01T00:00:00Z) is not after start_at"),
    ("B22 policies", JOB + 'fixed_delay = "1h"\noverlap = "allow"', "jobs.books.overlap: means nothing beside fixed_delay"),
    ("B23 4 fields", CRON + '"0 7 * *"', "'0 7 * *' has 4 fields, and a cron has 5"),
    ("B23 6 fields", CRON + '"0 0 7 * * *"', "has 6 fields, and a cron has 5"),
    ("B24 step 0", CRON + '"*/0 * * * *"', "minute '*/0'"),
    ("B24 minute 60", CRON + '"60 * * * *"', "minute '60'"),
    ("B24 hour 25", CRON + '"0 25 * * *"', "hour '25'"),
    ("B24 negative", CRON + '"-1 * * * *"', "minute '-1'"),
    ("B24 fraction", CRON + '"1.5 * * * *"', "minute '1.5'"),
    ("B24 empty term", CRON + '"0,,5 * * * *"', "minute"),
    ("B24 empty", CRON + '""', "jobs.books.cron: is empty; write a rule such as"),
    ("B25 no such day", CRON + '"0 7 * * funday"', "day of week 'funday'"),
    ("B25 backwards", CRON + '"0 7 * * 5-3"', "day of week '5-3'"),
    ("B26 step beyond", CRON + '"*/90 * * * *"', "minute '*/90'"),
    ("B26 a year", CRON + '"0 0 1 1 * 2027"', "has 6 fields, and a cron has 5"),
    ("B26 W", CRON + '"0 0 15W * *"', "day of month '15w'"),
    ("B26 question mark", CRON + '"0 0 ? * mon"', "day of month '?': '?' is not known here; write '*' for any"),
    ("B26 reboot", CRON + '"@reboot"', "run_on_start"),
    ("B26 Arabic digits", CRON + '"٥ * * * *"', "minute '٥'"),
    ("B27 30 February", CRON + '"0 0 30 2 *"', "'0 0 30 2 *' never occurs: no month named has such a day"),
    ("B27 31 April", CRON + '"0 0 31 4,6 *"', "'0 0 31 4,6 *' never occurs"),
    ("B28", CRON + '"0 0 29 2 *"', "warning: jobs.books: does not fire before 2028-02-29, in more than 400 days"),
    ("B29", CRON + '"0 0 13 * fri"', "day_match"),
    ("B30 no such date", JOB + "at = 2026-02-30", "a.toml:4:6: this is not TOML"),
    ("B30 24:00", JOB + "at = 2027-01-01T24:00:00", "a.toml:4:"),
    ("B30 gap", JOB + 'timezone = "Europe/Berlin"\nat = 2027-03-28T02:30:00', "does not exist, so that it is 03:00; write the offset to choose"),
    ("B30 overlap", JOB + 'timezone = "Europe/Berlin"\nat = 2027-10-31T02:30:00', "comes twice, and the first one is meant, 2027-10-31T00:30:00Z"),
    ("B30 year 9999", JOB + "at = 9999-12-31T23:59:59Z", "write a year from 1970 to 9000"),
    ("B31 unknown", CRON + '"@daily"\ntimezone = "Europe/Madird"', "there is no time zone 'Europe/Madird'; did you mean 'Europe/Madrid'?"),
    ("B31 empty", CRON + '"@daily"\ntimezone = ""', "the time zone is empty; write an IANA name"),
    ("B31 a folder", CRON + '"@daily"\ntimezone = "Europe"', "there is no time zone 'Europe'"),
    ("B31 a path upward", CRON + '"@daily"\ntimezone = "../../etc/passwd"', "there is no time zone '../../etc/passwd'"),
    ("B31 a file", CRON + '"@daily"\ntimezone = "/etc/localtime"', "there is no time zone '/etc/localtime'"),
    ("B31 lower case", CRON + '"@daily"\ntimezone = "europe/madrid"', "did you mean 'Europe/Madrid'?"),
    ("B31 NUL", CRON + '"@daily"\ntimezone = "Europe\\u0000"', "there is no time zone 'Europe\\x00'"),
    ("B32 offset", CRON + '"@daily"\ntimezone = "UTC+2"', "time zone 'UTC+2' is an offset, which knows no summer time"),
    ("B32 CET", JOB + 'every = "1h"\ntimezone = "CET"', "warning: jobs.books.timezone: time zone 'CET' names a fixed rule and no place"),
    ("B32 EST5EDT", JOB + 'every = "1h"\ntimezone = "EST5EDT"', "warning: jobs.books.timezone: time zone 'EST5EDT'"),
    ("B34 interval 0", JOB + 'every = "0s"', "is too short; write at least 1s"),
    ("B34 a millisecond", JOB + 'every = "1ms"', "'1ms' is too short; write at least 1s"),
    ("B34 100 years", JOB + 'every = "36525d"', "does not fire before"),
    ("B34 negative jitter", JOB + 'every = "1h"\njitter = "-5s"', "jobs.books.jitter: '-5s' is not a duration"),
    ("B34 jitter beyond the interval", JOB + 'every = "1h"\njitter = "2h"', "its jitter of 2h is more than half of the 1h between its fires"),
]  # fmt: skip


@pytest.fixture
def told(load: Callable[..., Any]) -> Callable[..., list[str]]:
    """`told(text)`: what `automation check` says of this file."""
    environ = {"EMPTY": "", "LINES": "a\nb"}
    return lambda *given, **named: [
        str(problem) for problem in lint(load(*given, environ=environ, **named), NOW).problems
    ]


@pytest.mark.parametrize(("text", "said"), [pytest.param(*row, id=number) for number, *row in ROWS])
def test_mistake_is_told_in_words(told: Callable[..., list[str]], text: str | bytes, said: str) -> None:
    """What was found, what is allowed, and the nearest name; at its place, quickly, without a traceback."""
    lines = told(text)

    assert any(said in line for line in lines), lines
    assert all(line.startswith("schedules") for line in lines)


ACCEPTED = [
    ("B04", b"\xef\xbb\xbf" + JOB.encode()),
    ("B14 5m", JOB + 'timeout = "5m"'),
    ("B23 double spaces, tabs, space in front", CRON + '" 0  7\\t* * mon"'),
    ("B25 Sunday", CRON + '"0 7 * * 7"\n' + JOB.replace("books", "b") + 'cron = "0 7 * * SUN"'),
    ("B25 steps", CRON + '"0 7 * * mon-fri/2"'),
    ("B26 last day", CRON + '"0 7 L * *"'),
    ("B26 nth weekday", CRON + '"0 7 * * mon#1"'),
    ("B26 daily", CRON + '"@daily"'),
    ("B29 said", CRON + '"0 0 13 * fri"\nday_match = "and"'),
    ("B30 date", JOB + "at = 2027-02-01"),
]


@pytest.mark.parametrize("text", [pytest.param(text, id=number) for number, text in ACCEPTED])
def test_what_is_documented_is_accepted(told: Callable[..., list[str]], text: str | bytes) -> None:
    """Spellings that look odd, and mean one thing."""
    assert told(text) == []


@pytest.mark.parametrize("kind", ["folder", "fifo", "missing", "loop", "unreadable"], ids=lambda kind: f"B09 {kind}")
def test_thing_that_is_no_file_is_told(told: Callable[..., list[str]], tmp_path: Path, kind: str) -> None:
    """A FIFO is not waited for."""
    (tmp_path / "schedules").mkdir()
    path = tmp_path / "schedules" / "odd.toml"
    make = {
        "folder": path.mkdir,
        "fifo": lambda: os.mkfifo(path),
        "missing": lambda: path.symlink_to("gone.toml"),
        "loop": lambda: path.symlink_to("odd.toml"),
        "unreadable": lambda: (path.write_text(JOB), path.chmod(0)),
    }[kind]
    make()
    if kind == "unreadable" and os.access(path, os.R_OK):
        pytest.skip("who runs the tests may read every file")
    (line,) = told()

    assert line.startswith("schedules/odd.toml:1:1: ")


def test_name_in_two_files_is_told_in_both(told: Callable[..., list[str]]) -> None:
    """B16: also when the names differ only in case."""
    lines = told(JOB, files={"schedules/b.toml": JOB.replace("books", "Books")})

    assert ["schedules/b.toml:1" in lines[0], "schedules/a.toml:1" in lines[1]] == [True, True]


def test_secret_file_that_others_may_read_is_refused(told: Callable[..., list[str]], tmp_path: Path) -> None:
    """B19: without its value."""
    (tmp_path / "secret").write_text("hunter2")
    (tmp_path / "secret").chmod(0o644)
    (line,) = told(JOB + 'queue = "${file:secret}"')

    assert "secret" in line
    assert "hunter2" not in line


def test_zones_do_not_depend_on_the_machine() -> None:
    """B33: the zones of the package are used where the machine has none."""
    from importlib.metadata import requires
    from importlib.resources import files

    assert any(requirement.startswith("tzdata") for requirement in requires("automation") or ())
    assert files("tzdata.zoneinfo").joinpath("Europe", "Madrid").is_file()


@pytest.mark.parametrize("more", ["", 'jitter = "4h"\n'], ids=["B35", "B35 jitter"])
def test_crowd_of_jobs_is_accepted(told: Callable[..., list[str]], more: str) -> None:
    """All in one minute it is told; a jitter spreads them."""
    job = JOB + 'cron = "0 3 * * *"\n' + more
    lines = told("".join(job.replace("books", f"j{number}") for number in range(1500)))

    assert ["1,500 jobs fire in the same minute, 2026-11-22 03:00Z" in line for line in lines] == [True] * (not more)

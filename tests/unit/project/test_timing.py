"""What a schedule says beside its rule: what may be late or lost, overlap, jitter, earlier names."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from automation.project.model import Overlap, Timing
from automation.triggers.planning import Planned

HEAD = '[jobs.books]\nplugin = "scrape"\nparams.start = "https://example.com/"\n'
HOURLY = HEAD + 'every = "1h"\n'
LIST = HEAD + "[[jobs.books.schedules]]\nid = 'a'\nevery = '1h'\n"


def test_policies_of_a_job_are_read(load: Callable[..., Any]) -> None:
    """Those of its only schedule stand at the job."""
    text = """
catchup = "all"
catchup_window = "2d"
catchup_max = 5
misfire_grace = "5m"
start_deadline = "15m"
jitter = "10m"
jitter_mode = "stable"
max_fires = 3
overlap = "queue_all"
max_running = 2
max_queued = 7
overlap_key = "site {{ params.start }}"
pause_after_failures = 4
replaces = "old-books"
"""
    project = load(HOURLY + text)
    job = project.job("books")
    (schedule,) = job.schedules

    assert project.problems == ()
    assert schedule.timing == Timing("all", timedelta(days=2), 5, timedelta(minutes=5), timedelta(minutes=15))
    assert (schedule.planning.seed, schedule.planning.jitter, schedule.planning.jitter_mode) == (
        "books/main", timedelta(minutes=10), "stable",
    )  # fmt: skip
    assert (schedule.max_fires, schedule.replaces, job.replaces, job.pause_after_failures) == (3, None, "old-books", 4)
    assert job.overlap == Overlap("queue_all", 2, 7, "site {{ params.start }}")


def test_job_that_says_nothing_has_the_defaults_of_the_model(load: Callable[..., Any]) -> None:
    """What the documents promise is what the shapes say."""
    job = load(HOURLY).job("books")

    assert (job.overlap, job.schedules[0].timing, job.unite, job.pause_after_failures) == (
        Overlap(),
        Timing(),
        False,
        0,
    )
    assert job.schedules[0].planning.jitter == timedelta(0)


def test_schedule_wins_over_job_and_job_over_file_and_project(load: Callable[..., Any]) -> None:
    """Each key for itself comes from the nearest table that has it."""
    project = load(
        "[defaults]\njitter = '2m'\nmisfire_grace = '2m'\n" + LIST.replace("[[", "catchup = 'skip'\nmisfire_grace = '3m'\n[[", 1)
        + "catchup = 'all'\n[[jobs.books.schedules]]\nid = 'b'\nevery = '2h'\nreplaces = 'c'\n",
        files={"automation.toml": "[defaults]\njitter = '1m'\nstart_deadline = '1h'\noverlap = 'allow'\n"},
    )  # fmt: skip
    job = project.job("books")
    a, b = job.schedules

    assert project.problems == ()
    assert [one.timing.catchup for one in (a, b)] == ["all", "skip"]
    assert {one.timing.misfire_grace for one in (a, b)} == {timedelta(minutes=3)}
    assert {one.planning.jitter for one in (a, b)} == {timedelta(minutes=2)}
    assert {one.timing.start_deadline for one in (a, b)} == {timedelta(hours=1)}
    assert (job.overlap.mode, b.replaces, b.planning.seed) == ("allow", "c", "books/b")


def test_deadline_that_is_inherited_is_taken_back_with_none(load: Callable[..., Any]) -> None:
    """`"none"` is a value like any other."""
    project = load("[defaults]\nstart_deadline = '1h'\n" + HOURLY + "start_deadline = 'none'")

    assert project.job("books").schedules[0].timing.start_deadline is None


def test_instants_and_pauses_between_runs_are_rules_too(load: Callable[..., Any]) -> None:
    """`at` is one instant or several, on the clocks of the zone; `fixed_delay` counts from the end of a run."""
    text = HEAD + 'timezone = "Europe/Madrid"\nat = [2027-01-31T09:00:00, 2027-01-30, 2027-02-01T09:00:00Z]\n'
    other = HEAD.replace("books", "pulse") + 'fixed_delay = "30m"\n'
    project = load(text + other)

    assert project.problems == ()
    assert project.job("books").schedules[0].spec == {
        "at": ["2027-01-31T08:00:00+00:00", "2027-01-29T23:00:00+00:00", "2027-02-01T09:00:00+00:00"],
        "timezone": "Europe/Madrid",
    }
    assert project.job("pulse").schedules[0].trigger.from_end


@pytest.mark.parametrize(
    "rule", ["at = 2027-01-31T09:00:00Z", "fixed_delay = '1h'", "fixed_delay = '1h'\nstart_at = 2027-01-31"]
)
def test_inherited_jitter_does_not_move_instants_and_delays(load: Callable[..., Any], rule: str) -> None:
    """A written instant means itself, and what counts from an end is spread by nature."""
    project = load("[defaults]\njitter = '2m'\njitter_mode = 'stable'\n" + HEAD + rule)
    (schedule,) = project.job("books").schedules
    moment = datetime(2027, 1, 31, 9, tzinfo=UTC)

    assert project.problems == ()
    assert schedule.planning.jitter == timedelta(0)
    assert schedule.planned(moment) == Planned(moment)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("at = 2027-03-28T02:30:00", "5:6: warning: jobs.books.at: 2027-03-28 02:30 on the clocks of Europe/Berlin does not exist, so that it is 03:00"),
        ("at = [2027-10-31T02:30:00]", "5:7: warning: jobs.books.at[0]: 2027-10-31 02:30 on the clocks of Europe/Berlin comes twice, and the first one is meant, 2027-10-31T00:30:00Z"),
    ],
)  # fmt: skip
def test_instant_that_the_clocks_touch_is_told(problems: Callable[..., list[str]], line: str, said: str) -> None:
    """With an offset it is clear, and nothing is said."""
    (found,) = problems(HEAD + 'timezone = "Europe/Berlin"\n' + line)

    assert found.startswith(f"schedules/a.toml:{said}")
    assert problems(HEAD + 'timezone = "Europe/Berlin"\n' + line.replace("30:00", "30:00+02:00")) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HOURLY + 'catchup = "last"', "5:11: jobs.books.catchup: found 'last'; did you mean 'latest'? write one of: skip, latest, all"),
        (HOURLY + 'catchup = "all"\ncatchup_max = 0', "6:15: jobs.books.catchup_max: found the number 0; write a whole number from 1 to 1000"),
        (HOURLY + 'catchup_max = 3', "5:1: jobs.books.catchup_max: means nothing with catchup = \"latest\"; it goes with catchup = \"all\""),
        (HOURLY + 'catchup = "skip"\ncatchup_window = "1h"', "6:1: jobs.books.catchup_window: means nothing with catchup = \"skip\""),
        (HOURLY + 'catchup_window = "2y"', "5:18: jobs.books.catchup_window: '2y' is not a duration"),
        (HOURLY + 'misfire_grace = "30d"', "5:17: jobs.books.misfire_grace: found '30d'; write a duration from 0s to 7d"),
        (HOURLY + 'start_deadline = "never"', "5:18: jobs.books.start_deadline: 'never' is not a duration"),
        (HOURLY + 'start_deadline = 5', "5:18: jobs.books.start_deadline: found the number 5; write a duration, such as \"15m\", or \"none\""),
        (HOURLY + 'jitter = "-5s"', "5:10: jobs.books.jitter: '-5s' is not a duration"),
        (HOURLY + 'jitter_mode = "stable"', "5:1: jobs.books.jitter_mode: means nothing without jitter"),
        (HOURLY + 'max_fires = 0', "5:13: jobs.books.max_fires: found the number 0; write a whole number from 1"),
        (HEAD + 'max_fires = 5', "4:1: jobs.books.max_fires: there is no rule that it could belong to"),
        (HOURLY + 'overlap = "queue"', "5:11: jobs.books.overlap: found 'queue'; did you mean 'queue_one'?"),
        (HOURLY + 'max_queued = 5', "5:1: jobs.books.max_queued: means nothing with overlap = \"skip\"; it goes with overlap = \"queue_all\""),
        (HOURLY + 'overlap = "allow"\nmax_running = 2', "6:1: jobs.books.max_running: means nothing with overlap = \"allow\", which sets no limit"),
        (HOURLY + 'max_running = 0', "5:15: jobs.books.max_running: found the number 0; write a whole number from 1 to 1000"),
        (HOURLY + 'overlap_key = "{{ params.strat }}"', "5:15: jobs.books.overlap_key: 'scrape' has no parameter 'strat'; did you mean 'start'?"),
        (HOURLY + 'overlap_key = "{{ job }}"', "5:15: jobs.books.overlap_key: found '{{ job }}'; write 1 to 200 printable characters, with parameters as"),
        (HOURLY + 'pause_after_failures = -1', "5:24: jobs.books.pause_after_failures: found the number -1; write a whole number from 0"),
        (HOURLY + 'unite = true', "5:1: warning: jobs.books.unite: means nothing for a job with one schedule"),
        (HOURLY + 'replaces = "books"', "5:12: jobs.books.replaces: 'books' is the job's own name"),
        (HEAD + 'fixed_delay = "5m"\noverlap = "skip"', "5:1: jobs.books.overlap: means nothing beside fixed_delay: it counts from the end of the run before"),
        (HEAD + 'fixed_delay = "5m"\ncatchup = "all"', "5:1: jobs.books.catchup: means nothing beside fixed_delay"),
        (HEAD + 'fixed_delay = "0s"', "4:15: jobs.books.fixed_delay: '0s' is too short; write at least 1s"),
        (HEAD + 'at = "2027-01-01"', "4:6: jobs.books.at: found '2027-01-01'; write a date or a date and time without quotes"),
        (HEAD + 'at = []', "4:6: jobs.books.at: is empty; write an instant"),
        (HEAD + 'at = [2027-01-01, 5]', "4:19: jobs.books.at[1]: found the number 5; write a date"),
        (HEAD + 'at = [2027-01-01, 2027-01-01T00:00:00Z]', "4:6: jobs.books.at: at has 2027-01-01T00:00:00Z twice"),
        (HEAD + 'at = 2027-01-01\njitter = "5m"', "5:1: jobs.books.jitter: means nothing beside at, which names each instant"),
        (HEAD + 'at = 2027-01-01\njitter_mode = "stable"', "5:1: jobs.books.jitter_mode: means nothing beside at, which names each instant"),
        (HEAD + 'fixed_delay = "5m"\njitter = "5m"', "5:1: jobs.books.jitter: means nothing beside fixed_delay: it counts from the end of the run before"),
        (HEAD + 'fixed_delay = "5m"\njitter_mode = "stable"', "5:1: jobs.books.jitter_mode: means nothing beside fixed_delay"),
        (LIST.replace("every", "fixed_delay") + 'jitter = "5m"', "7:1: jobs.books.schedules[0].jitter: means nothing beside fixed_delay"),
        (LIST + 'overlap = "allow"', "7:1: jobs.books.schedules[0].overlap: unknown key 'overlap'"),
        (LIST + 'catchup_max = 4', "7:1: jobs.books.schedules[0].catchup_max: means nothing with catchup = \"latest\""),
        (LIST + 'replaces = "A"', "7:12: jobs.books.schedules[0].replaces: 'A' is still the id of a schedule of this job"),
        (LIST.replace("[[", "max_fires = 4\n[[", 1), "4:1: jobs.books.max_fires: a job has 'max_fires' or a list of schedules, not both"),
        ("[defaults]\noverlap = 'skip'\nmax_queued = 4\n", "3:1: defaults.max_queued: means nothing with overlap = \"skip\""),
        ("[defaults]\nunite = true\n", "2:1: defaults.unite: unknown key 'unite'; it belongs to a job"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_told(problems: Callable[..., list[str]], text: str, said: str) -> None:
    """A wrong value, and a key that means nothing beside the others."""
    lines = [line for line in problems(text) if "no file declares a job" not in line and "no jobs in" not in line]

    assert len(lines) == 1
    assert lines[0].startswith(f"schedules/a.toml:{said}")


@pytest.mark.parametrize(
    "text",
    [
        "[defaults]\nmax_queued = 4\ncatchup_max = 5\njitter_mode = 'stable'\n" + HOURLY,
        "[defaults]\noverlap = 'queue_all'\nmax_queued = 4\n" + HOURLY + "overlap = 'skip'\n",
        "[defaults]\noverlap = 'queue_all'\n" + HOURLY + "max_queued = 4\n",
        "[defaults]\noverlap = 'skip'\ncatchup = 'all'\njitter = '1m'\n" + HEAD + 'fixed_delay = "5m"\n',
        LIST.replace("[[", "catchup_max = 4\n[[", 1) + "catchup = 'all'\n",
        LIST + "[[jobs.books.schedules]]\nid = 'b'\nevery = '1h'\nreplaces = 'c'\n",
    ],
)
def test_key_that_means_something_for_others_is_not(problems: Callable[..., list[str]], text: str) -> None:
    """What a table inherits, or hands on, is judged where it takes effect."""
    assert problems(text) == []

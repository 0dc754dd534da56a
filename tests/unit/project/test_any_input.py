"""Whatever a file holds, loading it answers with problems and never raises."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from automation.project import keys
from automation.project.lint import lint

SCALARS = st.one_of(
    st.booleans().map(lambda flag: str(flag).lower()),
    st.integers().map(str),
    st.sampled_from(
        ["nan", "-inf", "1e400", "2026-01-01", "07:00:00", "0xffff", '"${env:X}"', '"0 7 * * mon"', '"5m"']
    ),
    st.text(alphabet="aZ09*/,-:${}@. é\u200b", max_size=12).map(lambda text: f'"{text}"'),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]"),
        st.dictionaries(st.sampled_from(["a", "css", *keys.RETRY]), inner, max_size=3).map(
            lambda table: "{" + ", ".join(f"{key} = {value}" for key, value in table.items()) + "}"
        ),
    ),
    max_leaves=6,
)
RULES = st.one_of(
    VALUES,
    st.sampled_from(
        [
            '"H H(0-7)/2 * * *"', '"* * * * * *"', '"@daily"', '"0 0 31 2 *"', '"1mo"', '"first"', '"and"', '"skip"', '"both"',
            '"Europe/Berlin"', '"DTSTART:20260105 RRULE:FREQ=DAILY"', '"DTSTART:20260105 RRULE:FREQ=WEEKLY;BYDAY=2MO"',
            "0001-01-01", "9999-12-31T23:59:59-12:00", "2027-03-28T02:30:00", '"main"', '"start"', '"a/b"',
        ]
    ),
)  # fmt: skip
NAMES = st.sampled_from([*keys.JOB, "jitter", "start", "strange"])
NOW = datetime(2026, 11, 21, tzinfo=UTC)
once = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)


@once
@given(st.dictionaries(NAMES, VALUES), st.dictionaries(NAMES, VALUES))
def test_any_values_give_a_job_and_its_problems(
    load: Callable[..., Any], job: dict[str, str], defaults: dict[str, str]
) -> None:
    """The job is there, disabled when it has an error; each problem has a line of the file."""
    lines = ["[defaults]", *(f"{key} = {value}" for key, value in defaults.items()), "[jobs.x]"]
    lines += [f"{key} = {value}" for key, value in job.items()]
    project = load("\n".join(lines))

    assert project.job("x").problem or not any(error.key.startswith("jobs.x") for error in project.errors)
    assert all(1 <= problem.line <= len(lines) and problem.column >= 1 for problem in project.problems)


@once
@given(
    st.lists(st.dictionaries(st.sampled_from(keys.SCHEDULE), RULES), max_size=3),
    st.dictionaries(st.sampled_from([*keys.SCHEDULE[1:]]), RULES, max_size=2),
)
def test_any_schedules_give_fires_or_problems(
    load: Callable[..., Any], schedules: list[dict[str, str]], short: dict[str, str]
) -> None:
    """A job without a problem has triggers that answer, also when the time to come is looked at; ids are unlike."""
    lines = [
        "[jobs.x]",
        'plugin = "scrape"',
        'params.start = "a"',
        *(f"{key} = {value}" for key, value in short.items()),
    ]
    for table in schedules:
        lines += ["[[jobs.x.schedules]]", *(f"{key} = {value}" for key, value in table.items())]
    job = lint(load("\n".join(lines)), NOW).job("x")
    fires = [schedule.trigger.next_after(NOW) for schedule in job.schedules]

    assert job.problem or len({schedule.id.casefold() for schedule in job.schedules}) == (len(schedules) or len(fires))
    assert all(fire is None or fire > NOW for fire in fires)


@once
@given(st.binary(max_size=60) | st.text(alphabet="[]={}\"'.,#\n\r\t abj01", max_size=60).map(str.encode))
@example(b"\xef\xbb\xbf\xef\xbb\xbf")
@example(b"\r")
@example(b"[jobs.x]\r\nplugin=1\r\n")
def test_any_bytes_give_an_answer(load: Callable[..., Any], content: bytes) -> None:
    """A file of anything is a project with problems, or one without a job."""
    project = load(content)

    assert project.problems or project.jobs

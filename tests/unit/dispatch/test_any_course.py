"""Any course of ticks, outages, deaths and late-comers: every fire is recorded once, and as many run as the policy says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from automation.dispatch.decide import decide
from automation.dispatch.situation import Situation
from automation.project.model import Overlap, Timing

START = datetime(2026, 3, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SHARED = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
TIMINGS = st.builds(
    Timing,
    catchup=st.sampled_from(["skip", "latest", "all"]),
    catchup_window=st.sampled_from([10 * MINUTE, 90 * MINUTE]),
    catchup_max=st.integers(1, 5),
    misfire_grace=st.sampled_from([timedelta(), MINUTE, 5 * MINUTE]),
)
PAUSES = st.sampled_from(
    [timedelta(milliseconds=5), timedelta(seconds=1), timedelta(seconds=59), 7 * MINUTE, 40 * MINUTE]
)
#: How long until the next tick, and what goes wrong in it.
COURSE = st.lists(st.tuples(PAUSES, st.sampled_from(["", "", "dies", "dies before", "late-comer"])), max_size=30)


class Ledger:
    """Rows by their id, and a cursor that only goes forward: what `record` does in one transaction."""

    def __init__(self):
        self.rows, self.cursor, self.decided_at = {}, START, {}

    def record(self, decided, now):
        for run in decided.runs:
            if run.id not in self.rows:
                self.rows[run.id], self.decided_at[run.nominal_time] = run, now
        self.cursor = max(self.cursor, decided.cursor)


def follow(job, course):
    """The ledger after a course; entries in Redis are moved on only when nothing went wrong before that."""
    ledger, now, schedule = Ledger(), START, job.schedules[0]
    entry, earlier = START, START
    for pause, wrong in [*course, (timedelta(seconds=1), "")]:
        now += pause
        if schedule.trigger.next_after(entry) > now:
            continue
        cursor = earlier if wrong == "late-comer" else ledger.cursor
        earlier = ledger.cursor
        decided = decide(job, schedule, now, Situation(cursor))
        if decided is not None and wrong != "dies before":
            ledger.record(decided, now)
        if not wrong:
            entry = ledger.cursor
    return ledger, now


@given(course=COURSE, timing=TIMINGS)
@SHARED
def test_each_nominal_time_is_recorded_once(job_of, course, timing):
    """In order, without a hole, whatever died when; under an id that a late-comer finds taken."""
    ledger, now = follow(job_of({"every": "1m"}, timing=timing, overlap=Overlap("allow")), course)
    nominals = [run.nominal_time for run in ledger.rows.values()]

    assert nominals == [START + n * MINUTE for n in range(1, len(nominals) + 1)]
    assert now - ledger.cursor < MINUTE


@given(course=COURSE, timing=TIMINGS)
@SHARED
def test_as_many_run_as_the_policy_says(job_of, course, timing):
    """Counted again from the moments at which each fire was decided."""
    course = [(pause, "" if wrong == "late-comer" else wrong) for pause, wrong in course]
    ledger, _ = follow(job_of({"every": "1m"}, timing=timing, overlap=Overlap("allow")), course)
    batches = {}
    for nominal, at in ledger.decided_at.items():
        batches.setdefault(at, []).append(nominal)
    ran = sum(expected(nominals, at, timing) for at, nominals in batches.items())

    assert sum(run.state == "queued" for run in ledger.rows.values()) == ran


def expected(nominals, at, timing):
    """How many of the fires that are decided at one moment run."""
    on_time = [one for one in nominals if at - one <= timing.misfire_grace]
    late = [one for one in nominals if timing.misfire_grace < at - one <= timing.catchup_window]
    if timing.catchup == "skip":
        return len(on_time)
    if timing.catchup == "latest":
        return len(on_time) or min(len(late), 1)
    return len(on_time) + min(len(late), timing.catchup_max)

"""Whatever dies when: the real scheduler, over a real ledger and a real Redis, loses no fire and repeats none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

START, MINUTE = datetime(2026, 3, 2, tzinfo=UTC), timedelta(minutes=1)
MOMENTS = st.integers(1, 115).map(lambda minute: START + minute * MINUTE)
SPANS = st.lists(st.tuples(MOMENTS, st.integers(1, 30)), max_size=2).map(
    lambda found: [(start, start + length * MINUTE) for start, length in found]
)


@given(down=SPANS, workers_down=SPANS, killed=st.lists(MOMENTS, max_size=2), catchup=st.sampled_from(["latest", "all"]))
@settings(max_examples=4, phases=[Phase.generate], suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_fire_has_one_row_and_every_run_one_end(time_machine, job, down, workers_down, killed, catchup):
    """Scheduler and workers go and come back as they like for two hours; then there is time to tidy up."""
    text = job('every = "10m"', catchup=f'"{catchup}"', overlap='"allow"')
    end = START + 156 * MINUTE
    happened = time_machine(text, START, end, down=down, workers_down=workers_down, killed=killed)
    rows = happened.of("books")

    assert [row.nominal_time for row in rows] == [START + n * 10 * MINUTE for n in range(1, 16)]
    assert {row.state for row in rows} <= {"succeeded", "missed"}
    assert catchup == "latest" or happened.states("books") == {"succeeded": 15}

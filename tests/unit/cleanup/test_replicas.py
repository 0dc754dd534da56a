"""How far a replica is behind, from where it is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from automation.cleanup.replicas import Trail

STEPS = st.lists(st.tuples(st.floats(0.01, 5), st.integers(0, 100)), min_size=1, max_size=30)


@given(STEPS, st.data())
def test_lag_is_the_time_since_the_primary_went_beyond(steps: list[tuple[float, int]], data: st.DataObject) -> None:
    """Exactly, as often as the primary was looked at; and nothing for a replica that has all of it."""
    trail, now, position, went = Trail(), 0.0, 0, []
    for pause, more in steps:
        now, position = now + pause, position + more
        trail.note(now, position)
        went.append((now, position))
    replica = data.draw(st.integers(0, position))

    lag = trail.lag(now, replica, 0.0)
    trail.forget(replica)

    beyond = [at for at, there in went if there > replica]
    assert lag == (now - beyond[0] if beyond else 0.0)
    assert trail.lag(now, replica, 0.0) == lag
    assert trail.lag(now, position, 1000.0) == 0
    assert not beyond or trail.lag(now, replica, 1000.0) == 1000

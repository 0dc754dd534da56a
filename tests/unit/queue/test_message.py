"""The message: who has the key can ring, and nobody else."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.queue.message import genuine, message_id, run_of_message, signature


@given(key=st.text(min_size=1), run_id=st.text())
def test_message_of_whoever_has_the_key_is_genuine(key: str, run_id: str) -> None:
    """Whatever key and id are made of."""
    try:
        key.encode(), run_id.encode()
    except UnicodeEncodeError:
        return
    assert genuine(key, run_id, signature(key, run_id))


def test_signature_is_known() -> None:
    """It does not change with a version of ours: messages outlive an upgrade."""
    assert signature("k" * 16, "r1") == "df8b83c782f5d1de82310d48d0fab7a01db5bb5de9593358f4325a3396d8f953"


@given(st.sampled_from(["other-key", "k" * 17, "K" * 16]), st.text("ab12", min_size=1))
def test_other_key_or_run_is_refused(key: str, run_id: str) -> None:
    """A signature is of one run under one key."""
    signed = signature("k" * 16, run_id)

    assert not genuine(key, run_id, signed)
    assert not genuine("k" * 16, run_id + "x", signed)
    assert not genuine("k" * 16, run_id, signed[:-1])
    assert not genuine("k" * 16, run_id, signed.upper() + "0")


@pytest.mark.parametrize("thing", [None, 1, b"x", [], {}, "", "é" * 64, "0" * 64, True])
def test_anything_else_is_not_genuine(thing: Any) -> None:
    """And raises nothing: it came from the network."""
    assert not genuine("k" * 16, "r1", thing)
    assert not genuine("k" * 16, thing, "0" * 64)


def test_each_message_of_a_run_has_an_id_of_its_own() -> None:
    """What Celery keeps of one that expired must not meet the next; the run can be read from either."""
    ids = {message_id("r1") for _ in range(20)}

    assert len(ids) == 20
    assert {run_of_message(one) for one in ids} == {"r1"}

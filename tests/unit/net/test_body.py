"""A body, piece by piece, on a clock of the test's own."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from automation.errors import JobFailed
from automation.net.body import Body
from automation.net.limits import Limits


def body(headers=None, **limits):
    return Body(httpx.Headers(headers or {}), Limits(**limits), "https://x.example/", 0.0)


def test_a_body_that_comes_too_slowly_is_given_up():
    """After ten seconds, a thousand bytes a second are expected; before, any pace is fine."""
    slow = body()
    for second in range(10):
        slow.feed(b"x", float(second))

    with pytest.raises(JobFailed, match="bytes a second") as caught:
        slow.feed(b"x", 11.0)
    assert caught.value.code == "too_slow"


def test_a_body_may_be_cut_where_that_is_asked_for():
    """Only the beginning is kept, and that is no failure."""
    some = body({"Content-Length": "5000"}, max_bytes=1000, cut=True)
    some.feed(b"x" * 3000, 0.0)

    assert some.full
    assert len(some.finish()) == 1000


def test_a_declared_length_above_the_limit_is_refused_before_reading():
    """Nothing of it needs to be read."""
    with pytest.raises(JobFailed, match=r"declares 2\.0 MB"):
        body({"Content-Length": "2000000"}, max_bytes=1_000_000)


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_a_bomb_takes_little_memory(coding):
    """300 MB packed into 300 kB cost no more than the limit and a few pieces."""
    packer = zlib.compressobj(9, wbits=31 if coding == "gzip" else 15)
    wire = b"".join(packer.compress(bytes(1_000_000)) for _ in range(300)) + packer.flush()
    bomb = body({"Content-Encoding": coding}, ratio=10**6)

    tracemalloc.start()
    with pytest.raises(JobFailed, match="max_bytes"):
        bomb.feed(wire, 0.0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 25_000_000


@given(st.binary(max_size=3000), st.integers(1, 500), st.sampled_from(["gzip", "deflate", "raw", "gzip, deflate", ""]))
@example(b"", 1, "raw")
@example(b"hello", 1, "raw")
def test_every_split_of_every_body_reads_back(content, step, coding):
    """It does not matter in which pieces a body arrives."""
    pack = {
        "gzip": gzip.compress, "deflate": zlib.compress, "raw": lambda data: zlib.compress(data)[2:-4],
        "gzip, deflate": lambda data: zlib.compress(gzip.compress(data)), "": bytes,
    }  # fmt: skip
    wire = pack[coding](content)
    whole = body({"Content-Encoding": coding.replace("raw", "deflate")})
    for start in range(0, len(wire), step):
        whole.feed(wire[start : start + step], 0.0)

    assert whole.finish() == content


@given(st.binary(min_size=1, max_size=500), st.data())
def test_no_cut_body_is_taken_for_a_whole_one(content, data):
    """Wherever a compressed body ends early, it is a failure."""
    wire = gzip.compress(content)
    part = body({"Content-Encoding": "gzip"})
    part.feed(wire[: data.draw(st.integers(1, len(wire) - 1))], 0.0)

    with pytest.raises(JobFailed, match="before its end"):
        part.finish()

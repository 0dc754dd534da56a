"""A body, piece by piece, on a clock of the test's own."""

from __future__ import annotations

import gzip
import zlib
from functools import partial

import brotli
import httpx
import psutil
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from automation.errors import JobFailed
from automation.net.body import Body
from automation.net.codings import zstandard
from automation.net.limits import Limits

PACK = {
    "gzip": gzip.compress, "deflate": zlib.compress, "raw": lambda data: zlib.compress(data)[2:-4],
    "gzip, deflate": lambda data: zlib.compress(gzip.compress(data)), "br": brotli.compress,
    "zstd": zstandard().compress, "br, zstd": lambda data: zstandard().compress(brotli.compress(data)), "": bytes,
}  # fmt: skip


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


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
def test_a_bomb_takes_little_memory(coding):
    """Sixty megabytes in a few kilobytes cost less than twice the limit, memory of the libraries included."""
    bomb = body({"Content-Encoding": coding}, ratio=10**6)
    pack = partial(brotli.compress, quality=3) if coding == "br" else PACK[coding]
    wire = pack(bytes(60_000_000))
    process = psutil.Process()
    seen = [process.memory_info().rss]

    def feed():
        for start in range(0, len(wire), 1024):
            bomb.feed(wire[start : start + 1024], 0.0)
            seen.append(process.memory_info().rss)

    with pytest.raises(JobFailed, match="max_bytes"):
        feed()

    assert max(seen) - seen[0] < 2 * Limits().max_bytes


@given(st.binary(max_size=3000), st.integers(1, 500), st.sampled_from([*PACK]))
@example(b"", 1, "raw")
@example(b"hello", 1, "raw")
def test_every_split_of_every_body_reads_back(content, step, coding):
    """It does not matter in which pieces a body arrives."""
    wire = PACK[coding](content)
    whole = body({"Content-Encoding": coding.replace("raw", "deflate")})
    for start in range(0, len(wire), step):
        whole.feed(wire[start : start + step], 0.0)

    assert whole.finish() == content


@given(st.binary(min_size=1, max_size=500), st.sampled_from(["gzip", "br", "zstd"]), st.data())
def test_no_cut_body_is_taken_for_a_whole_one(content, coding, data):
    """Wherever a compressed body ends early, it is a failure."""
    wire = PACK[coding](content)
    part = body({"Content-Encoding": coding})
    part.feed(wire[: data.draw(st.integers(1, len(wire) - 1))], 0.0)

    with pytest.raises(JobFailed, match="before its end"):
        part.finish()

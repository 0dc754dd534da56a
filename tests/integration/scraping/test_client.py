"""Each way out against a real server: limits, truncation, redirects, credentials, cookies. One table holds for all."""

from __future__ import annotations

import gzip
import subprocess
import sys
import threading
import zlib
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import brotli
import pytest

from automation.errors import FailureClass, JobFailed
from automation.net import Client, Limits
from automation.net.codings import zstandard

zstd = zstandard()

PAGE = b"<p>" + b"hello " * 2000 + b"</p>"


@pytest.fixture
def client(way):
    """A client of each kind that may reach loopback."""
    with way(allow_networks=["127.0.0.0/8"]) as client:
        yield client


def failure(client: Client, url: str, **options: object) -> JobFailed:
    with pytest.raises(JobFailed) as caught:
        client.get(url, **options).raise_for_status()
    return caught.value


@pytest.mark.parametrize(
    ("coding", "wire"),
    [
        ("gzip", gzip.compress(PAGE)),
        ("x-gzip", gzip.compress(PAGE)),
        ("gzip", gzip.compress(PAGE[:7]) + gzip.compress(PAGE[7:])),
        ("gzip", gzip.compress(PAGE) + b"\0\0\0"),
        ("deflate", zlib.compress(PAGE)),
        ("deflate", zlib.compress(PAGE)[2:-4]),
        ("gzip, gzip", gzip.compress(gzip.compress(PAGE))),
        ("br", brotli.compress(PAGE)),
        ("zstd", zstd.compress(PAGE)),
        ("zstd", zstd.compress(PAGE[:7]) + zstd.compress(PAGE[7:])),
        ("gzip, br", brotli.compress(gzip.compress(PAGE))),
        ("identity", PAGE),
        ("", PAGE),
    ],
)
def test_every_coding_we_ask_for_is_undone(site, client, coding, wire):
    """A body comes out as it went in, whatever coding the server chose of those we accept."""
    url = site.page("/", wire, headers={"Content-Encoding": coding})

    assert client.get(url).content == PAGE
    assert site.asked[0][2]["Accept-Encoding"] == "gzip, deflate, br, zstd"


@pytest.mark.parametrize("coding", ["compress", "dcb", "gzip, dcz", "gzip, gzip, gzip"])
def test_a_coding_nobody_asked_for_is_refused(site, client, coding):
    """Bytes that we cannot undo within limits are not parsed as if they were text."""
    error = failure(client, site.page("/", gzip.compress(PAGE), headers={"Content-Encoding": coding}))

    assert error.code == "encoding"
    assert "gzip, deflate" in str(error)


ZEROS = b"\0" * 50_000_000
BOMBS = {
    "gzip": gzip.compress(ZEROS, 1),
    "deflate": zlib.compress(ZEROS, 1),
    "br": brotli.compress(ZEROS, quality=2),
    "zstd": zstd.compress(ZEROS),
    "gzip, gzip": gzip.compress(gzip.compress(ZEROS, 1)),
    "zstd, br": brotli.compress(zstd.compress(ZEROS)),
}


@pytest.mark.parametrize("coding", BOMBS)
def test_a_compression_bomb_stops_early(site, client, coding):
    """A small body that becomes a huge one fails as too large, long before it is all in memory."""
    error = failure(client, site.page("/", BOMBS[coding], headers={"Content-Encoding": coding}))

    assert (error.code, error.failure_class) == ("too_large", FailureClass.DATA_INVALID)


_FETCHED = """
import resource, sys
sys.path.insert(0, sys.argv[1])
from tests.integration.scraping.conftest import WAYS
from automation.errors import JobFailed
from automation.net import Limits

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

limits = Limits(ratio=10**9)
with WAYS[sys.argv[2]](allow_networks=["127.0.0.0/8"], limits=limits) as client:
    for url in sys.argv[3:7]:
        client.get(url)
    before = peak()
    for url in sys.argv[7:]:
        try:
            client.get(url)
        except JobFailed as error:
            print(error.code, (peak() - before) / limits.max_bytes)
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["plugin", "few", "many"])
def test_bombs_of_all_codings_cost_less_than_twice_the_limit(site, kind):
    """The memory of a whole process, which fetches one of each after a page of each."""
    small = {"gzip": gzip.compress, "deflate": zlib.compress, "br": brotli.compress, "zstd": zstd.compress}
    urls = [site.page(f"/{name}", pack(PAGE), headers={"Content-Encoding": name}) for name, pack in small.items()]
    bombs = [site.page(f"/{name}-bomb", BOMBS[name], headers={"Content-Encoding": name}) for name in small]
    root = str(Path(__file__).parents[3])
    ended = subprocess.run(
        [sys.executable, "-c", _FETCHED, root, kind, *urls, *bombs], capture_output=True, text=True, check=True
    )

    told = [line.split() for line in ended.stdout.splitlines()]
    assert [code for code, _ in told] == ["too_large"] * 4
    assert max(float(grown) for _, grown in told) < 2


def test_a_body_above_the_limit_is_refused_with_and_without_length(site, client):
    """The limit holds whether the server declares the size or sends without end."""
    declared = site.page("/declared", b"x" * 2000)
    endless = site.raw("/endless", b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b"x" * 2000)

    for url in (declared, endless):
        assert failure(client, url, max_bytes=1000).code == "too_large"


@pytest.mark.parametrize(
    "wire",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n" + gzip.compress(PAGE)[:-12],
        b"HTTP/1.1 200 OK\r\nContent-Encoding: deflate\r\nConnection: close\r\n\r\n" + zlib.compress(PAGE)[:-9],
    ],
)
def test_a_cut_body_is_a_failure_and_never_a_page(site, client, wire):
    """Half a page is not a page."""
    error = failure(client, site.raw("/", wire))

    assert (error.code, error.failure_class) == ("truncated", FailureClass.TRANSPORT)


@pytest.mark.parametrize(
    "wire",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000 + b"\r\n\r\n",
        b"not http at all\r\n\r\n",
        b"",
    ],
)
def test_a_broken_answer_is_a_transport_failure(site, client, wire):
    """What breaks HTTP may work at the next try, and says so by its class."""
    error = failure(client, site.raw("/", wire))

    assert error.failure_class is FailureClass.TRANSPORT
    assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("status", "headers", "says"),
    [
        (302, {}, "answered 302: it does not say where to"),
        (300, {"Location": "/other"}, "answered 300: it leads to /other, in a way that is not followed"),
        (304, {}, "answered 304: it says that nothing has changed, which nobody asked"),
    ],
)
def test_an_answer_that_leads_nowhere_says_so(site, client, status, headers, says):
    """Neither a page nor a way to one."""
    assert says in str(failure(client, site.page("/", status=status, headers=headers)))


def test_a_drip_ends_at_the_deadline(site, client):
    """A server that sends a byte now and then cannot hold a request beyond its deadline."""
    over = threading.Event()

    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while not over.wait(0.05):
            handler.wfile.write(b"x")

    site.answers["/"] = drip
    error = failure(client, site.base + "/", timeout=0.5)
    over.set()

    assert (error.code, error.failure_class) == ("timeout", FailureClass.TRANSPORT)


def test_a_refused_connection_names_the_url(client):
    """Nobody listens: a transport failure, to be tried again."""
    error = failure(client, "http://127.0.0.1:9/page")

    assert (error.code, error.failure_class) == ("connect", FailureClass.TRANSPORT)
    assert "127.0.0.1:9/page" in str(error)


@pytest.mark.parametrize(
    ("status", "failure_class"),
    [
        (401, FailureClass.AUTH),
        (403, FailureClass.BLOCKED),
        (404, FailureClass.CONFIG),
        (418, FailureClass.CONFIG),
        (429, FailureClass.THROTTLED),
        (500, FailureClass.TRANSPORT),
        (503, FailureClass.TRANSPORT),
        (304, FailureClass.CONFIG),
    ],
)
def test_each_status_has_its_class_and_code(site, client, status, failure_class):
    """What a status means for retries is told by class and code."""
    error = failure(client, site.page("/", b"" if status == 304 else b"x", status=status))

    assert (error.code, error.failure_class) == (f"http:{status}", failure_class)


def test_redirects_are_followed_five_times_and_no_more(site, client):
    """Five hops are the limit; a loop ends there."""
    for number in range(6):
        site.page(f"/{number}", status=302, headers={"Location": f"/{number + 1}"})
    site.page("/6", b"end")

    assert client.get(site.base + "/1").text == "end"
    assert len(client.get(site.base + "/1").history) == 5
    assert failure(client, site.base + "/0").code == "redirects"


@pytest.mark.parametrize(
    ("status", "method", "body"),
    [(301, "GET", b""), (302, "GET", b""), (303, "GET", b""), (307, "POST", b"a=1"), (308, "POST", b"a=1")],
)
def test_a_post_is_repeated_only_where_the_status_says_so(site, client, status, method, body):
    """307 and 308 keep method and body; the others turn a POST into a GET."""
    site.page("/to", b"ok")
    client.post(site.page("/from", status=status, headers={"Location": "/to"}), data={"a": "1"})

    asked = site.asked[-1]
    assert (asked[0], asked[1], asked[3]) == (method, "/to", body)


def test_credentials_and_own_headers_stay_with_their_host(site, client):
    """Another name is another server: it gets neither password nor key nor cookie."""
    other = site.base.replace("127.0.0.1", "localhost")
    site.page("/to", b"ok")
    url = site.page("/from", status=302, headers={"Location": f"{other}/to"})
    client.get(url, auth=("me", "secret"), headers={"X-Api-Key": "k", "Cookie": "a=1", "Accept": "text/html"})

    first, last = site.asked[0][2], site.asked[-1][2]
    assert first["Authorization"].startswith("Basic ")
    assert first["X-Api-Key"] == "k"
    assert not {"Authorization", "X-Api-Key", "Cookie"} & set(last)
    assert last["Accept"] == "text/html"


@pytest.fixture
def bystander(site, client):
    """What a redirect must never reach: the same server by another name, recorded."""
    yield site
    assert [path for _, path, _, _ in site.asked if path != "/from"] == []


@pytest.mark.parametrize(
    "target",
    [
        "http://10.0.0.1/",
        "http://[::ffff:10.0.0.1]/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[fe80::1]/",
        "http://192.168.1.1:8080/",
        "http://100.64.0.1/",
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
        "//10.1.2.3/",
        "http://user:pw@127.0.0.1/",
        "http://0x0a000001/",
        "http://167772161/",
        "http://[::1]/",
        "javascript:alert(1)",
    ],
)
def test_a_redirect_inside_is_refused(bystander, client, target):
    """The guard looks at every hop, not only at the first URL."""
    url = bystander.page("/from", status=302, headers={"Location": target})

    error = failure(client, url)

    assert error.failure_class is FailureClass.CONFIG
    assert str(error).startswith(f"{url} ")


def test_cookies_are_kept_bounded_and_for_their_host(site, way):
    """A session works; a server cannot fill the jar or set cookies for others."""

    def many(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "0")
        handler.send_header("Set-Cookie", "evil=1; Domain=example.com")
        handler.send_header("Set-Cookie", "big=" + "x" * 5000)
        for number in range(100):
            handler.send_header("Set-Cookie", f"c{number}=1")
        handler.end_headers()

    site.answers["/"] = many
    with way(allow_networks=["127.0.0.0/8"], limits=Limits(cookies=20)) as client:
        client.get(site.base + "/")
        client.get(site.base + "/")

    cookies = site.asked[-1][2]["Cookie"].split("; ")
    assert len(cookies) == 20
    assert cookies[0] == "c0=1"


def test_localhost_is_reached_when_its_loopback_is_allowed(site, client):
    """`localhost` has an address in both protocols; allowing the one is enough."""
    url = site.page("/", b"ok").replace("127.0.0.1", "localhost")

    assert client.get(url).text == "ok"


def test_a_host_that_is_not_allowed_sees_no_connection(site, way):
    """Without allow_networks nothing on this machine is reached, and the message names the way out."""
    with way() as client:
        error = failure(client, site.page("/", b"secret"))

    assert error.failure_class is FailureClass.CONFIG
    assert 'allow_networks = ["127.0.0.1/32"]' in str(error)
    assert site.asked == []


def test_the_environments_proxy_is_not_used(site, client, monkeypatch):
    """A proxy variable would lead round the guard."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")

    assert client.get(site.page("/", b"ok")).text == "ok"

"""One look-up, and a connection to what it said."""

from __future__ import annotations

import asyncio
import socket

import anyio
import pytest

from automation.errors import JobFailed
from automation.net import Client, Fetcher

WAYS = ["plugin", "few", "many"]


@pytest.fixture
def resolver(monkeypatch):
    """`resolver(first, second, …)`: what the name is said to be at each look-up; the list of names asked."""
    asked = []

    def answer_with(*answers):
        left = iter(answers)

        def getaddrinfo(host, port, *_args, **_kwargs):
            asked.append(host)
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in next(left)]

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        return asked

    return answer_with


@pytest.fixture
def connected(monkeypatch):
    """The addresses that a connection was opened to; each is refused."""
    seen = []

    def refuse(address, *_args, **_kwargs):
        seen.append(address)
        raise ConnectionRefusedError(111, "refused")

    async def refuse_async(*, remote_host, remote_port, **_kwargs):
        refuse((remote_host, remote_port))

    async def refuse_socket(_loop, _socket, address):
        refuse(address)

    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(anyio, "connect_tcp", refuse_async)
    monkeypatch.setattr(asyncio.SelectorEventLoop, "sock_connect", refuse_socket)
    return seen


def get(kind, url):
    if kind == "plugin":
        with Client() as client:
            return client.get(url)

    async def fetch():
        async with Fetcher(connections=50 if kind == "many" else 1) as fetcher:
            return await fetcher.get(url)

    return asyncio.run(fetch())


@pytest.mark.parametrize("kind", WAYS)
def test_the_checked_address_is_the_one_connected_to(kind, resolver, connected):
    """A name that changes its mind between check and connection gains nothing: it is looked up once."""
    asked = resolver(["93.184.216.34"], ["127.0.0.1"])

    with pytest.raises(JobFailed, match="cannot be reached"):
        get(kind, "http://rebind.example/")

    assert connected == [("93.184.216.34", 80)]
    assert asked == ["rebind.example"]


@pytest.mark.parametrize("kind", WAYS)
@pytest.mark.parametrize("answer", [["127.0.0.1"], ["93.184.216.34", "10.0.0.1"], ["::1"], ["::ffff:10.0.0.1"], []])
def test_a_name_with_an_inner_address_is_not_connected_to(kind, answer, resolver, connected):
    """One inner address among several is enough to refuse the name."""
    resolver(answer)

    with pytest.raises(JobFailed):
        get(kind, "http://inside.example/")

    assert connected == []


@pytest.mark.parametrize("kind", WAYS)
def test_every_address_is_tried_before_giving_up(kind, resolver, connected):
    """A name with several servers survives one that is down."""
    resolver(["93.184.216.34", "1.1.1.1"])

    with pytest.raises(JobFailed):
        get(kind, "https://many.example/")

    assert list(dict.fromkeys(connected)) == [("93.184.216.34", 443), ("1.1.1.1", 443)]


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "[::1]", "localhost", "2130706433", "[::ffff:7f00:1]", "169.254.169.254", "0", "0x7f.1"]
)
@pytest.mark.parametrize("kind", WAYS)
def test_no_way_out_is_less_guarded(kind, host, connected):
    """What `ctx.http` may not reach, a crawl may not either."""
    with pytest.raises(JobFailed, match="not a public address"):
        get(kind, f"http://{host}/")

    assert connected == []


@pytest.mark.parametrize("host", ["1572395042", "0x5db8d822", "93.12113954", "0x5d.184.216.34"])
@pytest.mark.parametrize("kind", WAYS)
def test_a_public_address_in_a_hidden_form_is_refused(kind, host, connected):
    """Programs do not agree on what such a number means; who has a reason for it can write the address."""
    with pytest.raises(JobFailed, match=r"in a hidden form; write 93\.184\.216\.34"):
        get(kind, f"http://{host}/")

    assert connected == []

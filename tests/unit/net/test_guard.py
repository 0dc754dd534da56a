"""Which URLs and addresses the guard lets through."""

from __future__ import annotations

import asyncio
import inspect
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.errors import FailureClass, JobFailed
from automation.net import Client, Fetcher
from automation.net.guard import Guard, check_url, is_public

INSIDE = """
http://127.0.0.1/ http://127.1/ http://127.0.1/ http://2130706433/ http://0x7f000001/ http://0x7f.1/ http://0177.0.0.1/
http://017700000001/ http://0/ http://0.0.0.0/ http://00000000000/ http://127.127.127.127/ http://localhost/ http://LOCALHOST/
http://localhost./ http://[::1]/ http://[::]/ http://[0:0:0:0:0:0:0:1]/ http://[::ffff:127.0.0.1]/ http://[::ffff:7f00:1]/
http://[::127.0.0.1]/ http://[::ffff:0:127.0.0.1]/ http://[64:ff9b::127.0.0.1]/ http://[64:ff9b::a9fe:a9fe]/
http://[64:ff9b:1::7f00:1]/ http://[2002:7f00:1::]/ http://[2002:a9fe:a9fe::]/ http://[2002:0a00:0001::1]/
http://[2001:0:7f00:1::]/ http://[2001:0:4136:e378:8000:63bf:80ff:fffe]/ http://[fe80::1]/ http://[fe80::1%25lo]/
http://[fc00::1]/ http://[fd00:ec2::254]/ http://[ff02::1]/ http://[2001:db8::1]/ http://[100::1]/ http://[5f00::1]/
http://[3fff::1]/ http://[2606:4700::5efe:7f00:1]/ http://[2606:4700::200:5efe:a00:1]/ http://10.0.0.1/ http://10.255.255.255/
http://172.16.0.1/ http://172.31.255.255/ http://192.168.0.1/ http://192.168.1.1:80/ http://169.254.169.254/latest/meta-data/
http://2852039166/ http://0xa9fea9fe/ http://0251.0376.0251.0376/ http://100.64.0.1/ http://100.100.100.200/ http://192.0.0.192/
http://192.0.2.1/ http://192.88.99.1/ http://198.18.0.1/ http://198.51.100.1/ http://203.0.113.1/ http://224.0.0.1/
http://239.255.255.250/ http://240.0.0.1/ http://255.255.255.255/ http://0.1.2.3/ http://1.1.1.1:22/ http://1.1.1.1:6379/
https://1.1.1.1:8443/ http://①②⑦.⓪.⓪.①/ http://127。0。0。1/ http://user@127.0.0.1/ http://a:b@1.1.1.1/
http://1.1.1.1\\@127.0.0.1/ ftp://1.1.1.1/ file:///etc/passwd gopher://127.0.0.1:6379/_INFO
javascript:alert(1) data:text/html,x http:// http:///x https://?x //1.1.1.1/ 1.1.1.1 http://[::1 http://1.1.1.1:0/
http://1.1.1.1:65536/ http://1.1.1.1:abc/ dict://1.1.1.1/ ldap://1.1.1.1/ unix:///var/run/docker.sock
""".split()  # noqa: SIM905 - a list of them would hide them in quotes


@pytest.fixture
def opened(monkeypatch):
    """What a connection was asked for, on whatever way out; none is opened."""
    seen: list[object] = []

    def connect(*given, **_):
        seen.append(given)
        raise ConnectionRefusedError(111, "refused")

    async def connect_later(*given, **_):
        connect(*given)

    monkeypatch.setattr("socket.create_connection", connect)
    monkeypatch.setattr("anyio.connect_tcp", connect_later)
    monkeypatch.setattr("asyncio.SelectorEventLoop.sock_connect", connect_later)
    return seen


@pytest.mark.parametrize("proxy", [None, "http://1.1.1.1:3128"], ids=["straight", "proxy"])
@pytest.mark.parametrize("connections", [0, 1, 50], ids=["plugin", "few", "many"])
def test_no_form_of_an_inner_address_is_connected_to(connections, proxy, opened):
    """Whatever way an inner address or a foreign scheme is written, no way out opens a connection, nor asks a proxy."""

    async def crawl():
        async with Fetcher(connections=connections, proxy=proxy) as fetcher:
            return [await _refused(fetcher.get, url) for url in INSIDE]

    async def ask():
        with Client(proxy=proxy) as client:
            return [await _refused(client.get, url) for url in INSIDE]

    failures = asyncio.run(crawl() if connections else ask())

    assert {one.failure_class for one in failures} <= {FailureClass.CONFIG, FailureClass.TRANSPORT}
    assert opened == []


async def _refused(get, url):
    try:
        answer = get(url)
        await answer if inspect.isawaitable(answer) else None
    except JobFailed as failure:
        return failure
    raise AssertionError(f"{url} was answered")


def test_the_table_of_forms_is_long():
    """At least sixty forms are tried."""
    assert len(INSIDE) >= 60


@pytest.mark.parametrize(
    "text", ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "2a00:1450:4003::1", "2002:0101:0101::1"]
)
def test_public_addresses_are_public(text):
    """The guard does not stand in the way of the Internet."""
    assert is_public(ip_address(text))


@given(st.integers(0, 2**32 - 1))
def test_an_ipv4_address_is_judged_alike_in_every_ipv6_dress(number):
    """Mapped, compatible, NAT64 and 6to4 forms are what they lead to; a private one is never public."""
    inner = IPv4Address(number)
    public = is_public(inner)

    for prefix in ("::ffff:0:0", "64:ff9b::", "::ffff:0:0:0"):
        assert is_public(IPv6Address(int(IPv6Address(prefix)) + number)) == public
    assert is_public(IPv6Address((0x2002 << 112) + (number << 80))) == public
    if public:
        assert inner.is_global
        assert not inner.is_multicast


@given(st.ip_addresses(v=4, network="10.0.0.0/8") | st.ip_addresses(v=6, network="fc00::/7"))
def test_private_networks_are_never_public(address):
    """No address of a private network passes."""
    assert not is_public(address)


def test_one_inner_address_refuses_the_whole_name():
    """A name with a public and a private address is an attack; neither is used."""
    with pytest.raises(JobFailed, match=r"10\.0\.0\.1.*allow_networks") as caught:
        Guard().permit("both.example", 80, ["1.1.1.1", "10.0.0.1"])

    assert caught.value.failure_class is FailureClass.CONFIG


def test_an_allowed_network_lifts_address_and_port_for_itself_alone():
    """What is allowed is reached on any port; its neighbours are not."""
    guard = Guard.of(["10.1.0.0/16"])

    assert guard.permit("intranet", 8080, ["10.1.2.3"]) == ["10.1.2.3"]
    with pytest.raises(JobFailed, match="allow_networks"):
        guard.permit("intranet", 8080, ["10.2.0.1"])
    with pytest.raises(JobFailed, match=r"allow_ports = \[8080\]"):
        guard.permit("outside", 8080, ["1.1.1.1"])


def test_an_allowed_port_does_not_lift_the_address():
    """allow_ports speaks of public servers only."""
    guard = Guard.of(ports=[8080])

    assert guard.permit("outside", 8080, ["1.1.1.1"]) == ["1.1.1.1"]
    with pytest.raises(JobFailed, match="not a public address"):
        guard.permit("inside", 8080, ["127.0.0.1"])


def test_a_network_that_is_none_is_refused_with_an_example():
    """A slip in allow_networks is told at once."""
    with pytest.raises(ValueError, match=r"'10\.0\.0\.0/99' is not a network"):
        Guard.of(["10.0.0.0/99"])


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("example.com/page", "write https://example.com/page"),
        ("localhost:8000/page", "write https://localhost:8000/page"),
        ("a.example:pw@b.example/", "only http"),
        ("http://me:pw@example.com/", "auth"),
        ("http://exa mple.com/", "space"),
        ("http://example.com\\@127.0.0.1/", "backslash"),
        ("http://example.com/\n", "control character"),
        ("http://example.com/" + "x" * 9000, "9,019 characters"),
        ("http://example.com:0/", "port 0"),
    ],
)
def test_a_url_that_cannot_be_asked_for_says_why(url, says):
    """The message shows the way out, and never a password."""
    with pytest.raises(JobFailed) as caught:
        check_url(url)

    assert says in str(caught.value)
    assert "pw" not in str(caught.value)


def test_international_names_become_ascii():
    """A name in another script is asked for in its ASCII form."""
    assert check_url("https://bücher.example/Straße").raw_host == b"xn--bcher-kva.example"


def test_all_private_ranges_of_the_registry_are_covered():
    """Each special network, at its first and last address."""
    for text in (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "fc00::/7",
        "fe80::/10",
    ):
        network = ip_network(text)
        assert not is_public(network[0])
        assert not is_public(network[-1])

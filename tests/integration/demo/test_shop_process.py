"""The demonstration shop as a process of its own."""

import signal
import socket
import subprocess
import sys
import urllib.request

import pytest


@pytest.fixture
def start():
    children = []

    def run(port):
        command = [sys.executable, "-m", "automation.demo.shop", "--port", str(port)]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        children.append(child)
        return child

    yield run
    for child in children:
        child.kill()
        child.communicate()


def test_the_shop_says_where_it_is_and_leaves_when_told(start):
    """With port 0 it prints its address, serves there, and ends with 0 on SIGTERM."""
    shop = start(0)
    address = shop.stdout.readline().split()[-1]

    with urllib.request.urlopen(address, timeout=60) as page:
        assert b"The Corner Shelf" in page.read()
    shop.send_signal(signal.SIGTERM)

    assert shop.wait(60) == 0


def test_a_restarted_shop_keeps_its_port(start):
    """A port named on the command line is taken again at once after a kill."""
    first = start(0)
    address = first.stdout.readline().split()[-1]
    urllib.request.urlopen(address, timeout=60).close()
    first.kill()
    first.wait(60)

    again = start(address.rstrip("/").rpartition(":")[2])

    assert again.stdout.readline().split()[-1] == address


def test_a_taken_port_is_said_in_a_sentence(start):
    """A port that somebody else holds ends the shop with 3 and a way out."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        shop = start(other.getsockname()[1])
        _, complaint = shop.communicate(timeout=60)

    assert shop.returncode == 3
    assert "name another --port" in complaint

"""A mail merge through a real mail server: each of 59 customers gets one mail in their language, whatever dies on the way."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from automation.clock import SystemClock
from automation.services import build_services
from automation.sight import is_gone
from tests.integration.mail.exim import Exim

JOBS = """
[jobs.hello]
plugin = "email"
cron   = "0 7 1 1 *"

[jobs.hello.params]
to       = "{{ row.FirstName }} {{ row.LastName }} <{{ row.Email }}>"
subject  = "A word to {{ row.FirstName }}"
markdown = "Dear {{ row.FirstName }}, thank you for {{ row.total | money('USD') }}."
language = "{{ row.language }}"

[jobs.hello.params.languages.de]
subject  = "Ein Wort an {{ row.FirstName }}"
markdown = "Guten Tag {{ row.FirstName }}, danke für {{ row.total | money('USD') }}."

[jobs.hello.params.languages.fr]
subject  = "Un mot pour {{ row.FirstName }}"
markdown = "Bonjour {{ row.FirstName }}, merci pour {{ row.total | money('USD') }}."

[jobs.hello.params.for_query]
database = "chinook"
key      = "CustomerId"
sql      = '''
SELECT c.CustomerId, FirstName, LastName, Email, SUM(Total) AS total,
  CASE WHEN Country IN ('Germany', 'Austria') THEN 'de' WHEN Country IN ('France', 'Belgium') THEN 'fr' ELSE 'en' END AS language
FROM Customer c JOIN Invoice i USING (CustomerId) GROUP BY c.CustomerId
'''
"""
OPENING = {"de": "Guten Tag", "fr": "Bonjour", "en": "Dear"}
OPEN = {"queued", "taken", "sending", "temporary"}


@pytest.fixture
def customers(needs: Callable[[str], Any]) -> dict[str, str]:
    """The opening that each address is to read, from SQL of the test's own."""
    path = needs("shared-data") / "chinook.sqlite"
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
        rows = connection.execute("SELECT Email, Country, FirstName FROM Customer").fetchall()
    spoken = {"Germany": "de", "Austria": "de", "France": "fr", "Belgium": "fr"}
    return {email: f"{OPENING[spoken.get(country, 'en')]} {name}" for email, country, name in rows}


@pytest.fixture
def exim(needs: Callable[[str], Any], customers: dict[str, str]) -> Iterator[Exim]:
    """A mail server with a mailbox for each customer, not yet started."""
    server = Exim(needs("exim4"), customers)
    yield server
    server.close()


class Office:
    """A project whose mails go through the server, and the processes that send them."""

    def __init__(self, folder: Path, database: Path, port: int) -> None:
        self.folder = folder
        (folder / "schedules").mkdir()
        (folder / "schedules" / "jobs.toml").write_text(JOBS)
        (folder / "automation.toml").write_text(
            f'[databases.chinook]\nurl = "sqlite:///{database}"\n[mail.default]\nconnections = 2\nrate = "60/s"\n'
        )
        url = f"smtp://127.0.0.1:{port}?tls=none&timeout=20s&from=shop@example.com"
        self.environ = {**os.environ, "AUTOMATION_SMTP_URL": url}
        self.services = build_services(folder, clock=SystemClock(), environ={"AUTOMATION_SMTP_URL": url})

    def begin(self, *words: str, output: Any = subprocess.PIPE) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "automation", "-C", str(self.folder), *words]
        return subprocess.Popen(command, env=self.environ, stdout=output, stderr=subprocess.STDOUT)

    def run(self, *words: str) -> str:
        process = self.begin(*words)
        said, _ = process.communicate(timeout=120)
        assert process.returncode == 0, said.decode()
        return said.decode()

    def states(self) -> list[str]:
        return [str(mail.state) for mail in self.services.ledger.outbox.list(limit=1000)]


@pytest.fixture
def office(tmp_path: Path, exim: Exim, needs: Callable[[str], Any]) -> Iterator[Office]:
    """The project."""
    made = Office(tmp_path, needs("shared-data") / "chinook.sqlite", exim.port)
    yield made
    made.services.close()


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.01)


@pytest.mark.slow
def test_each_customer_gets_one_mail_whoever_dies(office: Office, exim: Exim, customers: dict[str, str]) -> None:
    """The sender is killed three times and the server twice, in the middle of it; a doubt is decided by looking."""
    office.run("run", "hello", "--here")
    assert set(office.states()) == {"queued"}, "nobody listens yet, and no mail has lost a try"

    for number, victim in enumerate(("sender", "server", "sender", "server", "sender"), start=1):
        _strike(office, exim, victim, number * 8)
    assert "sent" in office.states()
    exim.start()
    _send_all(office)
    _arrived(office, exim, customers)


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_each_customer_gets_one_mail_when_workers_die(office: Office, exim: Exim, customers: dict[str, str]) -> None:
    """The worker's process that sends is killed three times and the server twice; `up` goes on each time."""
    exim.start()
    office.run("db", "upgrade")
    command = f"{sys.executable} -m automation -C {office.folder}"
    (office.folder / "Procfile").write_text(f"scheduler: {command} scheduler\nworker: {command} worker\n")
    with (office.folder / "up.log").open("wb") as log:
        up = office.begin("up", output=log)
        try:
            office.run("run", "hello")
            for number, victim in enumerate(("worker", "server", "worker", "server", "worker"), start=1):
                until(lambda least=number * 8: exim.taken >= least)  # type: ignore[misc]
                if victim == "server":
                    exim.kill()
                    exim.start()
                else:
                    os.kill(_who_sends(office), signal.SIGKILL)
            until(lambda: _none_waits(office))
        finally:
            up.send_signal(signal.SIGTERM)
            up.wait(120)
    _arrived(office, exim, customers)


def _who_sends(office: Office) -> int:
    """The process that has taken mails; its mark ends with its number and its start."""
    alive: list[str] = []

    def found() -> bool:
        taken = office.services.ledger.outbox.list(states=["taken"], limit=1000)
        alive[:] = [mail.holder for mail in taken if mail.holder and not is_gone(mail.holder)]
        return bool(alive) or _none_waits(office)

    until(found)
    assert alive, "all were sent before the last strike"
    return int(alive[0].split()[-2])


def _none_waits(office: Office) -> bool:
    """Whoever was refused while the server died is due a minute later, unless somebody says now."""
    waiting = [str(mail.id) for mail in office.services.ledger.outbox.list(states=["temporary"], limit=1000)]
    if waiting:
        office.run("outbox", "retry", *waiting)
    return not set(office.states()) & OPEN


def _arrived(office: Office, exim: Exim, customers: dict[str, str]) -> None:
    """Each has one mail, in their language; doubts are decided by looking."""
    exim.flush()
    _decide_doubts(office, exim)
    exim.flush()
    assert set(office.states()) <= {"sent", "cancelled"}
    boxes = {address: exim.mailbox(address) for address in customers}
    assert {address: len(box) for address, box in boxes.items()} == dict.fromkeys(customers, 1)
    for address, opening in customers.items():
        assert boxes[address][0].get_body(("plain",)).get_content().startswith(opening), address
        assert boxes[address][0]["From"] == "shop@example.com"


def _strike(office: Office, exim: Exim, victim: str, when: int) -> None:
    """Kill one of the two once the server has taken so many mails in all."""
    exim.start()
    sender = office.begin("outbox", "send")
    until(lambda: exim.taken >= when or sender.poll() is not None)
    if victim == "server":
        exim.kill()
    else:
        sender.send_signal(signal.SIGKILL)
    sender.communicate(timeout=120)
    exim.kill()


def _send_all(office: Office) -> None:
    """Until no mail waits; one that was refused while its server died is due a minute later, unless somebody says now."""
    while set(office.states()) & OPEN:
        office.run("outbox", "send")
        waiting = [str(mail.id) for mail in office.services.ledger.outbox.list(states=["temporary"], limit=1000)]
        if waiting:
            office.run("outbox", "retry", *waiting)


def _decide_doubts(office: Office, exim: Exim) -> None:
    """As a person does: look into the mailbox for the Message-ID."""
    for mail in office.services.ledger.outbox.list(states=["in_doubt"], limit=1000):
        if any(found["Message-ID"] == mail.message_id for found in exim.mailbox(mail.recipient)):
            office.run("outbox", "cancel", str(mail.id), "--reason", "it arrived")
        else:
            office.run("outbox", "retry", "--yes", str(mail.id))
    _send_all(office)

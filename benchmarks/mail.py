"""Mails a second through the outbox, beside smtplib alone, to one server in one run.

    .venv/bin/python benchmarks/mail.py [--mails 1000] [--rounds 3] [--sink minimal|aiosmtpd]

Ours records the mails, claims, sends and settles each durably; smtplib sends bytes that are there already. Each figure is
the median of the rounds, in which the parties take turns.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import smtplib
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from automation.ledger.mail_tables import outbox
from automation.ledger.states import MailState
from automation.mail import Attachment, compose
from automation.runner.deliver import deliver
from automation.services import Services, build_services

MOMENT = datetime(2026, 11, 2, 7, tzinfo=UTC)


def message() -> bytes:
    """A mail of 10 KB with text, HTML and a file."""
    rows = "".join(f"<tr><td>{number}</td><td>{number * 3.5:.2f}</td></tr>" for number in range(100))
    made = compose(
        to=["ann@example.com"],
        subject="Figures",
        key="1",
        moment=MOMENT,
        html=f"<h1>Figures</h1><table>{rows}</table>",
        sender="us@example.com",
        attachments=[Attachment("figures.csv", b"1,2,3\n" * 400, "text/csv")],
    )
    return made.as_bytes()


def serve(kind: str, told: Connection) -> None:
    """A server in a process of its own; says its port."""
    if kind == "aiosmtpd":
        from aiosmtpd.smtp import SMTP

        class Handler:
            async def handle_DATA(self, *_: Any) -> str:  # noqa: N802 - aiosmtpd's name
                return "250 ok"

        def factory() -> Any:
            return SMTP(Handler(), hostname="localhost")
    else:
        factory = Sink
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(loop.create_server(factory, "127.0.0.1", 0))
    told.send(server.sockets[0].getsockname()[1])
    loop.run_forever()


class Sink(asyncio.Protocol):
    """As little of SMTP as a client needs."""

    def connection_made(self, transport: Any) -> None:
        self.transport, self.buffer, self.in_text = transport, b"", False
        transport.write(b"220 hi\r\n")

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while True:
            end = b"\r\n.\r\n" if self.in_text else b"\r\n"
            head, found, rest = self.buffer.partition(end)
            if not found:
                return
            self.buffer = rest
            word = head[:4].upper()
            if self.in_text:
                self.in_text = False
                self.transport.write(b"250 ok\r\n")
            elif word == b"EHLO":
                self.transport.write(b"250-hi\r\n250-PIPELINING\r\n250 8BITMIME\r\n")
            elif word == b"DATA":
                self.in_text = True
                self.transport.write(b"354 go\r\n")
            elif word == b"QUIT":
                self.transport.write(b"221 bye\r\n")
                self.transport.close()
                return
            else:
                self.transport.write(b"250 ok\r\n")


def each_alone(port: int, raw: bytes, number: int) -> None:
    """smtplib with a connection for each mail."""
    for _ in range(number):
        with smtplib.SMTP("127.0.0.1", port) as session:
            session.sendmail("us@example.com", ["ann@example.com"], raw)


def one_session(port: int, raw: bytes, number: int) -> None:
    """smtplib with one connection for all."""
    with smtplib.SMTP("127.0.0.1", port) as session:
        for _ in range(number):
            session.sendmail("us@example.com", ["ann@example.com"], raw)


def through_the_outbox(connections: int) -> Callable[[int, bytes, int], None]:
    """Ours: recorded, and sent by the product's own delivery."""

    def send(port: int, raw: bytes, number: int) -> None:
        with tempfile.TemporaryDirectory() as name:
            (Path(name) / "automation.toml").write_text(f"[mail.default]\nconnections = {connections}\n")
            environ = {"AUTOMATION_SMTP_URL": f"smtp://127.0.0.1:{port}?tls=none", "AUTOMATION_LOG_LEVEL": "error"}
            services = build_services(Path(name), environ=environ)
            services.upgraded_ledger()
            began = time.perf_counter()
            record(services, raw, number)
            settled = deliver(services, seconds=600)
            send.seconds = time.perf_counter() - began  # type: ignore[attr-defined]
            assert settled == number, settled
            assert {mail.state for mail in services.ledger.outbox.list(limit=number)} == {MailState.SENT}
            services.close()

    return send


def record(services: Services, raw: bytes, number: int) -> None:
    """The rows, as a run's verdict writes them."""
    now = services.clock.now()
    rows = [
        {
            "scope": "benchmark", "message_key": str(key), "recipient": "ann@example.com", "run_id": "r", "job": "mail",
            "sender": "us@example.com", "subject": "Figures", "message_id": "<1@x>", "message": raw,
            "state": MailState.QUEUED, "tries": 0, "created_at": now, "due_at": now,
        }
        for key in range(number)
    ]  # fmt: skip
    with services.ledger.engine.begin() as connection:
        connection.execute(outbox.insert(), rows)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--mails", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sink", choices=("minimal", "aiosmtpd"), default="aiosmtpd")
    chosen = parser.parse_args()
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(chosen.sink, there), daemon=True)
    process.start()
    port, raw = here.recv(), message()
    parties = {
        "smtplib, a connection each": each_alone,
        "smtplib, one connection": one_session,
        "outbox, 1 connection": through_the_outbox(1),
        "outbox, 4 connections": through_the_outbox(4),
    }
    speeds: dict[str, list[float]] = {name: [] for name in parties}
    for _ in range(chosen.rounds):
        for name, send in parties.items():
            began = time.perf_counter()
            send(port, raw, chosen.mails)
            seconds = getattr(send, "seconds", time.perf_counter() - began)
            speeds[name].append(chosen.mails / seconds)
    process.terminate()
    base = statistics.median(speeds["smtplib, a connection each"])
    print(f"{len(raw):,} bytes a mail, {chosen.mails:,} mails, {chosen.rounds} rounds, sink {chosen.sink}")
    for name, found in speeds.items():
        middle = statistics.median(found)
        print(f"{name:28} {middle:7.0f} mails/s  {middle / base:5.2f}x   ({min(found):.0f} to {max(found):.0f})")


if __name__ == "__main__":
    main()

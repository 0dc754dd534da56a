"""A program that asks for many runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from automation import enqueue
from automation.queue.counter import COUNTER
from automation.services import build_services


def test_program_that_asks_often_opens_one_connection(broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of its runs has a message, and the broker has seen it come once."""
    root = broker.settings.project
    for name, text in {
        "schedules/a.toml": '[jobs.hand]\nplugin = "work"\n',
        "jobs/work.py": "from automation import Context, plugin\n@plugin\ndef work(ctx: Context) -> None:\n    pass\n",
    }.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text)
    services = build_services(root)
    services.upgraded_ledger()
    client = broker.start()
    try:
        enqueue("hand", project=root)
        before = client.info("stats")["total_connections_received"]
        for _ in range(5):
            enqueue("hand", project=root)

        assert client.info("stats")["total_connections_received"] == before
        assert services.ledger.leases.unpublished() == []
        assert sum(client.llen(key) for key in client.scan_iter("automation.default*")) == 6
    finally:
        COUNTER.close()
        client.close()
        services.close()

"""A client of the HTTP API, for programs that have no ledger at hand.

Owns: addresses, tokens, retrying what may be asked twice, and turning problems into our errors.
Never: knows a project, a ledger or a broker.

    from automation.client import Client

    with Client("https://automation.example.com", token="atm_…") as automation:
        run = automation.enqueue("nightly-import", {"days": 7}, idempotency_key="import-2026-03-02")
        print(automation.wait(run["id"])["state"])
"""

from automation.client.client import Client

__all__ = ["Client"]

"""The broker: the one that is given, or a real server of our own in the data folder.

Owns: URLs for Celery and RedBeat, the embedded server and its recovery, the secret key beside it.
Never: knows Celery, messages or runs: the ledger is the truth, the broker carries hints.
"""

from automation.broker.endpoints import Endpoints, endpoints, ping, wait_ready
from automation.broker.key import secret_key

__all__ = ["Endpoints", "endpoints", "ping", "secret_key", "wait_ready"]

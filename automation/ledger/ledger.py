"""The ledger of one process: all its parts over one engine.

Owns: putting them together.
Never: has a query of its own.
"""

from __future__ import annotations

import sqlalchemy as sa

from automation.clock import Clock
from automation.ledger.admission import Admission
from automation.ledger.audit import Audit
from automation.ledger.breakers import Breakers
from automation.ledger.crowds import Crowds
from automation.ledger.dead import Dead
from automation.ledger.digests import Digests
from automation.ledger.figures import Figures
from automation.ledger.flow_queries import FlowQueries
from automation.ledger.keep import Keep
from automation.ledger.leases import Leases
from automation.ledger.mail_servers import MailServers
from automation.ledger.memory import Memory
from automation.ledger.occurrences import Occurrences
from automation.ledger.outbox import Outbox
from automation.ledger.pauses import Pauses
from automation.ledger.people import People
from automation.ledger.pings import Pings
from automation.ledger.plans import Plans
from automation.ledger.processes import Processes
from automation.ledger.queries import Queries
from automation.ledger.retention import RemoveFiles, Sweep
from automation.ledger.runs import Runs
from automation.ledger.sending import Sending
from automation.ledger.stalled import Stalled
from automation.ledger.tokens import Tokens


class Ledger:
    """What happened, and the only writer of it."""

    def __init__(self, engine: sa.Engine, clock: Clock) -> None:
        self.engine, self._clock = engine, clock
        self.occurrences = Occurrences(engine, clock)
        self.runs = Runs(engine, clock)
        self.admission = Admission(engine, clock)
        self.leases = Leases(engine, clock)
        self.dead = Dead(engine, clock)
        self.breakers = Breakers(engine, clock)
        self.crowds = Crowds(engine, clock)
        self.memory = Memory(engine, clock)
        self.outbox = Outbox(engine, clock)
        self.digests = Digests(engine, clock)
        self.sending = Sending(engine, clock)
        self.mail_servers = MailServers(engine, clock)
        self.pauses = Pauses(engine, clock)
        self.plans = Plans(engine, clock)
        self.pings = Pings(engine, clock)
        self.processes = Processes(engine, clock)
        self.people = People(engine, clock)
        self.tokens = Tokens(engine, clock)
        self.audit = Audit(engine, clock)
        self.queries = Queries(engine)
        self.flows = FlowQueries(engine)
        self.figures = Figures(engine)
        self.stalled = Stalled(engine, clock)

    def sweep(self, keep: Keep, remove: RemoveFiles, *, dry: bool = False) -> Sweep:
        """One walk of retention over all of it, not begun yet: see `Sweep`."""
        return Sweep(self.engine, self._clock, keep, remove, dry=dry)

    def close(self) -> None:
        """Give back every connection."""
        self.engine.dispose()

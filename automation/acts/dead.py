"""Dead letters: which are meant, how fast they come back, and whom to ring for then.

Owns: refusing what is too much to be meant by chance.
Never: brings one back itself; admission and the ledger do.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from automation.acts.many import MANY
from automation.errors import InvalidInput, Refused
from automation.ledger.dead import Wanted
from automation.ledger.ledger import Ledger
from automation.ledger.limit import Rate
from automation.ledger.rows import Waiting
from automation.text import count


def meant(
    ledger: Ledger, run_ids: Sequence[str], wanted: Wanted, *, everything: bool, most: int | None, yes: bool
) -> list[str]:
    """The ids of the runs that are meant. Raises InvalidInput, and Refused when they are too many to be meant by chance."""
    if sum((bool(run_ids), wanted != Wanted(), everything)) != 1:
        raise InvalidInput(
            "Say which: RUN…, or any of --job, --tag, --class and --since, or --all; see: automation dead list"
        )
    if run_ids:
        return [ledger.queries.run(run_id).id for run_id in run_ids][:most]
    ids = ledger.dead.ids(wanted, most)
    if most is None and len(ids) > MANY and not yes:
        raise Refused(
            f"{count(len(ids), 'dead letter')} are meant; say --yes for all of them, or take some: --max {MANY}"
        )
    return ids


def wait_between(rate: str | None) -> timedelta:
    """The wait between two runs that come back: `30/m` is two seconds, None is none. Raises InvalidInput."""
    if rate is None:
        return timedelta()
    try:
        wanted = Rate.parse(rate)
    except ValueError as error:
        raise InvalidInput(f"--rate: {error}") from None
    return wanted.span / wanted.count


def due_of(ledger: Ledger, back: Sequence[str]) -> list[Waiting]:
    """Those of the runs that came back that may begin now.

    Others than these may wait for the same places; whoever rings for all does so in their order.
    """
    ours = set(back)
    return [one for one in ledger.leases.unpublished() if one.id in ours]

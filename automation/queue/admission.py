"""Whether one more run may be asked for: its unique key is free, and its queue is not too deep.

Owns: the words of both refusals.
Never: records a run.
"""

from __future__ import annotations

from automation.errors import Refused
from automation.ledger.rows import NewRun
from automation.ledger.unique_key import REJECT, REPLACE_WAITING, Holder
from automation.services import Services
from automation.text import count


def holder_of(services: Services, run: NewRun) -> Holder | None:
    """Who holds the run's unique key now; None where it has none, or nobody does."""
    return None if run.unique is None else services.ledger.admission.holder(run.job, run.unique.key)


def lets_in(run: NewRun, holder: Holder) -> bool:
    """Whether the run is recorded beside the holder of its key, or in its place; False: the holder is to be returned.

    Raises Refused where the job says so.
    """
    assert run.unique is not None, "only a unique key has a holder"
    if run.unique.on_conflict == REJECT:
        way = (
            f"wait for it, or cancel it with `automation cancel {holder.run_id}`" if holder.open else "wait until then"
        )
        raise Refused(f"Job '{run.job}' takes one run at a time for the same unique_key: {holder.words}; {way}")
    return run.unique.on_conflict == REPLACE_WAITING


def check_depth(services: Services, queue: str, more: int = 1) -> None:
    """Raise Refused when so many more runs would be too many for the queue."""
    known = services.queues.get(queue)
    if known is None or known.max_waiting is None:
        return
    waiting = services.ledger.admission.waiting(queue)
    if waiting + more > known.max_waiting:
        found = f"has {count(waiting, 'waiting run')}, and max_waiting = {known.max_waiting}"
        raise Refused(
            f"Queue '{queue}' {found}: no room for {count(more, 'more')}; wait, start more workers of this queue, or "
            f"raise max_waiting under [queues.{queue}] in automation.toml"
        )

"""Whether one more run may be asked for, or brought back: its unique key is free, and its queue is not too deep.

Owns: the words of both refusals.
Never: decides what the ledger records.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

from automation.errors import Refused
from automation.ledger.rows import NewRun
from automation.ledger.states import State
from automation.ledger.unique_key import REJECT, REPLACE_WAITING, Holder
from automation.project.order import unique_of
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
        raise Refused(
            f"Job '{run.job}' takes one run at a time for the same unique_key: {holder.words}; {_way(holder)}"
        )
    return run.unique.on_conflict == REPLACE_WAITING


def _way(holder: Holder) -> str:
    return f"wait for it, or cancel it with `automation cancel {holder.run_id}`" if holder.open else "wait until then"


def admit_batch(services: Services, new: Sequence[NewRun], max_parallel: int) -> None:
    """Record the runs of a backfill. Raises Refused where its queue is too deep, or its unique key says no."""
    unique, job = new[-1].unique, new[-1].job
    if unique is not None and max_parallel > 1:
        raise Refused(
            f"Job '{job}' has a unique_key, by which its runs are the same work and are done one at a time; "
            "leave out --max-parallel"
        )
    check_depth(services, new[-1].queue, len(new))
    holder = services.ledger.admission.admit_batch(new)
    if holder is not None:
        raise Refused(
            f"Job '{job}' takes one run at a time for the same unique_key: {holder.words}; {_way(holder)}, and fill then"
        )


def bring_back(
    services: Services, run_ids: Sequence[str], author: str, every: timedelta = timedelta()
) -> tuple[list[str], dict[str, Holder]]:
    """Put dead runs back into their queues; returns which, and who holds the unique key of those that stay dead for it.

    Raises Refused, with nothing done, where a queue is too deep for all of them.
    """
    dead = [run for run in services.ledger.queries.several(run_ids).values() if run.state == State.DEAD]
    for queue, more in sorted(Counter(run.queue for run in dead).items()):
        check_depth(services, queue, more)
    now, keys = services.clock.now(), {}
    for run in dead:
        job = services.project.jobs.get(run.job)
        unique = None if job is None else unique_of(job, run.spec.get("params", {}), now)
        if unique is not None:
            keys[run.id] = (run.job, unique)
    back = services.ledger.dead.replay(run_ids, author, every, keys)
    stayed = {run_id: one for run_id, one in keys.items() if run_id not in set(back)}
    found = {run_id: services.ledger.admission.holder(job, unique.key) for run_id, (job, unique) in stayed.items()}
    return back, {run_id: holder for run_id, holder in found.items() if holder is not None}


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

"""What the buttons of pages do, and the sentence that is told of it.

Owns: those sentences, and the order: record first, then ring.
Never: knows a form or a browser; decides what may be done.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from automation.acts.backfill import past_fires_of, record_batch
from automation.acts.dead import due_of, meant, wait_between
from automation.acts.mails import cancel as cancel_mail
from automation.acts.mails import retry as retry_mails
from automation.acts.pauses import meant as pause_means
from automation.acts.runs import cancel as cancel_runs
from automation.errors import InvalidInput
from automation.ledger.dead import Wanted
from automation.ledger.rows import Waiting
from automation.ledger.states import Kind
from automation.project.targets import Target
from automation.queue.admission import bring_back
from automation.queue.asking import to_ring
from automation.queue.counter import COUNTER
from automation.queue.enqueue import Request, record
from automation.text import count, parse_duration, printable
from automation.web.site import Site
from automation.web.views.ask import params_of, wish_of
from automation.web.words import moment

_MANY = 500


@dataclass(frozen=True)
class Told:
    """What was done, in a sentence.

    Parameters
    ----------
    action, target: for the audit trail; "" leaves the action that the address has.
    address: where to go; "" is where the form was.
    """

    text: str
    good: bool = True
    action: str = ""
    target: str = ""
    address: str = ""


class Deeds:
    """Does what the forms of a site ask for."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def _ring(self, waiting: Sequence[Waiting]) -> None:
        """Ring for recorded runs; those that the broker does not take go out when it is back."""
        COUNTER.ring(self._site.services, waiting)

    def start(self, job: str, given: Mapping[str, str]) -> Told:
        """Run a job with what was filled in. Raises UnknownName, InvalidInput, Refused."""
        declared = self._site.job(job)
        request = Request(
            declared.name,
            params_of(self._site, declared, given),
            Kind.MANUAL,
            moment(given.get("nominal", ""), "nominal time"),
            given.get("key", "").strip() or None,
            dry_run="dry" in given,
            overlap="allow" if "overlap" in given else "job",
            only="only" in given,
        )
        return self._record(request)

    def _record(self, request: Request) -> Told:
        run, new = record(self._site.services, request)
        if new:
            self._ring([to_ring(run)])
        text = (
            f"Run {run.id[:8]} of {run.job} is {run.state}"
            if new
            else f"Run {run.id[:8]} was asked for before; nothing new is started"
        )
        return Told(text, action="job.run", target=f"{run.job} {run.id}", address=f"/runs/{run.id}")

    def backfill(self, job: str, given: Mapping[str, str]) -> Told:
        """Record the runs of a span. Raises UnknownName, InvalidInput, Refused."""
        services, wish = self._site.services, wish_of(job, given)
        fires = [fire for fire in past_fires_of(services, wish) if fire.settled is None]
        new = record_batch(services, wish, fires)
        if not new:
            return Told(
                "Nothing to run in that span",
                action="job.backfill",
                target=job,
                address=f"/jobs/{quote(job, safe='')}/backfill",
            )
        self._ring([Waiting(run.id, run.queue, run.priority) for run in new[: wish.max_parallel]])
        return Told(
            f"{count(len(new), 'run')} recorded as backfill {new[0].batch}",
            action="job.backfill",
            target=f"{job} {new[0].batch}",
            address=f"/runs?q=batch:{new[0].batch}",
        )

    def jobs(self, what: str, names: Sequence[str], given: Mapping[str, str], who: str) -> Told:
        """Run, pause or resume jobs. Raises UnknownName, InvalidInput, Refused."""
        if not names or len(names) > _MANY:
            raise InvalidInput(f"Select 1 to {_MANY} jobs")
        shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
        if what == "run":
            told = [self._record(Request(name, {}, overlap="job")) for name in names]
            return (
                told[0]
                if len(told) == 1
                else Told(f"{count(len(told), 'run')} of {shown}", action="job.run", target=shown)
            )
        if what == "pause":
            return self._pause(names, shown, given, who)
        if what == "resume":
            ended = [one for name in names for one in self._site.ledger.pauses.end("job", name, who)]
            text = f"Resumed: {shown}" if ended else f"No pause of {shown} alone; a tag or everything may be paused"
            return Told(text, good=bool(ended), action="resume", target=shown)
        raise InvalidInput(f"There is no '{printable(what, 40)}' to do with jobs")

    def _pause(self, names: Sequence[str], shown: str, given: Mapping[str, str], who: str) -> Told:
        reason = given.get("reason", "").strip()
        if not reason:
            raise InvalidInput("Say why, for those who wonder later: fill in the reason")
        until = self._until(given.get("until", "").strip())
        for name in names:
            target = Target("job", name)
            pause_means(self._site.project(), self._site.ledger, target)
            self._site.ledger.pauses.pause(target.level, target.name, reason, who, until)
        return Told(f"Paused: {shown}. What falls due is recorded as skipped", action="pause", target=shown)

    def _until(self, text: str) -> datetime | None:
        """When a pause ends: a span from now, or a moment."""
        if not text:
            return None
        now = self._site.clock.now()
        try:
            end: datetime | None = now + parse_duration(text)
        except ValueError:
            end = moment(text, "until")
        if end is None or end <= now:
            raise InvalidInput("That end has passed; give a span such as 2h, or a moment to come")
        return end

    def run(self, what: str, run_id: str, who: str) -> Told:
        """Bring back, cancel, repeat or render again a run. Raises UnknownName, InvalidInput, Refused."""
        run = self._site.ledger.queries.run(run_id)
        if what == "retry":
            return self._bring_back([run.id], who, None)
        if what == "cancel":
            ((now, fate),) = cancel_runs(self._site.ledger, [run])
            text = f"Run {run.id[:8]} {fate or f'has ended before: {now.state}'}"
            return Told(text, good=fate is not None, action="run.cancel", target=run.id)
        if what == "again":
            params = dict(run.spec.get("params") or {})
            return self._record(Request(run.job, params, nominal_time=run.nominal_time, overlap="job"))
        if what == "render":
            return self._record(Request(run.job, {"data_of": run.id}, overlap="job"))
        raise InvalidInput(f"There is no '{printable(what, 40)}' to do with a run")

    def dead(self, what: str, ids: Sequence[str], given: Mapping[str, str], who: str) -> Told:
        """Bring back dead letters, or lay them aside. Raises InvalidInput, Refused."""
        ledger = self._site.ledger
        if what == "retry-all":
            wanted = Wanted(given.get("job") or None, None, given.get("class") or None)
            ids = meant(ledger, (), wanted, everything=wanted == Wanted(), most=None, yes=True)
            rate = given.get("rate", "").strip()
            return self._bring_back(ids, who, f"{rate}/m" if rate else None)
        if not ids:
            raise InvalidInput("Select some dead letters first")
        if what == "retry":
            return self._bring_back(ids, who, None)
        if what == "discard":
            reason = given.get("reason", "").strip()
            if not reason:
                raise InvalidInput("Say why they are laid aside, for those who wonder later: fill in the reason")
            gone = ledger.dead.discard(ids, reason, who)
            return Told(f"{count(len(gone), 'dead letter')} laid aside", bool(gone), "run.discard", " ".join(gone[:5]))
        raise InvalidInput(f"There is no '{printable(what, 40)}' to do with dead letters")

    def _bring_back(self, ids: Sequence[str], who: str, rate: str | None) -> Told:
        back, held = bring_back(self._site.services, ids, who, wait_between(rate))
        if due := due_of(self._site.ledger, back):
            self._ring(due)
        stay = f"; {len(held)} stay dead, for another run with their key is open" if held else ""
        text = f"{count(len(back), 'run')} queued again{stay}" if back else f"Nothing was brought back{stay}"
        return Told(text, bool(back), "run.retry", " ".join(back[:5]))

    def outbox(self, what: str, ids: Sequence[str], who: str) -> Told:
        """Send mails again, or never. Raises UnknownName, InvalidInput, Refused."""
        if not ids or not all(one.isascii() and one.isdecimal() for one in ids):
            raise InvalidInput("Select some mails first")
        mails, target = [int(one) for one in ids], " ".join(ids[:10])
        if what == "retry":
            retry_mails(self._site.ledger, mails, yes=True)
            return Told(f"{count(len(mails), 'mail')} will be sent again", True, "mail.retry", target)
        if what == "cancel":
            for one in mails:
                cancel_mail(self._site.ledger, one, who)
            return Told(f"{count(len(mails), 'mail')} will never be sent", True, "mail.cancel", target)
        raise InvalidInput(f"There is no '{printable(what, 40)}' to do with mails")

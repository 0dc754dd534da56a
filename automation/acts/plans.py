"""The plans of clean-ups: how one is told, and which may be approved.

Owns: that object, and refusing a plan that is old or would be refused.
Never: makes a plan; a dry run of the job does.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from automation.errors import Refused
from automation.ledger.ledger import Ledger
from automation.ledger.plans import PlanRow
from automation.text import count, local_time

_FRESH = timedelta(days=7)


def chosen(ledger: Ledger, job: str, digest: str | None, now: datetime) -> PlanRow:
    """The plan that is meant: the newest, or that of this digest. Raises Refused."""
    found = [one for one in ledger.plans.newest(job) if digest is None or one.digest.startswith(digest)]
    if not found:
        what = f"no plan {digest}" if digest else "no plan"
        raise Refused(f"Job '{job}' has {what}; make one and look at it: automation run {job} --dry-run")
    one = found[0]
    if now - one.made_at > _FRESH:
        raise Refused(
            f"The plan {one.digest} was made {local_time(one.made_at)}, more than a week ago; make a new one and look "
            f"at it: automation run {job} --dry-run"
        )
    refusals = [sentence for part in parts(one) for sentence in part.get("refusals", ())]
    if refusals:
        raise Refused(f"The plan {one.digest} would be refused: {'; '.join(refusals)}")
    return one


def parts(one: PlanRow) -> list[dict[str, Any]]:
    """What each rule of a plan would do."""
    parts: list[dict[str, Any]] = one.plan.get("rules") or [one.plan]
    return parts


def described(part: dict[str, Any]) -> str:
    """What one rule would do, in words."""
    place = f"'{part['table']}'" if part.get("table") else f"folder {part.get('folder')}"
    unit = "row" if part.get("table") else "file"
    text = f"{count(part['matched'], unit)} of {place}"
    if part.get("total"):
        text += f", {part['percent']:g} % of {part['total']:,}"
    if part.get("oldest"):
        text += f"; {part['oldest']} to {part['newest']}"
    if going := [one["name"] for one in part.get("partitions", ())]:
        text += f"; {part['action']} {count(len(going), 'partition')}: {', '.join(going)}"
    if ahead := [one["name"] for one in part.get("ahead", ())]:
        text += f"; make {', '.join(ahead)}"
    return text


def plan_row(one: PlanRow) -> dict[str, Any]:
    """A plan as it is told."""
    return {
        "job": one.job,
        "plan": one.digest,
        "made": local_time(one.made_at),
        "made_at": one.made_at,
        "would_go": "; ".join(described(part) for part in parts(one)),
        "approved": f"{local_time(one.approved_at)} by {one.approved_by}" if one.approved_at else "",
        "run": one.run_id,
    }

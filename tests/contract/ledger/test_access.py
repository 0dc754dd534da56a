"""Users, sessions, tokens, the audit trail and pages of runs, on every database."""

from __future__ import annotations

from datetime import timedelta

import pytest

from automation.errors import Refused, UnknownName
from automation.ledger.audit import forget
from automation.ledger.roles import Role
from automation.ledger.run_pages import Sought, run_page


def test_a_user_and_a_session(desk):
    """Names are single, a session ends with its user's role, and the door is closed while there is a user."""
    people = desk.ledger.people
    assert people.guarded() is False
    people.add("ann", Role.VIEWER, "digest")
    with pytest.raises(Refused, match="'ann' already"):
        people.add("ann", Role.ADMIN, None)
    assert people.guarded() is True

    people.begin("ann", "a" * 64, "10.0.0.1", timedelta(hours=1))
    assert people.signed_in("a" * 64).name == "ann"
    people.begin("ann", "b" * 64, "10.0.0.1", timedelta(hours=1), instead_of="a" * 64)
    assert people.signed_in("a" * 64) is None
    people.change("ann", role=Role.OPERATOR)
    assert people.signed_in("b" * 64) is None
    people.begin("ann", "c" * 64, "10.0.0.1", timedelta(hours=1))
    desk.clock.advance(hours=1)
    assert people.signed_in("c" * 64) is None
    assert people.remove("ann") == 0
    with pytest.raises(UnknownName):
        people.remove("ann")


def test_a_token_is_known_by_its_text_alone(desk):
    """Until it is revoked or has run out; its scopes and jobs come back as they were given."""
    text, row = desk.ledger.tokens.add("ci", "ann", Role.VIEWER, scopes=["run.*"], jobs=["books"])
    found = desk.ledger.tokens.check(text)

    assert (found.id, list(found.scopes), list(found.jobs)) == (row.id, ["run.*"], ["books"])
    assert [desk.ledger.tokens.check(wrong) for wrong in (text + "x", "", "atm_", text.replace("atm", "xyz"))] == [
        None
    ] * 4
    desk.ledger.tokens.revoke(row.id)
    assert desk.ledger.tokens.check(text) is None


def test_the_trail_is_read_backwards_and_forgotten_in_the_end(desk):
    """Page by page, cut to what fits, and only what is old goes."""
    audit = desk.ledger.audit
    for number in range(3):
        audit.record("pause", "x" * 1000, who="ann\n", via="cli", address="here", details={"number": number})
        desk.clock.advance(days=1)
    newest, second = audit.list(limit=2)

    assert (newest.details, len(newest.target), newest.who) == ({"number": 2}, 320, "ann\\n")
    assert [line.details["number"] for line in audit.list(before=second.id)] == [0]
    with desk.ledger.engine.begin() as connection:
        assert forget(connection, newest.at) == 2
    assert audit.list() == [newest]


def test_pages_of_runs_hold_each_run_once(desk):
    """Also where many were asked for at the same moment, with a state and without."""
    made = {desk.queued() for _ in range(7)}
    for sought in (Sought(), Sought(state="queued"), Sought(job=desk.ledger.queries.run(next(iter(made))).job)):
        seen, below = [], None
        while True:
            found, below = run_page(desk.ledger.engine, sought, 3, below)
            seen += [run.id for run in found]
            if below is None:
                break
        assert sorted(seen) == sorted(made)

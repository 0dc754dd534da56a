"""The page of users and tokens: who gives access by its forms, and what the trail keeps of it."""

from __future__ import annotations

import pytest
from bs4 import BeautifulSoup

from automation.ledger.roles import Role

PASSWORD = "correct horse battery"


@pytest.fixture
def send(client):
    """Fill in a form of the page and send it, as nobody in particular or with a token."""

    def post(address, token="", **values):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        page = BeautifulSoup(client.get("/access", headers=headers).text, "lxml")
        found = page.select_one(f'form[action="{address}"] input[name=csrf]')
        assert found is not None, f"the page has no form for {address}"
        return client.post(address, headers=headers, data={"csrf": found["value"], **values})

    return post


def trail(ledger):
    return [(line.action, line.target, line.status) for line in reversed(ledger.audit.list())]


def test_the_first_user_is_an_admin_and_closes_the_door(send, client, ledger):
    """With another role nobody could go on; from then on everybody signs in, and the trail has both."""
    refused = send("/access/users", name="ann", role="viewer", password=PASSWORD, again=PASSWORD)
    assert (refused.status_code, ledger.people.all()) == (303, [])
    assert "new-label" not in client.get("/access").text

    send("/access/users", name="Ann", role="admin", password=PASSWORD, again=PASSWORD)

    assert [(one.name, one.role) for one in ledger.people.all()] == [("ann", Role.ADMIN)]
    assert client.get("/access", headers={"Accept": "text/html"}).headers["location"] == "/login?next=/access"
    assert trail(ledger) == [("user.add", "", 303), ("user.add", "ann", 303)]
    assert PASSWORD not in str([line.details for line in ledger.audit.list()])


def test_users_are_changed_and_removed(send, ledger):
    """The last admin stays; two passwords that differ, or a short one, change nothing."""
    ledger.people.add("ann", Role.ADMIN, None)
    ledger.people.add("bob", Role.VIEWER, None)
    token = ledger.tokens.add("all", "ann", Role.ADMIN)[0]

    send("/access/users/ann/change", token, role="viewer")
    send("/access/users/ann/remove", token)
    send("/access/users/bob/change", token, role="operator")
    send("/access/users/bob/change", token, password=PASSWORD, again="another one than that")
    send("/access/users/bob/change", token, password="short", again="short")
    assert [(one.name, one.role, one.password) for one in ledger.people.all()] == [
        ("ann", Role.ADMIN, None),
        ("bob", Role.OPERATOR, None),
    ]
    send("/access/users/bob/remove", token)
    assert [one.name for one in ledger.people.all()] == ["ann"]
    assert trail(ledger)[-1] == ("user.remove", "bob", 303)


def test_a_token_is_shown_once_and_revoked(send, client, ledger):
    """It works with what it is limited to, is on no page afterwards, and in no line of the trail."""
    ledger.people.add("ann", Role.ADMIN, None)
    token = ledger.tokens.add("all", "ann", Role.ADMIN)[0]
    made = send("/access/tokens", token, label="ci", role="viewer", scopes="jobs.*", expires="7d")
    text = BeautifulSoup(made.text, "lxml").select_one(".told pre").text
    row = next(one for one in ledger.tokens.all() if one.label == "ci")

    assert (made.status_code, made.headers["cache-control"], made.cookies) == (201, "no-store", {})
    assert client.get("/api/v1/jobs", headers={"Authorization": f"Bearer {text}"}).status_code == 200
    assert client.get("/api/v1/runs", headers={"Authorization": f"Bearer {text}"}).status_code == 403
    assert text not in client.get("/access", headers={"Authorization": f"Bearer {token}"}).text
    assert text not in str(ledger.audit.list())

    send(f"/access/tokens/{row.id}/revoke", token)
    assert client.get("/api/v1/jobs", headers={"Authorization": f"Bearer {text}"}).status_code == 401
    assert trail(ledger) == [("token.add", f"ci ({row.id})", 201), ("token.revoke", f"ci ({row.id})", 303)]


def test_what_cannot_be_a_token_is_refused(send, ledger):
    """A job that is not there, a span that is none, no label; nothing is made."""
    ledger.people.add("ann", Role.ADMIN, None)
    token = ledger.tokens.add("all", "ann", Role.ADMIN)[0]
    for values in ({"jobs": "scrape-shopp"}, {"expires": "soon"}, {"label": " "}, {"role": "king"}):
        given = {"label": "ci", "role": "viewer", **values}
        assert send("/access/tokens", token, **given).status_code == 303

    assert [one.label for one in ledger.tokens.all()] == ["all"]


def test_nobody_else_gives_access(client, ledger):
    """An operator does not see the page, and its forms do nothing for them."""
    token = ledger.tokens.add("op", "ann", Role.OPERATOR)[0]
    headers = {"Authorization": f"Bearer {token}"}

    assert client.get("/access", headers=headers).status_code == 403
    assert client.post("/access/users", headers=headers, data={"name": "eve", "role": "admin"}).status_code == 403
    assert "/access" not in client.get("/settings", headers=headers).text
    assert ledger.people.all() == []

"""Every route of the application with every role, read from the router: who may not gets 403, and leaves nothing behind."""

import pytest
from fastapi.routing import APIRoute

from automation.ledger.roles import Role
from automation.web.access.needs import allow, needs, require_needs

PARTS = {
    "{run_id}": "nothing",
    "{job}": "scrape-shop",
    "{name}": "nobody",
    "{number}": "none",
    "{mail_id}": "7",
    "{key:path}": "x",
}


def address(route):
    path = route.path
    for part, value in PARTS.items():
        path = path.replace(part, value)
    return path


def every_route(app):
    for route, need in needs(app):
        for method in sorted(route.methods - {"HEAD"}):
            yield method, address(route), need


@pytest.mark.slow
def test_no_role_is_let_in_where_it_may_not(app, serve, ledger):
    """Viewer, operator, admin and nobody, on every route: no unexpected way in, and none refused that is theirs."""
    tokens = {role: ledger.tokens.add(str(role), "test", role)[0] for role in Role}
    client = serve(app)
    wrong, asked = [], 0
    for method, path, need in every_route(app):
        if path.endswith("/events"):  # those go on; their dependency is asked for below
            continue
        for role in (None, *Role):
            headers = {"Authorization": f"Bearer {tokens[role]}"} if role else {}
            answer = client.request(method, path, headers={**headers, "Accept": "application/json"})
            allowed = need.role is None or (role is not None and role.covers(need.role))
            refused = answer.status_code in (401, 403)
            asked += 1
            if need.role is None and refused and answer.status_code == 401 and path in ("/login",):
                continue  # a wrong password
            if allowed == refused:
                wrong.append(f"{method} {path} as {role}: {answer.status_code}, needs {need.role}")

    assert wrong == []
    assert asked > 150


@pytest.mark.slow
def test_read_only_refuses_every_action(app, serve, ledger, gate):
    """Whoever asks: nothing but looking goes."""
    from dataclasses import replace

    gate.rules = replace(gate.rules, read_only=True)
    token = ledger.tokens.add("all", "test", Role.ADMIN)[0]
    client = serve(app)
    for method, path, need in every_route(app):
        if need.role in (Role.OPERATOR, Role.ADMIN):
            answer = client.request(method, path, headers={"Authorization": f"Bearer {token}"})
            assert answer.status_code == 403, f"{method} {path}"


@pytest.mark.slow
def test_a_foreign_page_does_nothing(app, serve, ledger, add_run):
    """Forms and scripts of another site, on every route that changes something: 403, and no line but the refusal."""
    add_run()
    before = ledger.queries.counts()
    client = serve(app)
    tried = 0
    for method, path, need in every_route(app):
        if method == "GET" or need.role is None:
            continue
        for headers in (
            {"Sec-Fetch-Site": "cross-site", "Content-Type": "application/json"},
            {"Origin": "https://evil.example", "Content-Type": "text/plain"},
            {"Content-Type": "application/x-www-form-urlencoded"},
        ):
            tried += 1
            assert client.request(method, path, headers=headers, content="{}").status_code == 403, f"{method} {path}"

    assert tried > 40
    assert ledger.queries.counts() == before
    assert ledger.pauses.current() == []
    assert ledger.people.all() == []
    assert {line.status for line in ledger.audit.list(limit=500)} == {403}


def test_a_route_that_says_nothing_is_a_fault(app):
    """Nothing is open because somebody forgot it."""

    @app.get("/forgotten")
    def forgotten():
        return "secret"

    with pytest.raises(TypeError, match="GET /forgotten"):
        require_needs(app)


def test_every_route_that_changes_something_is_in_the_audit_trail(app, serve, ledger):
    """Done or refused: the line says who and what."""
    token = ledger.tokens.add("all", "test", Role.ADMIN)[0]
    client = serve(app)
    asked = [
        (method, path, need) for method, path, need in every_route(app) if method != "GET" and need.role is not None
    ]
    for method, path, _need in asked:
        client.request(method, path, headers={"Authorization": f"Bearer {token}"}, json={})

    lines = ledger.audit.list(limit=500)
    assert sorted(line.action for line in lines) == sorted(need.action for _, _, need in asked)
    assert {line.via for line in lines} == {"token"}


def test_the_matrix_knows_streams(app):
    """They need a viewer, like all that shows something."""
    found = {route.path: need for route, need in needs(app) if route.path.endswith("/events")}

    assert {need.role for need in found.values()} == {Role.VIEWER}
    assert isinstance(next(route for route, _ in needs(app)), APIRoute)
    assert allow(Role.VIEWER, "x").dependency.need.role is Role.VIEWER

"""Who gets in: nobody but this machine without users; else sessions and tokens, and no form of a foreign page."""

import pytest

from automation.ledger.roles import Role
from automation.web.access.caller import COOKIE, Rules
from automation.web.access.gate import Gate
from automation.web.access.passwords import digest_of
from automation.web.app import create_app

PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def digest():
    return digest_of(PASSWORD)


@pytest.fixture
def ann(ledger, digest):
    return ledger.people.add("ann", Role.OPERATOR, digest)


def sign_in(client, name="ann", password=PASSWORD, **headers):
    return client.post("/login", data={"name": name, "password": password}, headers=headers)


def test_without_users_this_machine_may_look(client):
    """A new project is open to whoever sits at its machine."""
    assert client.get("/").status_code == 200


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP"])
def test_without_users_nobody_comes_through_a_proxy(client, header):
    """A proxy on this machine would open it to everybody."""
    answer = client.get("/", headers={header: "203.0.113.9"})

    assert answer.status_code == 403
    assert "automation users add" in answer.text


def test_with_users_nobody_is_in_without_signing_in(client, ann):
    """A person is led to the form, a program is told so."""
    page = client.get("/?job=shop", headers={"Accept": "text/html"})

    assert (page.status_code, page.headers["location"]) == (303, "/login?next=/%3Fjob%3Dshop")
    assert client.get("/", headers={"Accept": "application/json"}).status_code == 401
    assert client.get("/healthz").status_code == 200


def test_a_session_is_begun_and_ended(client, ann, ledger):
    """The right name and password give a cookie that no script reads; signing out ends it for good."""
    answer = sign_in(client)
    cookie = answer.headers["set-cookie"].lower()
    secret = client.cookies[COOKIE]

    assert answer.status_code == 303
    assert all(part in cookie for part in ("httponly", "samesite=lax", "path=/"))
    assert client.get("/").status_code == 200
    assert client.post("/logout").status_code == 403

    from automation.web.access.csrf import token_of

    assert client.post("/logout", data={"csrf": token_of(secret)}).status_code == 303
    client.cookies.set(COOKIE, secret)
    assert client.get("/", headers={"Accept": "application/json"}).status_code == 401
    assert [(row.action, row.who, row.status) for row in ledger.audit.list()][:3] == [
        ("logout", "ann", 303),
        ("logout", "ann", 403),
        ("login", "ann", 303),
    ]


def test_each_sign_in_has_a_session_of_its_own(client, ann):
    """The secret changes, and the one before it is of no use any more."""
    sign_in(client)
    first = client.cookies[COOKIE]
    sign_in(client)
    second = client.cookies[COOKIE]

    assert first != second
    client.cookies.clear()
    client.cookies.set(COOKIE, first)
    assert client.get("/", headers={"Accept": "application/json"}).status_code == 401


def test_a_session_ends_after_half_a_day(client, ann, clock):
    """Whoever forgot to sign out is out by tomorrow."""
    sign_in(client)
    clock.advance(hours=12)

    assert client.get("/", headers={"Accept": "application/json"}).status_code == 401


def test_a_new_role_ends_the_sessions(client, ann, ledger):
    """What somebody may do is asked again."""
    sign_in(client)
    ledger.people.change("ann", role=Role.VIEWER)

    assert client.get("/", headers={"Accept": "application/json"}).status_code == 401


def test_signing_in_is_limited(client, ann, clock):
    """After five wrong passwords of a name even the right one waits, and only for a while."""
    wrong = [sign_in(client, password="wrong").status_code for _ in range(5)]
    refused = sign_in(client)

    assert wrong == [401] * 5
    assert refused.status_code == 429
    assert 0 < int(refused.headers["retry-after"]) <= 60
    clock.advance(seconds=61)
    assert sign_in(client).status_code == 303


def test_a_wrong_name_is_answered_as_a_wrong_password_is(client, ann):
    """Nothing tells who has an account."""
    known, unknown = sign_in(client, password="wrong"), sign_in(client, name="bob", password="wrong")

    assert (known.status_code, known.text) == (unknown.status_code, unknown.text)


def test_where_to_go_on_is_one_of_our_addresses(client, ann):
    """A link that leads somebody here cannot lead them elsewhere afterwards."""
    for target in ("https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"):
        answer = client.post("/login", data={"name": "ann", "password": PASSWORD, "next": target})
        assert answer.headers["location"] == "/"


def test_a_token_lets_a_program_in(client, ledger, clock):
    """In the Authorization header, while it is neither revoked nor run out."""
    text, row = ledger.tokens.add("ci", "ann", Role.VIEWER, expires_at=clock.now().replace(hour=13))
    headers = {"Authorization": f"Bearer {text}", "Accept": "application/json"}

    assert client.get("/", headers=headers).status_code == 200
    assert client.get("/", headers={**headers, "Authorization": f"Bearer {text}x"}).status_code == 401
    clock.advance(hours=1)
    assert client.get("/", headers=headers).status_code == 401
    assert text not in str(row.as_json())


def test_a_token_is_never_a_cookie(client, ledger):
    """What a browser sends along by itself is no token."""
    text, _ = ledger.tokens.add("ci", "ann", Role.ADMIN)
    client.cookies.set(COOKIE, text)

    assert client.get("/", headers={"Accept": "application/json"}).status_code == 401


def test_a_revoked_token_is_out(client, ledger):
    """At once."""
    text, row = ledger.tokens.add("ci", "ann", Role.VIEWER)
    ledger.tokens.revoke(row.as_json()["prefix"])

    assert client.get("/", headers={"Authorization": f"Bearer {text}"}).status_code == 401


def test_a_scope_limits_a_token(client, ledger, add_run):
    """It may do what its patterns name, and look at the jobs that it is for."""
    mine, other = add_run("scrape-shop"), add_run("price-report")
    text, _ = ledger.tokens.add("ci", "ann", Role.VIEWER, scopes=["run.*"], jobs=["scrape-shop"])
    headers = {"Authorization": f"Bearer {text}"}

    assert client.get(f"/runs/{mine}", headers=headers).status_code == 200
    assert client.get(f"/runs/{other}", headers=headers).status_code == 403
    assert client.get("/", headers=headers).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {},
        {"X-HTTP-Method-Override": "GET"},
    ],
)
def test_a_foreign_form_does_nothing(client, ann, ledger, headers):
    """Neither signs somebody in, nor does anything with a session or an open door."""
    sign_in(client)
    form = {"X-Requested-With": "form", **headers}

    assert client.post("/logout", data={"csrf": "guessed"}, headers=form).status_code == 403
    assert client.get("/").status_code == 200
    if "Origin" in headers or "Sec-Fetch-Site" in headers:
        assert sign_in(client, **headers).status_code == 403


def test_a_proxy_may_sign_somebody_in(serve, site, checks, ledger, clock, digest, desk):
    """One that we trust names the user; the same header of somebody else is not read."""
    from ipaddress import ip_network

    ledger.people.add("ann", Role.OPERATOR, None)
    ledger.people.add("bob", Role.VIEWER, digest)
    trusting = Rules("", [ip_network("127.0.0.0/8")], "x-forwarded-user")
    named = {"X-Forwarded-User": "ann", "Accept": "application/json"}

    client = serve(create_app(site, lambda: checks, Gate(ledger, clock, "k" * 16, trusting), desk))
    assert client.get("/", headers=named).status_code == 200
    assert client.get("/", headers={**named, "X-Forwarded-User": "eve"}).status_code == 403
    wary = serve(create_app(site, lambda: checks, Gate(ledger, clock, "k" * 16), desk))
    assert wary.get("/", headers=named).status_code == 401


def test_below_a_path_the_pages_are_found(serve, site, checks, ledger, clock, ann, desk):
    """Whether the proxy passes the path on or takes it away."""
    rules = Rules("https://example.com/automation")
    client = serve(create_app(site, lambda: checks, Gate(ledger, clock, "k" * 16, rules), desk))
    as_browser = {"Host": "example.com", "Accept": "text/html"}

    for path in ("/automation/", "/"):
        assert client.get(path, headers=as_browser).headers["location"] == "/automation/login?next=/"
    answer = sign_in(client, Host="example.com", Origin="https://example.com")
    assert answer.headers["location"] == "/automation/"
    assert "secure" in answer.headers["set-cookie"].lower()
    assert "path=/automation;" in answer.headers["set-cookie"].lower()

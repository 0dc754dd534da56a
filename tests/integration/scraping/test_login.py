"""Pages behind a login, and pages asked for through a proxy."""

from __future__ import annotations

import base64
import json
import urllib.request
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs

import pytest

from automation.errors import FailureClass, JobFailed
from automation.net import Client

FORM = """<html><form action="/search"><input name="q"></form><form method="post" action="do-login"><input type="hidden" name="csrf" value="t0k3n">
<input name="user"><input type="password" name="pass"><input type="checkbox" name="stay"><select name="lang"><option value="en">E</option>
</select><button name="go" value="1">Log in</button></form>{}</html>"""
ITEM = "<html><article><b>book</b></article></html>"


def _page(handler, body, status=200, **headers):
    content = body.encode()
    handler.send_response(status)
    for name, value in {"Content-Type": "text/html", "Content-Length": str(len(content)), **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(content)


@pytest.fixture
def shop(site):
    """A shop that shows its books to who has logged in; `shop.sessions` are the cookies that it takes."""
    sessions: list[str] = []

    def books(handler: BaseHTTPRequestHandler) -> None:
        if any(f"sid={one}" in handler.headers.get("Cookie", "") for one in sessions):
            _page(handler, ITEM)
        else:
            _page(handler, "", 302, Location="/login")

    def enter(handler: BaseHTTPRequestHandler) -> None:
        given = parse_qs(site.asked[-1][3].decode())
        if given == {"csrf": ["t0k3n"], "user": ["me"], "pass": ["pw"], "lang": ["en"], "go": ["1"]}:
            sessions.append(str(len(site.asked)))
            _page(handler, "", 302, Location="/home", Set_Cookie=f"sid={sessions[-1]}")
        else:
            _page(handler, FORM.format("wrong"), 200)

    site.page("/login", FORM.format(""))
    site.page("/home", "<html>Hello me. Log out</html>")
    site.answers.update({"/": books, "/2": books, "/do-login": enter})
    site.sessions = sessions
    return site


def failure(scrape, **params):
    with pytest.raises(JobFailed) as caught:
        scrape(**params)
    return caught.value


def job(shop, **login):
    fields = {"user": "me", "pass": "pw"}
    return {
        "items": "article", "fields": {"title": "b"}, "table": "books",
        "login": {"url": f"{shop.base}/login", "fields": fields, **login},
    }  # fmt: skip


@pytest.mark.parametrize("more", [{}, {"check": "Log out"}, {"form": "form[method=post]"}])
def test_a_form_is_filled_in_with_its_hidden_values(shop, scrape, more):
    """The token of the page, the chosen option and the button go along; the cookie stays for the run."""
    assert scrape(**job(shop, **more))["items"] == 1
    assert [path for _, path, _, _ in shop.asked] == ["/login", "/do-login", "/home", "/"]


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"fields": {"user": "me", "pass": "no"}}, "asks for a password again"),
        ({"check": "Sign out"}, "'Sign out' is not on it"),
    ],
)
def test_a_login_that_fails_is_told_before_any_page(shop, scrape, more, told):
    """Nothing is scraped from outside; no retry guesses passwords."""
    error = failure(scrape, **job(shop, **more))

    assert (error.failure_class, error.code) == (FailureClass.AUTH, "login")
    assert told in str(error)
    assert "no" not in str(error).split("login at")[0]


def test_a_field_that_the_form_lacks_is_named(shop, scrape):
    """A changed form is said with what it has."""
    error = failure(scrape, **job(shop, fields={"usr": "me", "pass": "pw"}))

    assert "no field 'usr'; did you mean 'user'? It has: csrf, user, pass, stay, lang" in str(error)


def test_a_session_that_ends_is_begun_again_once(shop, scrape):
    """A page that leads to the login makes us log in again; a second time it is a failure."""
    books = shop.answers["/2"]

    def ended(handler: BaseHTTPRequestHandler) -> None:
        if len(shop.sessions) == 1:
            shop.sessions[0] = "ended"
        books(handler)

    shop.answers["/2"] = ended
    assert scrape(**job(shop), start=[f"{shop.base}/2"])["items"] == 1
    assert [path for _, path, _, _ in shop.asked].count("/do-login") == 2

    shop.answers["/2"] = lambda handler: _page(handler, "", 302, Location="/login")
    assert failure(scrape, **job(shop), start=[f"{shop.base}/2"], run_id="r2").code == "login:again"


def test_an_api_takes_the_fields_as_json(site, scrape):
    """No page before; a status of success is the proof."""

    def enter(handler: BaseHTTPRequestHandler) -> None:
        fine = json.loads(site.asked[-1][3]) == {"user": "me", "pass": "pw"}
        _page(handler, "{}", 200 if fine else 401, Set_Cookie="sid=1")

    site.answers["/login"] = enter
    site.page("/", ITEM)
    scrape(**job(site, send="json"))

    assert site.asked[-1][2]["Cookie"] == "sid=1"
    assert (
        failure(scrape, **job(site, send="json", fields={"user": "x"}), run_id="r2").failure_class is FailureClass.AUTH
    )


@pytest.fixture
def proxy(serving):
    """A proxy that wants `me` and `pw`, and what it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = "Basic " + base64.b64encode(b"me:pw").decode()
            if self.headers.get("Proxy-Authorization") != wanted:
                _page(self, "", 407)
                return
            asked.append(self.path)
            with urllib.request.urlopen(self.path) as answer:
                _page(self, answer.read().decode())

    server = serving(Handler)
    server.asked = asked
    return server


def test_pages_come_through_the_proxy(site, scrape, proxy):
    """With its credentials; what may not be reached is not asked for through it either."""
    site.page("/", ITEM)
    books = {"items": "article", "fields": {"title": "b"}, "table": "books"}
    at = f"127.0.0.1:{proxy.server_port}"

    assert scrape(**books, proxy=f"http://me:pw@{at}")["items"] == 1
    assert proxy.asked == [f"{site.base}/"]
    refused = failure(scrape, **books, proxy=f"http://me:pw@{at}", start="http://10.0.0.1/", run_id="r2")
    assert refused.code == "ssrf:address"
    assert len(proxy.asked) == 1


@pytest.mark.parametrize("named", ["by the project", "by the request"])
def test_requests_of_a_plugin_come_through_the_proxy(site, proxy, named):
    """The project's for each client; another one where a plugin asks for it."""
    url, at = site.page("/", "hello"), f"http://me:pw@127.0.0.1:{proxy.server_port}"
    own = Client(allow_networks=["127.0.0.0/8"], proxy=at if named == "by the project" else None)

    with own.allowing(proxy=at if named == "by the request" else None) as client:
        assert client.get(url).text == "hello"
        assert client.post(url, content=b"x").status_code in (200, 501)
        with pytest.raises(JobFailed) as caught:
            client.get("http://10.0.0.1/")

    assert proxy.asked == [url]
    assert caught.value.code == "ssrf:address"


def test_crawls_go_through_the_projects_proxy(site, context, proxy):
    """A job that names none takes the one of its context's client."""
    site.page("/", ITEM)
    at = f"http://me:pw@127.0.0.1:{proxy.server_port}"
    with Client(allow_networks=["127.0.0.0/8"], proxy=at) as client:
        page = replace(context(), http=client).fetch(
            f"{site.base}/", robots=False, delay="0s", allow_networks="127.0.0.0/8"
        )

    assert page.status_code == 200
    assert proxy.asked == [f"{site.base}/"]


def test_a_proxy_that_does_not_take_us_is_told(site, scrape, proxy):
    """By what it says; the password is not in it."""
    site.page("/", ITEM)
    books = {
        "items": "article",
        "fields": {"title": "b"},
        "table": "books",
        "proxy": f"http://me:wrong@127.0.0.1:{proxy.server_port}",
    }
    error = failure(scrape, **books)

    assert error.failure_class is FailureClass.AUTH
    assert "wrong" not in str(error)

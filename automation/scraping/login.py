"""Logging in before the first page: a form found, filled in and sent, and the answer looked at.

Owns: which form is meant, what of it is sent, whether we are in.
Never: fetches by itself; keeps cookies (the client does).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from automation.errors import FailureClass, JobFailed
from automation.net.response import Response
from automation.scraping.manners import Login
from automation.scraping.page import Page
from automation.text import nearest, printable

Ask = Callable[..., Awaitable[Response]]
#: Inputs whose value a browser does not send unless they are pressed or chosen.
_PRESSED = frozenset({"submit", "image", "button", "reset", "file"})


class Session:
    """One login, for one run."""

    def __init__(self, login: Login) -> None:
        self._login = login

    async def enter(self, ask: Ask) -> None:
        """Log in. Raises JobFailed: AUTH when we are not let in, CONFIG for a form that is not as the job says.

        Parameters
        ----------
        ask: fetches politely; takes an address, and `method`, `json`, `data`.
        """
        login = self._login
        if login.send == "json":
            answer = await ask(login.url, method="POST", json=dict(login.fields))
        else:
            page = Page.of(await ask(login.url), 0)
            method, url, data = filled(page, login)
            sent = {"params": data} if method == "GET" else {"data": data}
            answer = await ask(url, method=method, **sent)
        if not self._let_in(answer):
            proof = f"'{printable(login.check, 60)}' is not on it" if login.check else "it asks for a password again"
            raise JobFailed(
                f"The login at {printable(login.url, 200)} failed: after it comes {printable(answer.url, 200)} "
                f"({answer.status_code}), and {proof}; look at login.fields and login.check",
                FailureClass.AUTH,
                code="login",
            )

    def asks_again(self, response: Response) -> bool:
        """Whether a page turned out to be the login: the session has ended."""
        mine, there = urlsplit(self._login.url), urlsplit(response.url)
        return bool(response.history) and (mine.netloc, mine.path) == (there.netloc, there.path)

    def _let_in(self, answer: Response) -> bool:
        if self._login.check is not None:
            return self._login.check in answer.text
        if self._login.send == "json" or not answer.is_success:
            return answer.is_success
        reading = Page.of(answer, 0).reading
        return not reading.css("input[type=password]", reading.whole)


def filled(page: Page, login: Login) -> tuple[str, str, dict[str, Any]]:
    """Method, address and values of the form, as a browser would send it: hidden inputs and tokens included."""
    reading = page.reading
    form = _form(page, login.form)
    values: dict[str, Any] = {}
    for control in reading.css("input[name], select[name], textarea[name]", form):
        name, kind = str(reading.attribute(control, "name")), str(reading.attribute(control, "type") or "text").lower()
        if reading.name(control) == "select":
            chosen = reading.css("option[selected]", control) or reading.css("option", control)[:1]
            values[name] = next((reading.attribute(one, "value") or reading.text(one).strip() for one in chosen), "")
        elif kind in _PRESSED or (kind in ("checkbox", "radio") and reading.attribute(control, "checked") is None):
            values.setdefault(name, None)
        else:
            values[name] = reading.attribute(control, "value") or ("on" if kind in ("checkbox", "radio") else "")
    for name in login.fields:
        if name not in values:
            meant = nearest(name, values)
            hint = f"did you mean '{meant}'? It has" if meant else "it has"
            raise JobFailed(
                f"The form at {printable(page.url, 200)} has no field '{printable(name, 60)}'; {hint}: {', '.join(values)}",
                FailureClass.CONFIG,
                code="login",
            )
    pressed = _pressed(page, form)
    sent = {**{name: value for name, value in values.items() if value is not None}, **pressed, **login.fields}
    method = str(reading.attribute(form, "method") or "get").upper()
    action = page.absolute(str(reading.attribute(form, "action") or "")) or page.url
    return ("POST" if method == "POST" else "GET"), action, sent


def _form(page: Page, css: str | None) -> Any:
    found = page.reading.css(css or "form:has(input[type=password])", page.reading.whole)
    if not found:
        what = f"nothing that '{printable(css, 60)}' finds" if css else "no form with a password in it"
        raise JobFailed(
            f"{printable(page.url, 200)} has {what}; look at login.url and login.form",
            FailureClass.CONFIG,
            code="login",
        )
    return found[0]


def _pressed(page: Page, form: Any) -> dict[str, str]:
    """The first button with a name, as if it had been pressed."""
    buttons = page.reading.css("input[type=submit][name], button[name]:not([type=button], [type=reset])", form)
    return {
        str(page.reading.attribute(one, "name")): str(page.reading.attribute(one, "value") or "") for one in buttons[:1]
    }

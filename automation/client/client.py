"""One connection to a server: its calls and its errors.

Owns: what each call asks for, and which error a problem is.
Never: hides a failure: what the server refuses is raised with its sentence.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlsplit

import httpx

from automation.clock import Clock, SystemClock
from automation.errors import AutomationError, InvalidInput, Refused, ServiceUnavailable, UnknownName

OPEN = ("queued", "running", "retrying")
_WAIT_SECONDS = 30
_ERRORS: Mapping[int, type[AutomationError]] = {
    400: InvalidInput,
    409: Refused,
    422: InvalidInput,
    401: Refused,
    403: Refused,
}


class Client:
    """Calls one server.

    Parameters
    ----------
    url: where its pages are, with the path if it has one.
    token: from `automation tokens add`; none where the server has no users.
    timeout: how long an answer may take, in seconds, beside what is waited for.

    Raises InvalidInput for what the server cannot use, UnknownName for what it does not have, Refused for what it does
    not do, ServiceUnavailable when it cannot be reached.
    """

    def __init__(
        self, url: str, token: str | None = None, *, timeout: float = 30.0, clock: Clock | None = None
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InvalidInput(f"'{url[:100]}' is no address of a server; write http://127.0.0.1:8000")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._is_known = bool(token)
        self._clock = clock or SystemClock()
        # A redirect would take the token to where it is not for.
        self._http = httpx.Client(
            base_url=f"{url.rstrip('/')}/api/v1",
            headers=headers,
            timeout=timeout + _WAIT_SECONDS,
            follow_redirects=False,
        )

    def enqueue(
        self,
        job: str,
        params: Mapping[str, Any] | None = None,
        *,
        idempotency_key: str | None = None,
        dry_run: bool = False,
        only: bool = False,
        overlap: str = "job",
    ) -> dict[str, Any]:
        """Run a job now; the run as it was recorded. With a key a call whose answer got lost may be made again."""
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        body = {"params": dict(params or {}), "dry_run": dry_run, "only": only, "overlap": overlap}
        found: dict[str, Any] = self._ask("POST", f"/jobs/{_part(job)}/runs", json=body, headers=headers)
        return found

    def run(self, run_id: str) -> dict[str, Any]:
        """A run with its attempts and files, by its id or enough of its beginning."""
        found: dict[str, Any] = self._ask("GET", f"/runs/{_part(run_id)}")
        return found

    def wait(self, run_id: str, timeout: float | None = None) -> dict[str, Any]:
        """The run at its end. Raises TimeoutError after so many seconds."""
        deadline = None if timeout is None else self._clock.monotonic() + timeout
        while True:
            left = _WAIT_SECONDS if deadline is None else min(_WAIT_SECONDS, deadline - self._clock.monotonic())
            span = f"{max(0, round(left * 1000))}ms"
            found: dict[str, Any] = self._ask("GET", f"/runs/{_part(run_id)}", params={"wait": span})
            if found["state"] not in OPEN:
                return found
            if deadline is not None and self._clock.monotonic() >= deadline:
                raise TimeoutError(f"Run {run_id} is {found['state']} after {timeout} seconds")

    def runs(self, **sought: Any) -> Iterator[dict[str, Any]]:
        """Runs, newest first, page by page as they are taken: `job`, `state`, `kind`, `since`, `batch`, `flow`."""
        return self.pages("/runs", **sought)

    def logs(self, run_id: str) -> Iterator[dict[str, Any]]:
        """The lines of a run's log, oldest first."""
        return self.pages(f"/runs/{_part(run_id)}/logs", limit=500)

    def cancel(self, run_id: str) -> dict[str, Any]:
        """Cancel a run: one that waits at once, one at work is asked to stop."""
        found: dict[str, Any] = self._ask("POST", f"/runs/{_part(run_id)}/cancel")
        return found

    def retry(self, run_id: str) -> dict[str, Any]:
        """Bring a dead run back."""
        found: dict[str, Any] = self._ask("POST", f"/runs/{_part(run_id)}/retry")
        return found

    def pages(self, path: str, **params: Any) -> Iterator[dict[str, Any]]:
        """Everything of a list of the API, page by page as it is taken."""
        given = {name: value for name, value in params.items() if value is not None}
        while True:
            page = self._ask("GET", path, params=given)
            yield from page["items"]
            if page["next"] is None:
                return
            given["cursor"] = page["next"]

    def close(self) -> None:
        """Give back the connection."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ask(self, method: str, path: str, **more: Any) -> Any:
        try:
            answer = self._http.request(method, path, **more)
        except httpx.HTTPError as error:
            raise ServiceUnavailable(f"{self._http.base_url} cannot be reached: {error}") from error
        if answer.is_success:
            return answer.json()
        raise self._error(answer)

    def _error(self, answer: httpx.Response) -> AutomationError:
        try:
            detail = str(answer.json()["detail"]).rstrip(".")
        except (ValueError, KeyError, TypeError):
            detail = f"{self._http.base_url} answers {answer.status_code}; is that a server of automation?"
        if answer.status_code == 404:
            return _NotThere(detail)
        if answer.status_code == 401 and not self._is_known:
            return Refused(
                f"{self._http.base_url.host} answers nobody without a token, and none was given; "
                "make one there with `automation tokens add`, and set AUTOMATION_TOKEN (in Python: Client(url, token))"
            )
        kind = _ERRORS.get(answer.status_code, ServiceUnavailable)
        return kind(detail)


class _NotThere(UnknownName):
    """What the server does not have, in its own sentence."""

    def __init__(self, detail: str) -> None:
        super().__init__("object", "")
        self.args = (detail,)


def _part(text: str) -> str:
    return quote(text, safe="")

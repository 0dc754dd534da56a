"""What a failed request means for the run.

Owns: from status, exception and Retry-After to a JobFailed with class, code and waiting time.
Never: decides whether to try again.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import httpcore
import httpx

from automation.errors import FailureClass, JobFailed
from automation.secrets import mask_urls
from automation.text import printable

LONGEST_WAIT = timedelta(days=366)
_CLASSES = {
    401: FailureClass.AUTH,
    403: FailureClass.BLOCKED,
    407: FailureClass.AUTH,
    408: FailureClass.TRANSPORT,
    425: FailureClass.TRANSPORT,
    429: FailureClass.THROTTLED,
    451: FailureClass.BLOCKED,
}
_HINTS = {
    304: "it says that nothing has changed, which nobody asked",
    401: "it asks for credentials; set auth",
    403: "it refuses this client",
    404: "there is no such page; look at the URL",
    410: "the page was removed for good",
    429: "it asks to slow down",
}


def status_failure(method: str, url: str, status: int, headers: httpx.Headers, now: datetime) -> JobFailed:
    """The failure that a status stands for, `retry_after` filled from Retry-After where the server gives one."""
    default = FailureClass.TRANSPORT if status >= 500 else FailureClass.CONFIG
    known = _HINTS.get(status) or (_led_astray(headers) if 300 <= status < 400 else "")
    hint = f": {known}" if known else ""
    return JobFailed(
        f"{method} {printable(mask_urls(url), 200)} answered {status}{hint}",
        _CLASSES.get(status, default),
        code=f"http:{status}",
        retry_after=retry_after(headers, now),
    )


def _led_astray(headers: httpx.Headers) -> str:
    target = headers.get("location")
    return (
        f"it leads to {printable(target, 100)}, in a way that is not followed" if target else "it does not say where to"
    )


def retry_after(headers: httpx.Headers, now: datetime) -> timedelta | None:
    """How long the server asks to wait: seconds or any of the three HTTP date forms; at most a year.

    Of several, the longest; a date that has passed is no wait at all; what cannot be read counts as absent. A date is
    held against the server's own clock where the answer tells it: ours may be an hour off.
    """
    there = _moment(headers.get("date", "")) or now
    spans = [span for text in headers.get_list("retry-after") if (span := _span(text.strip(), there)) is not None]
    return min(max(spans), LONGEST_WAIT) if spans else None


def _span(text: str, now: datetime) -> timedelta | None:
    if text.isascii() and text.isdigit():
        return timedelta(seconds=min(int(text[:12]), LONGEST_WAIT.total_seconds()))
    moment = _moment(text)
    return None if moment is None else max(moment - now, timedelta())


def _moment(text: str) -> datetime | None:
    """An HTTP date; None for what is none."""
    if not any(letter.isalpha() for letter in text):
        return None
    try:
        moment = parsedate_to_datetime(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


@contextmanager
def told_as_failure(url: str) -> Iterator[None]:
    """Whatever the HTTP library raises becomes a JobFailed (TRANSPORT) that names the URL and the cause."""
    try:
        yield
    except (httpcore.UnsupportedProtocol, httpcore.LocalProtocolError, httpx.InvalidURL, UnicodeEncodeError) as error:
        raise JobFailed(f"{_shown(url)} cannot be asked for: {error}", FailureClass.CONFIG, code="url") from error
    except (httpcore.ProxyError, httpx.ProxyError) as error:
        refused = str(error).startswith("407")
        hint = "; write user and password into proxy" if refused else ""
        told = f"{_shown(url)} cannot be reached through the proxy: {error}{hint}"
        raise JobFailed(told, FailureClass.AUTH if refused else FailureClass.TRANSPORT, code="proxy") from error
    except (httpcore.TimeoutException, httpx.TimeoutException, TimeoutError) as error:
        raise _transport(url, f"did not answer in time ({type(error).__name__})", "timeout") from error
    except (httpcore.RemoteProtocolError, httpx.RemoteProtocolError) as error:
        cut = "without sending complete message body" in str(error) or "incomplete chunked read" in str(error)
        told = str(error).replace("Receive buffer too long", "its headers are longer than 100 kB")
        raise _transport(url, f"broke off or broke HTTP: {told}", "truncated" if cut else "protocol") from error
    except (httpcore.NetworkError, httpx.NetworkError) as error:
        raise _connection(url, error) from error
    except (httpcore.ProtocolError, httpx.TransportError, httpx.DecodingError, ssl.SSLError, OSError) as error:
        raise _transport(url, f"cannot be read: {error or type(error).__name__}", "protocol") from error


def _connection(url: str, error: Exception) -> JobFailed:
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLError):
            reason = getattr(seen, "verify_message", "") or seen.reason or str(seen)
            return _transport(url, f"has a TLS certificate or handshake that fails: {reason}", "tls")
        seen = seen.__cause__ or seen.__context__
    return _transport(url, f"cannot be reached: {error or type(error).__name__}", "connect")


def _transport(url: str, what: str, code: str) -> JobFailed:
    return JobFailed(f"{_shown(url)} {what}", FailureClass.TRANSPORT, code=code)


def _shown(url: str) -> str:
    return printable(mask_urls(url), 200)

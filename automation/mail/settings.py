"""`AUTOMATION_SMTP_URL` → SmtpSettings; every problem at once.

Owns: the grammar of `smtp://user:password@host:587?tls=required&from=you@example.com&timeout=30s`.
Never: connects; shows a password.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from automation.errors import JobFailed, SettingsInvalid
from automation.mail.addresses import parse_address
from automation.setting_values import is_loopback
from automation.text import nearest, parse_duration, printable

_PORTS = {"required": 587, "implicit": 465, "none": 25}
_OPTIONS = ("from", "timeout", "tls")
_MOST_SECONDS = 600.0


@dataclass(frozen=True)
class SmtpSettings:
    """A mail server and how to speak to it.

    Parameters
    ----------
    tls: `required` (STARTTLS), `implicit` (from the first byte) or `none`.
    sender: the default `From`; empty when the URL names none.
    timeout: seconds to wait for each answer.
    """

    host: str
    port: int
    user: str = ""
    password: str = field(default="", repr=False)
    tls: str = "required"
    sender: str = ""
    timeout: float = 30.0

    @property
    def is_loopback(self) -> bool:
        """Whether the server is this machine."""
        return is_loopback(self.host)


def parse_smtp_url(
    url: str, *, insecure: bool = False, name: str = "AUTOMATION_SMTP_URL", token: bool = False
) -> SmtpSettings:
    """The settings that the URL says. User and password are percent-encoded; the port follows from `tls`.

    Parameters
    ----------
    insecure: allow `tls=none` to another machine; a login never goes there without TLS.
    name: what the problems call it.
    token: the login is with an OAuth2 token, so that a user without a password is enough.

    Raises SettingsInvalid with one sentence for each problem; none shows the password.
    """
    problems: list[str] = []
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise SettingsInvalid(
            [f"{name}: the host or port cannot be read; percent-encode '@', '/', '#' and ':' in it"]
        ) from None
    if parts.scheme != "smtp":
        problems.append(f"{name}: begins with '{printable(parts.scheme, 20)}'; write smtp://user:password@host:587")
    if not host:
        problems.append(f"{name}: names no host; write smtp://user:password@host:587, with '/' and '#' percent-encoded")
    if parts.path not in ("", "/") or parts.fragment:
        problems.append(f"{name}: has a path or '#'; percent-encode '/' as %2F and '#' as %23 in the password")
    if port == 0:
        problems.append(f"{name}: port 0 is none; write 1 to 65535")
    options = _options(parts.query, name, problems)
    tls = options.get("tls", "required")
    if tls not in _PORTS:
        problems.append(f"{name}: tls is '{printable(tls, 20)}'; write required, implicit or none")
    settings = SmtpSettings(
        host,
        port or _PORTS.get(tls, 587),
        unquote(parts.username or ""),
        unquote(parts.password or ""),
        tls,
        _sender(options.get("from", ""), name, problems),
        _timeout(options.get("timeout", "30s"), name, problems),
    )
    problems += _unsafe(settings, insecure, name, token=token)
    if problems:
        raise SettingsInvalid(problems)
    return settings


def _options(query: str, name: str, problems: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for item in filter(None, query.split("&")):
        key, _, value = item.partition("=")
        if key not in _OPTIONS:
            meant = nearest(key, _OPTIONS)
            hint = f"did you mean '{meant}'?" if meant else f"there is: {', '.join(_OPTIONS)}"
            problems.append(f"{name}: '{printable(key, 40)}' is not an option; {hint}")
        elif key in found:
            problems.append(f"{name}: '{key}' stands there twice; write it once")
        # Not parse_qs: it reads the '+' of ann+lists@example.com as a space.
        found[key] = unquote(value)
    return found


def _sender(value: str, name: str, problems: list[str]) -> str:
    try:
        return str(parse_address(value, "from")) if value else ""
    except JobFailed as error:
        problems.append(f"{name}: {error}")
        return ""


def _timeout(value: str, name: str, problems: list[str]) -> float:
    try:
        seconds = float(value) if value.isascii() and value.isdigit() else parse_duration(value).total_seconds()
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= _MOST_SECONDS:
        problems.append(f"{name}: timeout is '{printable(value, 20)}'; write up to 10m, such as 30s")
    return seconds


def _unsafe(settings: SmtpSettings, insecure: bool, name: str, *, token: bool) -> list[str]:
    problems = []
    if token:
        if not settings.user or settings.password:
            problems.append(
                f"{name}: with oauth2 the URL has a user and no password; write smtp://user%40example.com@host"
            )
    elif bool(settings.user) != bool(settings.password):
        problems.append(f"{name}: a login needs both; write smtp://user:password@host, or neither")
    if not (settings.user + settings.password).isascii():
        problems.append(f"{name}: SMTP logins are ASCII; choose a user and password without other characters")
    if settings.tls == "none" and not settings.is_loopback:
        if settings.user:
            problems.append(f"{name}: tls=none would show the password to the network; write tls=required")
        elif not insecure:
            problems.append(
                f"{name}: tls=none is for this machine alone and {settings.host or 'the host'} is another; "
                "write tls=required, or set AUTOMATION_SMTP_INSECURE=1"
            )
    return problems

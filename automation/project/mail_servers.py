"""Mail servers of an installation: AUTOMATION_SMTP_URL and `[mail.NAME]` of automation.toml become servers to send through.

Owns: putting URL, pace, token and signature of a server together, once.
Never: connects.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from automation.clock import Clock
from automation.errors import SettingsInvalid, UnknownName
from automation.ledger.limit import Rate
from automation.project.mail import DEFAULT, load_mail
from automation.secrets import Redactor, resolve
from automation.settings import Settings
from automation.text import nearest

if TYPE_CHECKING:
    from automation.mail.server import MailServer


class MailServers:
    """The servers by name; each is made when it is first asked for."""

    def __init__(self, settings: Settings, environ: Mapping[str, str], redactor: Redactor, clock: Clock) -> None:
        self._settings, self._environ, self._redactor, self._clock = settings, environ, redactor, clock
        self._made: dict[str, MailServer | None] = {}
        self._declared: Mapping[str, Mapping[str, Any]] | None = None

    @property
    def declared(self) -> Mapping[str, Mapping[str, Any]]:
        """What automation.toml says, references unresolved."""
        if self._declared is None:
            self._declared = load_mail(self._settings.project)
        return self._declared

    @property
    def names(self) -> list[str]:
        """All of them; the default one first, whether it is set or not."""
        return [DEFAULT, *sorted(self.declared.keys() - {DEFAULT})]

    def find(self, name: str) -> MailServer | None:
        """The server of this name; None where it is the default one and no URL says where it is: mails are captured.

        Raises UnknownName, SettingsInvalid, SecretMissing.
        """
        if name not in self.names:
            hint = f'; declare it in automation.toml: [mail.{name}] url = "..."'
            raise UnknownName("mail server", name, nearest(name, self.names), hint)
        if name not in self._made:
            self._made[name] = self._make(name)
        return self._made[name]

    def _make(self, name: str) -> MailServer | None:
        written = self.declared.get(name, {})
        said = {key: value for key, value in written.items() if key != "url" or not self._from_environment(name)}
        table: dict[str, Any] = resolve(said, self._environ, self._redactor, self._settings.project)
        own = self._from_environment(name)
        url = own or str(table.get("url", ""))
        if not url:
            return None
        # Late: it brings the mail library, which most processes never need.
        from automation.mail.server import MailServer
        from automation.mail.settings import parse_smtp_url

        self._redactor.learn(url)
        label = "AUTOMATION_SMTP_URL" if own else f"[mail.{name}] url"
        token = table.get("oauth2")
        smtp = parse_smtp_url(url, insecure=self._settings.smtp_insecure, name=label, token=token is not None)
        rate = Rate.parse(str(table["rate"])) if "rate" in table else None
        return MailServer(
            name,
            smtp,
            interval=rate.span / rate.count if rate else timedelta(),
            connections=int(table.get("connections", 2)),
            sign=_signer(table["dkim"]) if "dkim" in table else None,
            token=self._token(name, token) if token is not None else None,
        )

    def _from_environment(self, name: str) -> str:
        return self._settings.smtp_url or "" if name == DEFAULT else ""

    def _token(self, name: str, table: Mapping[str, str]) -> Any:
        from automation.mail.oauth2 import Grant, TokenSource

        grant = Grant(**table)
        problem = grant.problem()
        if problem:
            raise SettingsInvalid([f"[mail.{name}] oauth2: {problem}"])
        for secret in (grant.client_secret, grant.refresh_token):
            if secret:
                self._redactor.learn(secret)
        return TokenSource(grant, self._clock)


def _signer(table: Mapping[str, str]) -> Any:
    from automation.mail.dkim import MISSING, installed, signer

    if not installed():
        raise SettingsInvalid([MISSING])
    return signer(table["selector"], table["domain"], table["key"])

"""Mails of an attempt, on their way into the outbox: `ctx.send`.

Owns: the rows that are written with the verdict.
Never: writes them; makes a mail.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

from automation.clock import Clock
from automation.errors import InvalidInput
from automation.ledger.limit import Rate
from automation.ledger.rows import RunRow
from automation.ledger.states import MailState
from automation.project.digests import Digest, digest_of
from automation.text import printable


@dataclass(frozen=True)
class How:
    """How a mail leaves.

    Parameters
    ----------
    server: `[mail.NAME]` of automation.toml.
    rate: so many of this run's mails in a span, such as `600/m`; each falls due behind the one before.
    on_doubt: `hold` or `resend`, when nobody knows whether it was taken.
    digest: `[digests.NAME]` of automation.toml that it is gathered for, in place of being sent by itself.
    expires: not sent any more when it could not be sent so long.
    """

    server: str = "default"
    rate: str | None = None
    on_doubt: str = "hold"
    expires: timedelta | None = None
    digest: str = ""

    def __post_init__(self) -> None:
        if self.on_doubt not in ("hold", "resend"):
            raise InvalidInput(f"on_doubt is '{printable(self.on_doubt, 40)}'; write hold or resend")


class Mails:
    """Mails of an attempt: kept here, and written with its verdict.

    Parameters
    ----------
    sender: gives who a mail without `From` comes from, by the name of its server.
    digests: those that a mail may be gathered for, by name.
    mute: mails are looked at as always, counted in `unsent`, and kept nowhere.
    """

    def __init__(
        self,
        clock: Clock,
        run: RunRow,
        sender: Callable[[str], str],
        *,
        mute: bool = False,
        digests: Mapping[str, Digest] | None = None,
    ) -> None:
        self._clock, self._run, self._sender, self._mute = clock, run, sender, mute
        self._digests = digests or {}
        self._paced: dict[str, int] = {}
        self.rows: list[dict[str, Any]] = []
        self.unsent = 0

    def add(self, message: EmailMessage, key: str, **how: Any) -> None:
        try:
            self._add(message, key, How(**how))
        except TypeError:
            known = ", ".join(item.name for item in fields(How))
            raise InvalidInput(f"ctx.send takes {known}, and was given {', '.join(how)}") from None

    def _add(self, message: EmailMessage, key: str, how: How) -> None:
        if len(key) > 200:
            raise InvalidInput(
                f"The mail's key '{printable(key, 60)}' is longer than 200 characters; use a shorter one"
            )
        recipients = _recipients(message)
        if not recipients:
            raise InvalidInput("The mail has no recipient; set to, cc or bcc")
        if longest := next((one for one in recipients if len(one) > 254), None):
            raise InvalidInput(f"The address '{printable(longest, 60)}' is longer than 254 characters")
        # Late: it brings the mail library, which most runs do not need.
        from automation.mail.origin import send_from

        sender = "" if "From" in message else self._sender(how.server)
        send_from(message, sender, f"{self._run.scope}|{key}", self._clock.now())
        del message["Bcc"]
        digest = digest_of(how.digest, self._digests) if how.digest else None
        if self._mute:
            self.unsent += 1
            return
        now, raw = self._clock.now(), message.as_bytes()
        for recipient in recipients:
            self.rows.append(
                {
                    "scope": self._run.scope,
                    "message_key": key,
                    "recipient": recipient,
                    "run_id": self._run.id,
                    "job": self._run.job,
                    "sender": str(message["From"])[:254],
                    "subject": str(message["Subject"] or "")[:998],
                    "message_id": str(message["Message-ID"] or "")[:255],
                    "message": raw,
                    "state": MailState.GATHERED if digest else MailState.QUEUED,
                    "digest": how.digest or None,
                    "tries": 0,
                    "created_at": now,
                    "due_at": digest.next_close(now) if digest else now + self._pause(how.rate),
                    "server": how.server,
                    "on_doubt": how.on_doubt,
                    "expires_at": None if how.expires is None else now + how.expires,
                }
            )

    def _pause(self, rate: str | None) -> timedelta:
        """How long the next mail of this rate waits behind those before it."""
        if rate is None:
            return timedelta()
        pace, before = Rate.parse(rate), self._paced.get(rate, 0)
        self._paced[rate] = before + 1
        return pace.span / pace.count * before


def _recipients(message: EmailMessage) -> list[str]:
    """Everybody in To, Cc and Bcc, once, in the order of the headers."""
    fields = [field for name in ("To", "Cc", "Bcc") for field in message.get_all(name, [])]
    return list(dict.fromkeys(address.addr_spec for field in fields for address in field.addresses))

"""What a mail is made of, as it stands in TOML: addresses, words, files, and how it leaves.

Owns: those keys and their sentences.
Never: asks a database; that is the plugin's.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from automation.errors import JobFailed
from automation.mail.addresses import parse_address
from automation.rendering import check_source
from automation.text import parse_duration, printable

_RATE = re.compile(r"[1-9]\d{0,5}/[smhd]", re.ASCII)
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*", re.ASCII)
_LONGEST_LIFE = timedelta(days=90)


def _address(text: str) -> str:
    """The text, if it is one address, or a template that makes one. Raises ValueError."""
    if "{{" not in text and "{%" not in text:
        try:
            parse_address(text)
        except JobFailed as error:
            raise ValueError(str(error)) from None
    return check_source(text)


def _rate(text: str) -> str:
    if not _RATE.fullmatch(text):
        raise ValueError(
            f"'{printable(text, 40)}' is not a rate; write how many mails in which span: 10/s, 600/m, 2000/d"
        )
    return text


def _life(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    span = parse_duration(value)
    if not timedelta(minutes=1) <= span <= _LONGEST_LIFE:
        raise ValueError(f"'{printable(value, 40)}' is out of range; write 1m to 90d")
    return span


Template = Annotated[str, AfterValidator(check_source)]
Address = Annotated[str, AfterValidator(_address)]
Rate = Annotated[str, AfterValidator(_rate)]
Life = Annotated[timedelta, BeforeValidator(_life)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Attach(_Strict):
    """Files of another job's run, or one of the project's folder.

    Parameters
    ----------
    job: its name; this flow's run of it, else its newest succeeded one.
    pattern: which of its files, such as `*.html`.
    file: a file, seen from the project's folder, in place of a job.
    optional: having none is no failure.
    """

    job: str = ""
    pattern: str = "*"
    file: str = ""
    optional: bool = False

    @model_validator(mode="after")
    def _one(self) -> Attach:
        if bool(self.job) == bool(self.file):
            raise ValueError(
                'names a job or a file: { job = "weekly-sales", pattern = "*.pdf" } or { file = "terms.pdf" }'
            )
        return self


class Words(_Strict):
    """The words of a mail in one language.

    Parameters
    ----------
    subject: default: that of the mail.
    markdown: the body; its HTML is made from it, and values in it stay text.
    template: a file of `templates/`: `.html` is the HTML body, anything else the text.
    """

    subject: Template = ""
    text: Template = ""
    html: Template = ""
    markdown: Template = ""
    template: str = ""

    @property
    def bodies(self) -> list[str]:
        """Which of the keys that hold the body are set."""
        return [name for name in ("html", "markdown", "template") if getattr(self, name)]

    @model_validator(mode="after")
    def _one_body(self) -> Words:
        if len(self.bodies) > 1:
            both = " and ".join(self.bodies)
            raise ValueError(f"{both} are both the body; keep one of them (text may stand beside it)")
        return self


class MailParams(Words):
    """A mail; addresses, subject and bodies are Jinja2.

    Parameters
    ----------
    to: one address an item, with or without a name.
    from: default: `from=` of the server's URL.
    languages: words by language, such as `[params.languages.de]`; what one does not say is said as above.
    language: which of them, such as `{{ row.language }}`; one that is not there means the words above.
    attach: an image that the HTML names as `cid:NAME` stands in the text, other files are attached.
    unsubscribe: an address (https:// or mailto:) with which a mail program unsubscribes the recipient at one click.
    allow: addresses and domains that this job may write to; anywhere, if it says nothing.
    max_recipients: of the whole run; beyond it nothing is sent.
    max_size: of one mail, in bytes.
    server: `[mail.NAME]` of automation.toml.
    rate: so many of this run's mails in a span, such as `600/m`.
    on_doubt: what becomes of a mail of which nobody knows whether it was taken: wait for a person, or be sent again.
    digest: `[digests.NAME]` of automation.toml: gathered with others, and one mail when that closes.
    expires: a mail that could not be sent so long is not sent any more.
    """

    subject: Template = Field(min_length=1, max_length=2000)
    to: list[Address] = []
    cc: list[Address] = []
    bcc: list[Address] = []
    reply_to: list[Address] = []
    sender: Address | None = Field(default=None, alias="from")
    languages: dict[str, Words] = {}
    language: Template = ""
    attach: list[Attach] = []
    unsubscribe: Template = ""
    allow: list[str] = []
    max_recipients: int = Field(default=1000, ge=1, le=100_000)
    max_size: int = Field(default=20_000_000, ge=1000, le=100_000_000)
    timezone: str = "UTC"
    currency: str = ""
    server: str = "default"
    rate: Rate | None = None
    on_doubt: Literal["hold", "resend"] = "hold"
    # RFC 5321, section 4.5.4.1: whoever sends gives up after four to five days at the earliest.
    expires: Life = timedelta(days=5)
    digest: str = ""

    @field_validator("to", "cc", "bcc", "reply_to", "allow", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    @field_validator("languages")
    @classmethod
    def _named(cls, found: dict[str, Words]) -> dict[str, Words]:
        for name in found:
            if not _LANGUAGE.fullmatch(name):
                raise ValueError(f"'{printable(name, 40)}' is no language; write a code such as de or pt-BR")
        return found

    @model_validator(mode="after")
    def _whole(self) -> MailParams:
        if not (self.to or self.cc or self.bcc):
            raise ValueError("the mail has no recipient; set to, cc or bcc")
        if not self.bodies and not self.text:
            raise ValueError("the mail has no content; set text, html, markdown or template")
        if self.digest and (self.attach or self.rate):
            raise ValueError("a mail that is gathered for a digest is its subject and text; remove attach and rate")
        if self.language and not self.languages:
            raise ValueError("language chooses among languages, and there are none; write [params.languages.de]")
        return self

    def in_language(self, code: str) -> Words:
        """The words for a language: `de-AT` finds `de` too; what is missing there is said as in the mail itself."""
        wanted = code.strip().casefold()
        known = {name.casefold(): words for name, words in self.languages.items()}
        words = known.get(wanted) or known.get(wanted.partition("-")[0])
        if words is None:
            return Words(**{name: getattr(self, name) for name in Words.model_fields})
        said = {name: getattr(words, name) for name in Words.model_fields if getattr(words, name)}
        own = {name: getattr(self, name) for name in Words.model_fields}
        # Its body is whole: text of one language beside HTML of another would be two mails in one.
        body = {} if words.bodies or words.text else own
        return Words(**{"subject": self.subject, **body, **said})

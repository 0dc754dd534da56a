"""One mail written: templates and values become a message.

Owns: which template makes which part, and whose words a recipient gets.
Never: sends; asks where the values come from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from typing import Any, Protocol

from automation.errors import FailureClass, JobFailed
from automation.mail.addresses import recipients_of
from automation.mail.compose import compose
from automation.mail.files import Attachment
from automation.mail.inline import inline_css
from automation.mail.params import MailParams, Words
from automation.rendering import render_markdown
from automation.text import printable


class Pen(Protocol):
    """Who renders templates."""

    def render(self, template: str, /, **values: Any) -> str: ...
    def render_text(self, source: str, /, *, html: bool = False, **values: Any) -> str: ...


@dataclass(frozen=True)
class Letter:
    """What all mails of a run have in common.

    Parameters
    ----------
    key: of the occurrence; with a mail's own key it makes the Message-ID.
    moment: the Date of each.
    """

    pen: Pen
    params: MailParams
    files: Sequence[Attachment]
    key: str
    moment: datetime

    def write(self, key: str, values: Mapping[str, Any]) -> EmailMessage:
        """One mail. Raises JobFailed with the field that cannot be made, or that no one may be sent."""
        params = self.params
        language = self._field("language", params.language, values).strip()
        words = params.in_language(language)
        values = {**values, "language": language}
        subject = " ".join(self._field("subject", words.subject, values).split())
        text, html = self._bodies(words, {**values, "subject": subject})
        message = compose(
            to=self._addresses("to", params.to, values),
            cc=self._addresses("cc", params.cc, values),
            bcc=self._addresses("bcc", params.bcc, values),
            reply_to=self._addresses("reply_to", params.reply_to, values),
            sender=self._field("from", params.sender, values).strip() if params.sender else None,
            subject=subject,
            text=text,
            html=inline_css(html) if html else "",
            attachments=self.files,
            key=f"{self.key}|{key}",
            moment=self.moment,
            language=language,
            unsubscribe=self._field("unsubscribe", params.unsubscribe, values).strip(),
            max_recipients=params.max_recipients,
            max_bytes=params.max_size,
        )
        self._refuse_strangers(message)
        return message

    def _refuse_strangers(self, message: EmailMessage) -> None:
        allowed = {one.casefold().removeprefix("@") for one in self.params.allow}
        for address in recipients_of(message) if allowed else []:
            name = address.casefold()
            if name not in allowed and name.rpartition("@")[2] not in allowed:
                raise JobFailed(
                    f"'{printable(address, 100)}' is not allowed: this job writes to {', '.join(self.params.allow)} alone",
                    FailureClass.DATA_INVALID,
                )

    def _addresses(self, field: str, sources: Sequence[str], values: Mapping[str, Any]) -> list[str]:
        written = (self._field(field, source, values).strip() for source in sources)
        return [text for text in written if text]

    def _bodies(self, words: Words, values: Mapping[str, Any]) -> tuple[str, str]:
        """The text and the HTML; either may be empty."""
        text = self._field("text", words.text, values)
        if words.html:
            return text, self._field("html", words.html, values, html=True)
        if words.markdown:
            page = self.pen.render("mail.html", **{**values, "body": render_markdown(words.markdown, values)})
            return text or self._field("markdown", words.markdown, values), page
        if words.template.lower().endswith((".html", ".htm")):
            return text, self.pen.render(words.template, **values)
        if words.template:
            return self.pen.render(words.template, **values), ""
        return text, ""

    def _field(self, name: str, source: str, values: Mapping[str, Any], *, html: bool = False) -> str:
        """A field rendered; a mistake in it names the field."""
        if "{" not in source:
            return source
        try:
            return self.pen.render_text(source, html=html, **values)
        except JobFailed as error:
            raise JobFailed(f"{name}: {error}", error.failure_class) from error

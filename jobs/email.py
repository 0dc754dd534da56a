"""The `email` plugin: one mail, or one for each row of a query, put into the outbox."""

from __future__ import annotations

from collections.abc import Iterator
from email.message import EmailMessage
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from automation import Artifact, Context, FailureClass, JobFailed, plugin
from automation.clock import SystemClock
from automation.mail import Attachment, compose, parse_address, recipients_of
from automation.rendering import check_source, render_markdown
from automation.reports import SourceParams, ask, refuse_unavailable, run_values
from automation.text import count, printable, size

_CLOCK = SystemClock()
_SHOWN = 10
_MOST_ATTACHED = 500_000_000


def _address(text: str) -> str:
    """The text, if it is one address, or a template that makes one. Raises ValueError."""
    if "{{" not in text and "{%" not in text:
        try:
            parse_address(text)
        except JobFailed as error:
            raise ValueError(str(error)) from None
    return check_source(text)


Template = Annotated[str, AfterValidator(check_source)]
Address = Annotated[str, AfterValidator(_address)]


class Attach(BaseModel):
    """Files of another job's run.

    Parameters
    ----------
    job: its name; this flow's run of it, else its newest succeeded one.
    pattern: which of its files, such as `*.html`.
    optional: having none is no failure.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    job: str
    pattern: str = "*"
    optional: bool = False


class ForQuery(SourceParams):
    """A query that gives one mail a row.

    Parameters
    ----------
    key: the column that tells the rows apart, so that nobody gets a mail twice; default: the row's number.
    """

    key: str | None = None


class EmailParams(BaseModel):
    """The parameters of the `email` plugin; addresses, subject and bodies are Jinja2.

    Parameters
    ----------
    to: one address an item, with or without a name.
    from: default: `from=` of AUTOMATION_SMTP_URL.
    markdown: the body; its HTML is made from it, and values in it stay text.
    template: a file of `templates/`: `.html` is the HTML body, anything else the text.
    for_query: one mail for each row, which is `row` in the templates.
    on_invalid: what a row whose mail cannot be made does: fail the run before any is sent, or be left out and told.
    max_recipients: of the whole run; beyond it nothing is sent.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    to: list[Address] = []
    cc: list[Address] = []
    bcc: list[Address] = []
    reply_to: list[Address] = []
    sender: Address | None = Field(default=None, alias="from")
    subject: Template = Field(min_length=1, max_length=2000)
    text: Template = ""
    html: Template = ""
    markdown: Template = ""
    template: str = ""
    attach: list[Attach] = []
    for_query: ForQuery | None = None
    on_invalid: Literal["fail", "skip"] = "fail"
    max_recipients: int = Field(default=1000, ge=1, le=100_000)
    max_size: int = Field(default=20_000_000, ge=1000, le=100_000_000)
    timezone: str = "UTC"
    currency: str = ""

    @model_validator(mode="wrap")
    @classmethod
    def _available(cls, data: Any, handler: Any) -> Any:
        return refuse_unavailable(cls.__name__, data, handler, ("group_by", "server", "rate", "on_doubt"))

    @field_validator("to", "cc", "bcc", "reply_to", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    @model_validator(mode="after")
    def _whole(self) -> EmailParams:
        if not (self.to or self.cc or self.bcc):
            raise ValueError("the mail has no recipient; set to, cc or bcc")
        pages = [name for name in ("html", "markdown", "template") if getattr(self, name)]
        if not pages and not self.text:
            raise ValueError("the mail has no content; set text, html, markdown or template")
        if len(pages) > 1:
            raise ValueError(f"{' and '.join(pages)} are both the body; keep one of them (text may stand beside it)")
        return self


@plugin("email", renders=True)
def email(ctx: Context, params: EmailParams) -> dict[str, Any]:
    """Send a mail, or one for each row of a query; it leaves when the run has succeeded, once for each recipient."""
    rows = list(_rows(ctx, params))
    attachments = _attachments(ctx, params, len(rows))
    mails, left_out = [], []
    for number, (key, row) in enumerate(rows, start=1):
        try:
            mails.append((key, _mail(ctx, params, key, row, attachments)))
        except JobFailed as error:
            if row is None or error.failure_class is not FailureClass.DATA_INVALID:
                raise
            left_out.append(f"row {number} (key {printable(key, 60)}): {error}")
        ctx.progress(number, len(rows))
    _judge(ctx, params, len(mails), left_out)
    recipients = sum(len(recipients_of(message)) for _, message in mails)
    if recipients > params.max_recipients:
        raise JobFailed(
            f"{count(recipients, 'recipient')}, and max_recipients is {params.max_recipients:,}; nothing was sent. "
            "Narrow the query, or raise max_recipients",
            FailureClass.DATA_INVALID,
        )
    for key, message in [] if ctx.dry_run else mails:
        ctx.send(message, key=key)
    return {
        "mails": len(mails),
        "recipients": recipients,
        "subject": str(mails[0][1]["Subject"]) if mails else "",
        "attachments": [file.name for file in attachments],
        "left_out": left_out,
    }


def _judge(ctx: Context, params: EmailParams, made: int, left_out: list[str]) -> None:
    for problem in left_out:
        ctx.log.warning("No mail for %s", problem)
    if left_out and (params.on_invalid == "fail" or not made):
        more = f" … and {len(left_out) - _SHOWN} more" if len(left_out) > _SHOWN else ""
        way_out = "" if not made else '; correct them, or write on_invalid = "skip" to mail the others'
        raise JobFailed(
            f"{count(len(left_out), 'mail')} cannot be made, so none was sent: "
            f"{'; '.join(left_out[:_SHOWN])}{more}{way_out}",
            FailureClass.DATA_INVALID,
        )


def _rows(ctx: Context, params: EmailParams) -> Iterator[tuple[str, dict[str, Any] | None]]:
    """Each mail's key and row; one without a row when there is no query."""
    query = params.for_query
    if query is None:
        yield "1", None
        return
    answer = ask(
        ctx.database(query.database, read_only=True),
        "for_query",
        query.sql,
        {**run_values(ctx.nominal_time, ctx.window.start, ctx.window.end), **query.params},
        max_rows=params.max_recipients,
        time_limit=query.time_limit,
        clock=_CLOCK,
        own=tuple(query.params),
    )
    if answer.truncated:
        raise JobFailed(
            f"for_query gives more than {count(params.max_recipients, 'row')}, which is max_recipients; nothing was sent",
            FailureClass.DATA_INVALID,
        )
    seen: set[str] = set()
    for number, row in enumerate(answer.records(), start=1):
        key = _key(query.key, row, number)
        if key in seen:
            raise JobFailed(
                f"for_query: {query.key} is '{printable(key, 60)}' in more than one row; choose a key that is unique",
                FailureClass.DATA_INVALID,
            )
        seen.add(key)
        yield key, row


def _key(column: str | None, row: dict[str, Any], number: int) -> str:
    if column is None:
        return str(number)
    if column not in row:
        raise JobFailed(
            f"for_query gives no column '{column}' for its key; there is: {', '.join(row)}", FailureClass.CONFIG
        )
    if row[column] is None:
        raise JobFailed(f"for_query: the key '{column}' is NULL in row {number}", FailureClass.DATA_INVALID)
    return str(row[column])


def _attachments(ctx: Context, params: EmailParams, mails: int) -> list[Attachment]:
    """The files that every mail carries, read once it is known that they can be carried."""
    files = [file for wanted in params.attach for file in _files(ctx, wanted)]
    each = sum(file.size for file in files)
    if each > params.max_size or each * mails > _MOST_ATTACHED:
        raise JobFailed(
            f"the attachments are {size(each)} for each of {count(mails, 'mail')}; at most {size(params.max_size)} a mail "
            f"and {size(_MOST_ATTACHED)} a run are sent: attach less, or link to it",
            FailureClass.DATA_INVALID,
        )
    return [Attachment(file.name, file.path.read_bytes(), file.media_type) for file in files]


def _files(ctx: Context, wanted: Attach) -> list[Artifact]:
    found = ctx.artifacts(wanted.job, wanted.pattern)
    if not found and not wanted.optional:
        raise JobFailed(
            f"the job '{wanted.job}' left no file that fits '{wanted.pattern}'; run it first, correct the pattern, "
            "or write optional = true",
            FailureClass.EMPTY,
        )
    return found


def _mail(
    ctx: Context, params: EmailParams, key: str, row: dict[str, Any] | None, files: list[Attachment]
) -> EmailMessage:
    values = _values(ctx, params, row, files)
    subject = " ".join(_written(ctx, "subject", params.subject, values).split())
    text, html = _bodies(ctx, params, {**values, "subject": subject})
    moment = f"{ctx.schedule}|{ctx.nominal_time.isoformat()}" if ctx.schedule else ctx.run_id
    return compose(
        to=_addresses(ctx, "to", params.to, values),
        cc=_addresses(ctx, "cc", params.cc, values),
        bcc=_addresses(ctx, "bcc", params.bcc, values),
        reply_to=_addresses(ctx, "reply_to", params.reply_to, values),
        sender=_written(ctx, "from", params.sender, values).strip() if params.sender else None,
        subject=subject,
        text=text,
        html=html,
        attachments=files,
        key=f"{ctx.job.name}|{moment}|{key}",
        moment=ctx.nominal_time,
        max_recipients=params.max_recipients,
        max_bytes=params.max_size,
    )


def _values(ctx: Context, params: EmailParams, row: dict[str, Any] | None, files: list[Attachment]) -> dict[str, Any]:
    attached = [{"name": file.name, "size": len(file.content), "media_type": file.media_type} for file in files]
    return {
        "job": ctx.job.name,
        "run_id": ctx.run_id,
        "nominal_time": ctx.nominal_time,
        "window": {"start": ctx.window.start, "end": ctx.window.end},
        "attachments": attached,
        "timezone": params.timezone,
        "currency": params.currency,
        **({} if row is None else {"row": row}),
    }


def _addresses(ctx: Context, field: str, sources: list[str], values: dict[str, Any]) -> list[str]:
    written = (_written(ctx, field, source, values).strip() for source in sources)
    return [text for text in written if text]


def _bodies(ctx: Context, params: EmailParams, values: dict[str, Any]) -> tuple[str, str]:
    """The text and the HTML; either may be empty."""
    text = _written(ctx, "text", params.text, values) if params.text else ""
    if params.html:
        return text, _written(ctx, "html", params.html, values, html=True)
    if params.markdown:
        page = ctx.render("mail.html", **{**values, "body": render_markdown(params.markdown, values)})
        return text or _written(ctx, "markdown", params.markdown, values), page
    if params.template.lower().endswith((".html", ".htm")):
        return text, ctx.render(params.template, **values)
    if params.template:
        return ctx.render(params.template, **values), ""
    return text, ""


def _written(ctx: Context, field: str, source: str, values: dict[str, Any], *, html: bool = False) -> str:
    """A field rendered; a mistake in it names the field."""
    try:
        return ctx.render_text(source, html=html, **values)
    except JobFailed as error:
        raise JobFailed(f"{field}: {error}", error.failure_class) from error

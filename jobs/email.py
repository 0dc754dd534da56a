"""The `email` plugin: one mail, or one for each row of a query or a CSV file, put into the outbox."""

from __future__ import annotations

from email.message import EmailMessage
from typing import Any, Literal

from pydantic import Field, model_validator

from automation import Artifact, Context, FailureClass, JobFailed, plugin
from automation.clock import SystemClock
from automation.mail import Attachment, recipients_of
from automation.mail.files import media_type
from automation.mail.letter import Letter
from automation.mail.params import Attach, MailParams
from automation.mail.people import ForCsv, Keyed, grouped, keyed, rows_of_csv
from automation.reports import SourceParams, ask, run_values
from automation.text import count, printable, size

_CLOCK = SystemClock()
_SHOWN = 10
_MOST_ATTACHED = 500_000_000


class ForQuery(SourceParams):
    """A query that gives one mail a row.

    Parameters
    ----------
    key: the column that tells the rows apart, so that nobody gets a mail twice; default: the row's number.
    """

    key: str | None = None


class EmailParams(MailParams):
    """The parameters of the `email` plugin: those of a mail, and who gets one.

    Parameters
    ----------
    for_query: one mail for each row, which is `row` in the templates.
    for_csv: the same from a file.
    group_by: a column; rows with one value of it are one mail, and `rows` in its templates.
    on_invalid: what a row whose mail cannot be made does: fail the run before any is sent, or be left out and told.
    """

    for_query: ForQuery | None = None
    for_csv: ForCsv | None = None
    group_by: str = Field(default="", max_length=200)
    on_invalid: Literal["fail", "skip"] = "fail"

    @model_validator(mode="after")
    def _one_list(self) -> EmailParams:
        if self.for_query and self.for_csv:
            raise ValueError("for_query and for_csv are both the list of who gets a mail; keep one of them")
        source = self.for_query or self.for_csv
        if self.group_by and source is None:
            raise ValueError("group_by groups the rows of for_query or for_csv, and there is neither")
        if self.group_by and source is not None and source.key:
            raise ValueError("group_by is the key of a grouped mail; remove key")
        return self


@plugin("email", renders=True)
def email(ctx: Context, params: EmailParams) -> dict[str, Any]:
    """Send a mail, or one for each row; it leaves when the run has succeeded, once for each recipient."""
    rows = _rows(ctx, params)
    files = _attachments(ctx, params, len(rows))
    moment = f"{ctx.schedule}|{ctx.nominal_time.isoformat()}" if ctx.schedule else ctx.run_id
    letter = Letter(ctx, params, files, f"{ctx.job.name}|{moment}", ctx.nominal_time)
    mails, left_out = _written(ctx, params, letter, rows)
    _judge(ctx, params, len(mails), left_out)
    recipients = sum(len(recipients_of(message)) for _, message in mails)
    if recipients > params.max_recipients:
        raise JobFailed(
            f"{count(recipients, 'recipient')}, and max_recipients is {params.max_recipients:,}; nothing was sent. "
            "Narrow the query, or raise max_recipients",
            FailureClass.DATA_INVALID,
        )
    how = {"server": params.server, "on_doubt": params.on_doubt, "expires": params.expires, "rate": params.rate}
    if params.digest:
        how["digest"] = params.digest
    for key, message in [] if ctx.dry_run else mails:
        ctx.send(message, key=key, **how)
    return {
        "mails": len(mails),
        "recipients": recipients,
        "subject": str(mails[0][1]["Subject"]) if mails else "",
        "attachments": [file.name for file in files],
        "left_out": left_out,
    }


def _written(
    ctx: Context, params: EmailParams, letter: Letter, rows: list[Keyed]
) -> tuple[list[tuple[str, EmailMessage]], list[str]]:
    """The mails, and a sentence for each row of which none can be made."""
    attached = [{"name": one.name, "size": len(one.content), "media_type": one.media_type} for one in letter.files]
    common = {
        "job": ctx.job.name,
        "run_id": ctx.run_id,
        "nominal_time": ctx.nominal_time,
        "window": {"start": ctx.window.start, "end": ctx.window.end},
        "attachments": attached,
        "timezone": params.timezone,
        "currency": params.currency,
    }
    mails, left_out = [], []
    for number, (key, row) in enumerate(rows, start=1):
        try:
            mails.append((key, letter.write(key, {**common, **row})))
        except JobFailed as error:
            if not row or error.failure_class is not FailureClass.DATA_INVALID:
                raise
            left_out.append(f"row {number} (key {printable(key, 60)}): {error}")
        ctx.progress(number, len(rows))
    return mails, left_out


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


def _rows(ctx: Context, params: EmailParams) -> list[Keyed]:
    """Each mail's key and what its templates see of its rows; one with nothing when there is no list."""
    source = params.for_query or params.for_csv
    if source is None:
        return [("1", {})]
    if isinstance(source, ForCsv):
        what, rows = "for_csv", rows_of_csv(ctx.project / source.file, source, params.max_recipients)
    else:
        what, rows = "for_query", _asked(ctx, params, source)
    if params.group_by:
        return list(grouped(rows, params.group_by, what))
    return [(key, {"row": row}) for key, row in keyed(rows, source.key, what)]


def _asked(ctx: Context, params: EmailParams, query: ForQuery) -> list[dict[str, Any]]:
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
    return list(answer.records())


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
    found = [_own_file(ctx, wanted)] if wanted.file else ctx.artifacts(wanted.job, wanted.pattern)
    there = [file for file in found if file.path.is_file()] if wanted.file else found
    if there or wanted.optional:
        return there
    if wanted.file:
        raise JobFailed(
            f"there is no file {ctx.project / wanted.file} to attach; correct it, or write optional = true",
            FailureClass.CONFIG,
        )
    raise JobFailed(
        f"the job '{wanted.job}' left no file that fits '{wanted.pattern}'; run it first, correct the pattern, "
        "or write optional = true",
        FailureClass.EMPTY,
    )


def _own_file(ctx: Context, wanted: Attach) -> Artifact:
    path = ctx.project / wanted.file
    length = path.stat().st_size if path.is_file() else 0
    return Artifact(path.name, path, media_type(path.name), length, "", ctx.run_id, ctx.job.name, ctx.nominal_time)

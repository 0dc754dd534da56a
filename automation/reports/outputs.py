"""The files of a report, made whole before the first is kept.

Owns: which file each format makes, and what each is made of.
Never: keeps a file, or asks a database.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from automation.errors import InvalidInput
from automation.rendering.locales import Forms
from automation.reports.answer import Answer
from automation.reports.cells import Look
from automation.reports.drawing import document
from automation.reports.export import write_csv
from automation.reports.page import Section
from automation.reports.params import ReportParams
from automation.reports.pdf import write_pdf
from automation.reports.stored import Origin
from automation.reports.table import Table
from automation.reports.workbook import About, Sheet, write_xlsx
from automation.text import instant


@dataclass
class Made:
    """What a report is made of, and where its files go.

    Parameters
    ----------
    page: renders a template; without a name the report's own.
    notes: what is not whole; a format adds what it has to leave out.
    """

    params: ReportParams
    title: str
    origin: Origin
    forms: Forms
    answers: Mapping[str, Answer]
    tables: Mapping[str, Table]
    sections: Sequence[Section]
    page: Callable[[str], str]
    folder: Path
    notes: list[str] = field(default_factory=list)


def files_of(made: Made) -> dict[str, Path]:
    """Each file by its name; the data files first, so that the page can say what they left out."""
    order = ("csv", "json", "xlsx", "svg", "png", "md", "html", "pdf")
    files: dict[str, Path] = {}
    for form in sorted(made.params.formats, key=order.index):
        for name, path in _MAKERS[form](made):
            files[name] = path
    shown = [name for form in made.params.formats for name in files if name.endswith(f".{form}")]
    return {name: files[name] for name in dict.fromkeys(shown)}


def _csv(made: Made) -> Iterator[tuple[str, Path]]:
    for name, answer in made.answers.items():
        yield f"{name}.csv", write_csv(answer, made.folder / f"{name}.csv")


def _xlsx(made: Made) -> Iterator[tuple[str, Path]]:
    path, origin, forms = made.folder / "report.xlsx", made.origin, made.forms
    words = forms.words
    facts = {
        words["job"]: origin.job,
        words["run"]: origin.run_id,
        words["moment"]: forms.long_moment(origin.nominal_time),
        words["from"]: forms.moment(origin.window_start),
        words["until"]: forms.moment(origin.window_end),
        words["zone"]: forms.timezone,
    }
    sheets = [_sheet(table, made.answers[name], made) for name, table in made.tables.items()]
    about = About(made.title, origin.nominal_time.astimezone(UTC), facts, list(made.notes), words)
    made.notes += write_xlsx(path, sheets, about, timezone=forms.timezone)
    yield "report.xlsx", path


def _sheet(table: Table, answer: Answer, made: Made) -> Sheet:
    looks = []
    for writer in table.writers:
        form = "percent" if writer.role == "change" else writer.how.format
        currency = made.forms.currency if form == "money" else ""
        looks.append(Look(writer.title, form, writer.digits, currency, label=writer.is_label))
    chart = None
    names = [writer.title for writer in table.writers]
    if table.chart and table.chart.kind in ("bar", "line", "stacked", "share"):
        values = [names.index(series.name) for series in table.chart.series]
        label = next((at for at, writer in enumerate(table.writers) if not writer.numeric), 0)
        chart = (table.chart.kind, label, values)
    return Sheet(table.title, answer, looks, chart)


def _json(made: Made) -> Iterator[tuple[str, Path]]:
    """One document, its rows written a portion at a time."""
    path, origin = made.folder / "report.json", made.origin
    with path.open("w", encoding="utf-8") as stream:
        head = {"title": made.title, "job": origin.job, "run": origin.run_id, "notes": made.notes}
        moments = {name: instant(getattr(origin, name)) for name in ("nominal_time", "window_start", "window_end")}
        stream.write(json.dumps({**head, **moments})[:-1] + ', "queries": {')
        for number, (name, answer) in enumerate(made.answers.items()):
            opening = {"columns": list(answer.columns), "found": answer.found, "cut": answer.cut}
            stream.write(f'{", " if number else ""}{json.dumps(name)}: {json.dumps(opening)[:-1]}, "rows": [')
            first = True
            for rows in answer.portions():
                lines = ",\n".join(json.dumps([_plain(value) for value in row], allow_nan=False) for row in rows)
                stream.write(("\n" if first else ",\n") + lines)
                first = False
            stream.write("\n]}")
        stream.write("}}\n")
    yield "report.json", path


def _plain(value: Any) -> Any:
    """A value as JSON has it; a decimal is a number where that loses nothing, and what JSON lacks is null or text."""
    if value is None or isinstance(value, (str, bool, int)):
        return value
    for kind, write in _PLAIN:
        if isinstance(value, kind):
            return write(value)
    return str(value)


def _decimal(value: Decimal) -> float | str:
    return float(value) if value.is_finite() and Decimal(repr(float(value))) == value else str(value)


#: The first that fits; a subclass stands before its base.
_PLAIN: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
    (Decimal, _decimal),
    (float, lambda value: value if math.isfinite(value) else None),
    (datetime, lambda value: value.isoformat() if value.tzinfo is None else instant(value)),
    ((date, time), lambda value: value.isoformat()),
    (timedelta, lambda value: value.total_seconds()),
    ((bytes, bytearray, memoryview), lambda value: "0x" + bytes(value).hex()),
)


def _pictures(made: Made) -> Iterator[tuple[str, str]]:
    """The charts by a file's stem: the query's name, with a number where it has several."""
    seen: dict[str, int] = {}
    for section in made.sections:
        for block in section.blocks:
            if block.chart and block.table:
                number = seen[block.table.name] = seen.get(block.table.name, 0) + 1
                yield f"{block.table.name}-{number}" if number > 1 else block.table.name, document(block.chart.svg)


def _svg(made: Made) -> Iterator[tuple[str, Path]]:
    for stem, picture in _pictures(made):
        path = made.folder / f"{stem}.svg"
        path.write_text(picture, encoding="utf-8")
        yield path.name, path


def _png(made: Made) -> Iterator[tuple[str, Path]]:
    """Pictures for mails, at twice the size for sharp screens."""
    try:
        import resvg_py
    except ModuleNotFoundError as error:
        raise InvalidInput("Pictures as PNG need resvg-py; run: pip install 'automation[png]'") from error
    for stem, picture in _pictures(made):
        path = made.folder / f"{stem}.png"
        path.write_bytes(
            bytes(
                resvg_py.svg_to_bytes(svg_string=picture, zoom=2, background="#ffffff", sans_serif_family="DejaVu Sans")
            )
        )
        yield path.name, path


def _text(name: str, template: str) -> Callable[[Made], Iterator[tuple[str, Path]]]:
    def make(made: Made) -> Iterator[tuple[str, Path]]:
        path = made.folder / name
        path.write_text(made.page(template), encoding="utf-8", errors="replace")
        yield name, path

    return make


def _pdf(made: Made) -> Iterator[tuple[str, Path]]:
    path = made.folder / "report.pdf"
    write_pdf(made.page(""), path)
    yield "report.pdf", path


_MAKERS: dict[str, Callable[[Made], Iterator[tuple[str, Path]]]] = {
    "csv": _csv,
    "json": _json,
    "xlsx": _xlsx,
    "svg": _svg,
    "png": _png,
    "md": _text("report.md", "report.md"),
    "html": _text("report.html", ""),
    "pdf": _pdf,
}

"""What a report's template is given.

Owns: the names and words of the page: title, sections, blocks, provenance.
Never: renders a page; reads a clock: a re-run of an occurrence shows the same moment.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from markupsafe import Markup

from automation.rendering.locales import Forms
from automation.reports.blocks import BlockParams
from automation.reports.chart import KINDS, Chart
from automation.reports.stored import Origin
from automation.reports.table import Table


@dataclass(frozen=True)
class Block:
    """One block, ready for its template."""

    template: str
    kind: str
    title: str = ""
    table: Table | None = None
    chart: Chart | None = None
    text: Markup | None = None
    wide: str = "full"


@dataclass
class Section:
    """Blocks under a heading."""

    title: str
    description: str = ""
    text: Markup | None = None
    blocks: list[Block] = field(default_factory=list)
    id: str = ""


def sections_of(
    tables: Mapping[str, Table],
    blocks: Sequence[BlockParams],
    fill: Callable[[str], str],
    markdown: Callable[[str], Markup],
) -> list[Section]:
    """The blocks under their headings; without any, a section for each query.

    Parameters
    ----------
    fill: fills in a line of Jinja2.
    markdown: makes HTML of Markdown with Jinja2 in it.
    """
    if not blocks:
        found = [Section(table.title, table.description, blocks=_usual(table)) for table in tables.values()]
    else:
        found = []
        for block in blocks:
            if block.block == "section":
                found.append(Section(fill(block.title), text=markdown(block.text) if block.text else None))
                continue
            if not found:
                found.append(Section(""))
            found[-1].blocks.append(_block(block, tables, fill, markdown))
    for number, section in enumerate(found, start=1):
        section.id = f"s{number}"
    return found


def _usual(table: Table) -> list[Block]:
    if not table.shown or not table.cards:
        drawn = [Block("report/chart.html", table.chart.kind, table=table, chart=table.chart)] if table.chart else []
        return [*drawn, Block("report/table.html", "table", table=table)]
    return [Block("report/cards.html", "cards", table=table)]


def _block(
    block: BlockParams, tables: Mapping[str, Table], fill: Callable[[str], str], markdown: Callable[[str], Markup]
) -> Block:
    table = tables[block.query] if block.query else None
    chart = None
    if table is not None and block.block in KINDS:
        chart = table.drawn(block.block, block.label, block.values, fill(block.title))
    if table is not None and (block.columns or block.rows):
        table = narrowed(table, block.columns, block.rows)
    name = "chart" if block.block in KINDS else block.block
    text = markdown(block.text) if block.text else None
    return Block(f"report/{name}.html", block.block, fill(block.title), table, chart, text, block.wide)


def narrowed(table: Table, columns: Sequence[str], rows: int | None) -> Table:
    """The table with these columns alone, in this order, and so many rows."""
    names = [column.name for column in table.columns]
    wanted = [
        at
        for name in columns or names
        for at, known in enumerate(names)
        if known == name or (columns and table.columns[at].role and known.rpartition("_")[0] == name)
    ]
    kept = min(rows or table.shown, table.shown)
    return replace(
        table,
        columns=tuple(table.columns[at] for at in wanted),
        written=tuple(table.written[at].first(kept) for at in wanted),
        shown=kept,
        totals=tuple(table.totals[at] for at in wanted) if table.totals else (),
        limited=table.limited or kept < table.shown,
    )


@dataclass(frozen=True)
class Words:
    """What a report says of itself.

    Parameters
    ----------
    period_before: what is compared with, in words.
    notes: what is not whole, or is not of now, a sentence each.
    states: thresholds, each with `title`, `state` and `news`.
    files: names of the files beside the page, by query.
    """

    title: str
    description: str
    period_before: str = ""
    notes: Sequence[str] = ()
    states: Sequence[Mapping[str, str]] = ()
    sources: Sequence[str] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    rendered_by: str = ""


def page_values(
    words: Words, tables: Mapping[str, Table], sections: Sequence[Section], origin: Origin, forms: Forms
) -> dict[str, Any]:
    """The values of a report's template.

    `tables` in order and `queries` by name hold the same tables; what `forms` says serves the filters.
    """
    start, end = origin.window_start, origin.window_end
    return {
        **vars(words),
        "sections": list(sections),
        "tables": list(tables.values()),
        "queries": dict(tables),
        "job": origin.job,
        "run_id": origin.run_id,
        "nominal_time": origin.nominal_time,
        "window": {"start": start, "end": end},
        # One page size for all: a sheet that lies on its side between others is turned by hand.
        "across": any(
            block.kind == "table" and block.table and block.table.paper.across
            for part in sections
            for block in part.blocks
        ),
        "issued": forms.long_moment(origin.nominal_time),
        "period": period(origin, forms),
        **vars(forms),
        "words": forms.words,
        "lang": forms.locale or "en",
    }


def period(origin: Origin, forms: Forms) -> str:
    """`1 Jan 2026 – 1 Feb 2026`; empty for a moment."""
    start, end = origin.window_start, origin.window_end
    return f"{forms.short_moment(start)} – {forms.short_moment(end)}" if start < end else ""

"""Reports: read-only queries → tables and charts → pages, sheets and data files."""

from __future__ import annotations

from automation.reports.answer import Answer
from automation.reports.archive import publish
from automation.reports.changes import changes_of
from automation.reports.conditions import State, digest, facts_of, is_empty, remember, remembered, state_of
from automation.reports.export import to_csv
from automation.reports.filled import filled_in
from automation.reports.gather import Around, Gathered, gather
from automation.reports.outputs import Made, files_of
from automation.reports.page import Words, page_values, sections_of
from automation.reports.params import ReportParams
from automation.reports.queries import QueryParams, SourceParams
from automation.reports.query import ask, run_values
from automation.reports.sources import check_sources, notes_of, period_before
from automation.reports.stored import NAME as DATA_FILE
from automation.reports.stored import Origin, join, load
from automation.reports.table import Table, make_table

__all__ = [
    "DATA_FILE",
    "Answer",
    "Around",
    "Gathered",
    "Made",
    "Origin",
    "QueryParams",
    "ReportParams",
    "SourceParams",
    "State",
    "Table",
    "Words",
    "ask",
    "changes_of",
    "check_sources",
    "digest",
    "facts_of",
    "files_of",
    "filled_in",
    "gather",
    "is_empty",
    "join",
    "load",
    "make_table",
    "notes_of",
    "page_values",
    "period_before",
    "publish",
    "remember",
    "remembered",
    "run_values",
    "sections_of",
    "state_of",
    "to_csv",
]

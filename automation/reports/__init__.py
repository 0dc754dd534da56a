"""Reports: read-only queries → tables and charts → one page and its CSV files."""

from __future__ import annotations

from automation.reports.export import to_csv
from automation.reports.page import Provenance, is_empty, page_values
from automation.reports.params import QueryParams, ReportParams, SourceParams, refuse_unavailable
from automation.reports.query import Answer, ask, run_values
from automation.reports.table import Table, make_table

__all__ = [
    "Answer",
    "Provenance",
    "QueryParams",
    "ReportParams",
    "SourceParams",
    "Table",
    "ask",
    "is_empty",
    "make_table",
    "page_values",
    "refuse_unavailable",
    "run_values",
    "to_csv",
]

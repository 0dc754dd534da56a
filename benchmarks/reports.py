"""Reports beside the bare libraries, in one run: pages, paper, sheets and data files.

    python benchmarks/reports.py [--rows 100000] [--rounds 5]

Each pair is measured in turns; what counts is processor time, and the median of the rounds' ratios. Ours does more: it looks at
each text for formulas, writes values for people, and keeps types. The last part writes a million rows in a process of its own and
tells how its memory grew.
"""

from __future__ import annotations

import argparse
import csv
import gc
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from automation.rendering import Templates  # noqa: E402
from automation.rendering.locales import Forms  # noqa: E402
from automation.reports import Answer, Origin, QueryParams, Words, make_table, page_values, sections_of  # noqa: E402
from automation.reports.cells import Look  # noqa: E402
from automation.reports.export import write_csv  # noqa: E402
from automation.reports.pdf import write_pdf  # noqa: E402
from automation.reports.stored import Spool  # noqa: E402
from automation.reports.workbook import About, Sheet, write_xlsx  # noqa: E402

COLUMNS = ("id", "name", "price", "country", "day", "stock")
TEMPLATES = Templates([ROOT / "templates"])
MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
#: What somebody writes by hand: the same columns, the price with two digits and separators.
BARE = """<table>{% for row in rows %}<tr><td class="text">{{ row[0] }}</td><td class="text">{{ row[1] }}</td><td class="number">
{{ "{:,.2f}".format(row[2]) }}</td><td class="text">{{ row[3] }}</td><td class="text">{{ row[4] }}</td><td class="number">
{{ row[5] }}</td></tr>{% endfor %}</table>"""


def rows_of(count: int) -> tuple[tuple[object, ...], ...]:
    """Rows as a shop has them: numbers, names, dates."""
    return tuple(
        (at, f"name {at % 1000}", at * 1.5, "Germany", f"2026-01-{at % 28 + 1:02d}", at % 7) for at in range(count)
    )


def spent(work: Callable[[], object]) -> float:
    """Seconds of the processor."""
    gc.collect()
    began = time.process_time()
    work()
    return time.process_time() - began


def peak() -> float:
    """The most memory that this program had so far, in MB; `ru_maxrss` begins with that of whoever started it."""
    found = Path("/proc/self/status").read_text("ascii")
    return int(found.partition("VmHWM:")[2].split()[0]) / 1000


def page(rows: tuple[tuple[object, ...], ...]) -> str:
    """Our page with one table of these rows."""
    table = make_table(Answer("q", COLUMNS, rows), QueryParams.model_validate({"sql": "SELECT 1", "chart": "none"}))
    tables = {"q": table}
    origin = Origin("sales", "r1", MOMENT, MOMENT, MOMENT)
    values = page_values(Words("T", ""), tables, sections_of(tables, [], str, lambda _: None), origin, Forms())  # type: ignore[arg-type, return-value]
    return TEMPLATES.render("report.html", {**values, "upstream": {}})


def pairs(
    rows: tuple[tuple[object, ...], ...], folder: Path
) -> Iterator[tuple[str, Callable[[], object], Callable[[], object]]]:
    """What is compared: a name, ours, the bare library."""
    import jinja2
    import weasyprint
    import xlsxwriter

    answer = Answer("q", COLUMNS, rows)
    few = rows[:10_000]
    bare = jinja2.Environment(autoescape=True).from_string(BARE)

    def our_xlsx() -> None:
        sheet = Sheet("Q", answer, [Look() for _ in COLUMNS])
        write_xlsx(folder / "ours.xlsx", [sheet], About("T", MOMENT, {}))

    def bare_xlsx() -> None:
        book = xlsxwriter.Workbook(str(folder / "bare.xlsx"), {"constant_memory": True})
        sheet = book.add_worksheet()
        for at, row in enumerate(rows):
            sheet.write_row(at, 0, row)
        book.close()

    def bare_csv() -> None:
        with (folder / "bare.csv").open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            writer.writerow(COLUMNS)
            writer.writerows(rows)

    paper = page(rows[:120])
    yield "HTML, 10,000 rows", lambda: page(few), lambda: bare.render(rows=few)
    yield (
        "PDF, a table of 120 rows",
        lambda: write_pdf(paper, folder / "ours.pdf"),
        lambda: weasyprint.HTML(string=paper).write_pdf(folder / "bare.pdf"),
    )
    yield f"XLSX, {len(rows):,} rows", our_xlsx, bare_xlsx
    yield f"CSV, {len(rows):,} rows", lambda: write_csv(answer, folder / "ours.csv"), bare_csv


def many(count: int, form: str) -> None:
    """Write so many rows from a stored answer, and tell the memory before and after; a process of its own."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        spool = Spool(folder / "rows.gz", count)
        spool.begin("q", COLUMNS)
        for start in range(0, count, 1000):
            spool.add(
                [
                    (at, f"name {at % 1000}", at * 1.5, "Germany", "2026-01-01", at % 7)
                    for at in range(start, start + 1000)
                ]
            )
        spool.end(truncated=True, cut=False, seconds=0)
        answer = Answer("q", COLUMNS, (), truncated=True, found=count, rest=spool)
        import xlsxwriter  # noqa: F401  its import is no growth of ours

        before = peak()
        took = spent(
            (lambda: write_csv(answer, folder / "x.csv"))
            if form == "csv"
            else lambda: write_xlsx(
                folder / "x.xlsx", [Sheet("Q", answer, [Look() for _ in COLUMNS])], About("T", MOMENT, {})
            )
        )
        grown = peak() - before
        print(
            f"{form.upper()}, {count:,} rows from a stored answer: {took:.1f} s of processor, memory grew by {grown:.1f} MB"
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--many", nargs=2, metavar=("ROWS", "FORM"))
    options = parser.parse_args()
    if options.many:
        many(int(options.many[0]), options.many[1])
        return
    with tempfile.TemporaryDirectory() as scratch:
        print(f"{'':28}{'ours':>10}{'bare':>10}{'ratio':>8}")
        for name, ours, bare in pairs(rows_of(options.rows), Path(scratch)):
            ours(), bare()
            rounds = [(spent(ours), spent(bare)) for _ in range(options.rounds)]
            ratio = statistics.median(one / two for one, two in rounds)
            mine, theirs = (statistics.median(pair[at] for pair in rounds) for at in (0, 1))
            print(f"{name:28}{mine * 1000:8.0f}ms{theirs * 1000:8.0f}ms{ratio:8.2f}", flush=True)
    for count in (100_000, 1_000_000):
        for form in ("csv", "xlsx"):
            subprocess.run([sys.executable, __file__, "--many", str(count), form], check=True)


if __name__ == "__main__":
    main()

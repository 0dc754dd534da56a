"""The main job on real input: a documentation site, a shop's database, a mail server, and `automation up`."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import socket
import sqlite3
import zlib
from collections import Counter
from contextlib import closing
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

EVERY = {"docs": 3, "sales": 5, "tidy": 5, "mail": 5}
CUTOFF = "2022-01-01"

#: A heading such as 'Module Contents' has an anchor like a module's; it names no module.
SCHEDULES = """
[jobs.docs]
plugin  = "scrape"
every   = "3s"
timeout = "2m"

[jobs.docs.params]
start          = "{site}/library/index.html"
follow         = ".toctree-wrapper a"
key            = "url"
table          = "pages"
delay          = "0s"
concurrency    = 4
allow_networks = "127.0.0.0/8"

[jobs.docs.params.fields]
url     = {{ from = "page.url" }}
title   = {{ css = "h1", required = true, clean = "remove:¶" }}
modules = {{ css = "[id^='module-']:not(:has(> :is(h2, h3):-soup-contains-own('Module'):not(:has(code))))", attr = "id", regex = "^module-(.+)", many = true }}

[jobs.sales]
plugin = "report"
every  = "5s"

[jobs.sales.params]
title = "Sales by country"

[jobs.sales.params.queries.countries]
database = "shop"
sql      = "SELECT BillingCountry AS country, COUNT(*) AS invoices, ROUND(SUM(Total), 2) AS total FROM Invoice GROUP BY 1 ORDER BY 3 DESC, 1"
columns  = {{ invoices = {{ total = true }}, total = {{ total = true, digits = 2 }} }}

[jobs.tidy]
plugin = "cleanup"
every  = "5s"

[jobs.tidy.params]
database   = "shop_copy"
table      = "Invoice"
unattended = true
children   = ["InvoiceLine"]
older_than = {{ column = "InvoiceDate", before = {cutoff} }}
batch      = 20

[jobs.mail]
plugin = "email"
every  = "5s"
retry  = {{ backoff = "constant", first = "1s", jitter = "none", max_attempts = 9 }}

[jobs.mail.params]
to      = "ann@example.org"
subject = "Sales at {{{{ nominal_time.isoformat() }}}}"
text    = "The figures are attached."
attach  = [{{ job = "sales", pattern = "*.html" }}]
"""


def rows(path: Path, sql: str) -> list[tuple]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        return connection.execute(sql).fetchall()


def inventory(site: Path) -> tuple[dict[str, set[str]], dict[str, str]]:
    """What `objects.inv` says of the library: page → names of modules, page → title."""
    *_, packed = (site / "objects.inv").read_bytes().split(b"\n", 4)
    line = re.compile(r"(.+?)\s+(\S+)\s+-?\d+\s+(\S*)\s+(.*)")
    modules: dict[str, set[str]] = {}
    titles = {}
    for name, kind, place, shown in (line.match(one).groups() for one in zlib.decompress(packed).decode().splitlines()):
        page = place.replace("$", name).partition("#")[0]
        if kind == "py:module" and page.startswith("library/"):
            modules.setdefault(page, set()).add(name)
        elif kind == "std:doc":
            titles[page] = " ".join(shown.split())
    return modules, titles


def write_project(machine, site_url: str, shop: Path, smtp_url: str) -> None:
    copy = machine.folder / "copy.sqlite"
    shutil.copyfile(shop, copy)
    machine.write("schedules/main.toml", SCHEDULES.format(site=site_url, cutoff=CUTOFF))
    machine.write(
        "automation.toml",
        f'[databases.shop]\nurl = "sqlite:///{shop}"\n[databases.shop_copy]\nurl = "sqlite:///{copy}"\n',
    )
    machine.write(".env", f"AUTOMATION_SMTP_URL={smtp_url}\n")


def test_four_jobs_on_real_input(machine, eventually, serve_folder, post_office, needs):
    """Crawl, report, clean-up and mail fire three times each; what they made is true, and nothing is left of them."""
    site, shop = needs("python3-doc"), needs("shared-data") / "chinook.sqlite"
    url, asked = serve_folder(site)
    write_project(machine, url, shop, post_office.url)
    checked = machine.type("check")
    assert checked.returncode == 0, checked.stdout
    assert "4 jobs, no error" in checked.stdout

    machine.up()
    eventually(lambda: fired_three_times(machine), 150, machine.said)
    files, ports = machine.sockets()
    assert machine.port in ports
    machine.stop()
    nothing_is_left(machine, eventually, files, ports)

    runs = machine.json("runs", "--limit", "10000")
    every_firing_is_one_run(machine, runs)
    pages_agree_with_the_inventory(machine, site, url)
    every_page_was_asked_for_once_a_crawl(runs, asked)
    report_agrees_with_the_shop(machine, shop, runs)
    only_old_invoices_are_gone(machine.folder / "copy.sqlite", shop)
    each_firing_sent_one_mail(machine, runs, post_office.mails)

    machine.up()
    machine.stop()
    nothing_is_left(machine, eventually, files, ports)


def fired_three_times(machine) -> bool:
    done = "SELECT job, COUNT(*) FROM automation_runs WHERE state = 'succeeded' AND kind = 'scheduled' GROUP BY job"
    return {job for job, times in machine.ask(done) if times >= 3} == set(EVERY)


def nothing_is_left(machine, eventually, files: set[Path], ports: set[int]) -> None:
    """No process, socket, port or lock of `up`, and it ended well."""
    assert machine.process.returncode == 0, machine.said()
    eventually(lambda: not machine.processes(), told=machine.processes)
    assert not [path for path in files if path.exists()]
    assert not list(machine.data.rglob("*.sock")) + list(machine.data.rglob("*.lock"))
    for port in ports:
        socket.create_server(("127.0.0.1", port)).close()


def every_firing_is_one_run(machine, runs: list[dict]) -> None:
    """No fire is missing or there twice; every run ended well, or says why it did not run; attempts have a reason."""
    fires = Counter((run["job"], run["schedule"], run["nominal_time"]) for run in runs)
    assert set(fires.values()) == {1}
    assert len(machine.ask("SELECT DISTINCT job, schedule, nominal_time FROM automation_occurrences")) == len(fires)
    for job, seconds in EVERY.items():
        times = sorted(datetime.fromisoformat(time) for name, _, time in fires if name == job)
        gaps = {later - earlier for earlier, later in pairwise(times)}
        assert gaps == {timedelta(seconds=seconds)}, job

    assert {run["state"] for run in runs} <= {"succeeded", "skipped", "queued", "retrying"}, runs
    assert all("is to stop" in run["reason"] for run in runs if run["state"] == "retrying")
    assert all(run["reason"].startswith("overlap: run ") for run in runs if run["state"] == "skipped")
    tries = Counter(run for (run,) in machine.ask("SELECT run_id FROM automation_attempts"))
    told = Counter(run for (run,) in machine.ask("SELECT run_id FROM automation_attempts WHERE message > ''"))
    done = [run for run in runs if run["state"] == "succeeded"]
    assert all(run["attempt"] == tries[run["id"]] == 1 + told[run["id"]] for run in done)


def pages_agree_with_the_inventory(machine, site: Path, url: str) -> None:
    """Each page that the inventory names is in the table, with the inventory's title and modules."""
    modules, titles = inventory(site)
    found = {
        page.removeprefix(f"{url}/"): (title, set(json.loads(names)))
        for page, title, names in machine.ask("SELECT url, title, modules FROM pages", ".automation/data.db")
    }
    agreeing = [page for page in modules if found.get(page) == (titles[page], modules[page])]
    others = {page: (found.get(page), titles[page], modules[page]) for page in modules.keys() - set(agreeing)}
    share = len(agreeing) / len(modules)
    assert share == 1, f"{share:.1%} of {len(modules)} pages agree with the inventory; these do not: {others}"
    assert not [page for page, (_, names) in found.items() if names and page not in modules]


def every_page_was_asked_for_once_a_crawl(runs: list[dict], asked: list[str]) -> None:
    """The crawls, the interrupted one included, asked for each page once, and for robots.txt before it."""
    crawls = sum(run["attempt"] for run in runs if run["job"] == "docs")
    pages = Counter(path for path in asked if path != "/robots.txt")
    assert asked[0] == "/robots.txt"
    assert max(pages.values()) <= crawls
    assert not [path for path in pages if not path.startswith("/library/")]


def report_agrees_with_the_shop(machine, shop: Path, runs: list[dict]) -> None:
    """The CSV has every country with its sum of invoice lines, the page their totals."""
    truth = rows(
        shop,
        "SELECT i.BillingCountry, COUNT(DISTINCT i.InvoiceId), ROUND(SUM(l.UnitPrice * l.Quantity), 2) FROM InvoiceLine l "
        "JOIN Invoice i USING (InvoiceId) GROUP BY i.BillingCountry",
    )
    run = machine.json("show", next(run["id"] for run in runs if run["job"] == "sales" and run["state"] == "succeeded"))
    made = {artifact["name"]: Path(artifact["path"]).read_bytes() for artifact in run["artifacts"]}

    lines = list(csv.DictReader(io.StringIO(made["countries.csv"].decode("utf-8-sig"))))
    assert sorted((line["country"], int(line["invoices"]), float(line["total"])) for line in lines) == sorted(truth)
    totals = [cell.get_text(strip=True) for cell in BeautifulSoup(made["report.html"], "lxml").select("tfoot tr > *")]
    invoices, total = sum(row[1] for row in truth), sum(round(row[2] * 100) for row in truth) / 100
    assert totals[1:] == [f"{invoices:,}", f"{total:,.2f}"]


def only_old_invoices_are_gone(copy: Path, shop: Path) -> None:
    """Every table of the copy is what plain SQL leaves of the original; beside them stands the clean-up's own record."""
    stays = {
        "Invoice": f"WHERE InvoiceDate >= '{CUTOFF}'",
        "InvoiceLine": f"WHERE InvoiceId IN (SELECT InvoiceId FROM Invoice WHERE InvoiceDate >= '{CUTOFF}')",
    }
    schema = "SELECT type, name, sql FROM sqlite_master WHERE tbl_name <> 'automation_cleanup' ORDER BY 1, 2"
    assert rows(copy, schema) == rows(shop, schema)
    assert rows(shop, f"SELECT 1 FROM Invoice WHERE InvoiceDate < '{CUTOFF}'")
    for kind, table, _ in rows(shop, schema):
        if kind == "table":
            expected = rows(shop, f"SELECT * FROM {table} {stays.get(table, '')} ORDER BY 1, 2")
            assert rows(copy, f"SELECT * FROM {table} ORDER BY 1, 2") == expected, table
    assert rows(copy, "PRAGMA foreign_key_check") == []
    assert rows(copy, "PRAGMA integrity_check") == [("ok",)]


def each_firing_sent_one_mail(machine, runs: list[dict], mails: list) -> None:
    """One mail for each firing that succeeded, whole, with a report as it lies among the artifacts."""
    fired = {run["nominal_time"] for run in runs if run["job"] == "mail" and run["state"] == "succeeded"}
    reports = {path.read_bytes() for path in (machine.data / "artifacts" / "sales").rglob("report.html")}
    told = Counter(datetime.fromisoformat(str(message["Subject"]).removeprefix("Sales at ")) for _, _, message in mails)

    assert told == Counter(datetime.fromisoformat(time) for time in fired)
    assert len({message["Message-ID"] for _, _, message in mails}) == len(mails) >= 3
    for sender, recipients, message in mails:
        assert (sender, recipients) == ("reports@example.com", ["ann@example.org"])
        assert message.get_body(("plain",)).get_content().strip() == "The figures are attached."
        (attached,) = message.iter_attachments()
        assert (attached.get_filename(), attached.get_content_type()) == ("report.html", "text/html")
        assert attached.get_payload(decode=True) in reports
    assert {mail["state"] for mail in machine.json("outbox", "list")} == {"sent"}

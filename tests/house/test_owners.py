"""Owners: each outside library, the environment and the clock have one home."""

from __future__ import annotations

import ast

OWNERS = {
    "pyarrow": {"cleanup", "scraping"},
    "celery": {"queue", "scheduler", "worker"},
    "kombu": {"queue", "scheduler", "worker"},
    "redbeat": {"scheduler"},
    "redis": {"scheduler", "broker", "limits"},
    "httpx": {"net", "client"},
    "requests": set(),
    "urllib.request": {"net"},
    "aiohttp": {"net"},
    "yarl": {"net"},
    "brotli": {"net"},
    "bs4": {"scraping"},
    "lxml": {"scraping"},
    "holidays": {"triggers"},
    "icalendar": {"triggers"},
    "jinja2": {"rendering"},
    "babel": {"rendering", "scraping"},
    "xlsxwriter": {"reports"},
    "weasyprint": {"reports"},
    "duckdb": {"reports"},
    "fastapi": {"web"},
    "starlette": {"web"},
    "uvicorn": {"web"},
    "argon2": {"web"},
    "typer": {"cli"},
    "rich": {"cli"},
    "click": set(),
    "smtplib": {"mail"},
    "css_inline": {"mail"},
    "dkim": {"mail"},
    "pickle": set(),
    "marshal": set(),
}
EXCEPTIONS = {
    # The type of what `ctx.soup` answers, for the type checker alone.
    ("automation/plugin/context.py", "bs4"),
    ("automation/runner/attempt.py", "bs4"),
    # A script that outlives its supervisor, and imports nothing of ours.
    ("automation/supervise/guardian.py", "time.sleep"),
}

#: Attribute → who may read it. The clock and the environment are doors like any library.
CALLS = {
    "os.environ": {"settings", "secrets", "supervise"},
    "os.getenv": set(),
    "datetime.now": {"clock"},
    "datetime.utcnow": set(),
    "datetime.today": set(),
    "date.today": set(),
    "time.time": {"clock"},
    "time.time_ns": {"clock"},
    "time.monotonic": {"clock"},
    "time.perf_counter": {"clock"},
    "time.sleep": {"clock"},
    "asyncio.sleep": {"clock", "net", "scraping"},
}


def unit(file):
    """The first name below the package; plugins are one unit."""
    return file.module.split(".")[1] if file.module.count(".") and file.module.startswith("automation") else "jobs"


def borrowed(house):
    """A sentence for each import of a library outside its home."""
    for file in house.everything:
        for name, line in file.imports():
            for library, owners in OWNERS.items():
                theirs = name == library or name.startswith(library + ".")
                if theirs and unit(file) not in owners and (file.name, library) not in EXCEPTIONS:
                    yield f"{file.name}:{line}: {library} belongs to {', '.join(sorted(owners)) or 'nobody'}"


def peeked(house):
    """A sentence for each look at the clock or the environment outside their homes."""
    for file in house.everything:
        for node in ast.walk(file.tree):
            if not isinstance(node, ast.Attribute):
                continue
            name = f"{ast.unparse(node.value).rpartition('.')[2]}.{node.attr}"
            if name in CALLS and unit(file) not in CALLS[name] and (file.name, name) not in EXCEPTIONS:
                yield f"{file.name}:{node.lineno}: {name} belongs to {', '.join(sorted(CALLS[name])) or 'nobody'}"


def test_libraries_stay_at_home(house):
    """A library is imported by its owners and by nobody else."""
    assert list(borrowed(house)) == []


def test_clock_and_environment_have_one_door(house):
    """Time and the environment come in as arguments; only their owners look."""
    assert list(peeked(house)) == []


def test_a_borrowed_library_is_named(built):
    """An HTTP client in the ledger is found, wherever the import stands."""
    house = built({"automation/ledger/a.py": "def f():\n    import httpx\n"})

    assert list(borrowed(house)) == ["automation/ledger/a.py:2: httpx belongs to client, net"]


def test_a_look_at_the_clock_is_named(built):
    """`datetime.now()` in a trigger is found."""
    house = built({"automation/triggers.py": "from datetime import datetime, UTC\nx = datetime.now(UTC)\n"})

    assert list(peeked(house)) == ["automation/triggers.py:2: datetime.now belongs to clock"]

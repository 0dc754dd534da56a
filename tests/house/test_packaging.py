"""The package: what it declares, what is locked, what a wheel carries."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
import zipfile

import pytest


@pytest.fixture(scope="module")
def declared(root):
    """pyproject.toml."""
    return tomllib.loads((root / "pyproject.toml").read_text("utf-8"))


#: What is imported under another name than it is installed by.
DISTRIBUTIONS = {
    "argon2": "argon2-cffi",
    "bs4": "beautifulsoup4",
    "dateutil": "python-dateutil",
    "dkim": "dkimpy",
    "dotenv": "python-dotenv",
    "markdown_it": "markdown-it-py",
    "PIL": "pillow",
    "redbeat": "celery-redbeat",
    "starlette": "fastapi",  # its own foundation, whose types it hands out
    "pydantic_core": "pydantic",  # likewise
}
#: Read by name and not imported: kombu imports packaging, zoneinfo reads tzdata, Python 3.14 has what the back-port is of,
#: DuckDB imports pytz.
SILENT = {"packaging", "tzdata", "backports-zstd", "pytz"}


def requirements(declared, *, dev):
    """The names of all requirements, those of the extras too."""
    project = declared["project"]
    extras = [one for name, group in project["optional-dependencies"].items() for one in group if dev or name != "dev"]
    names = {re.split(r"[\[<>=;~! ]", one)[0].lower() for one in [*project["dependencies"], *extras]}
    return names - {project["name"]}


def imported(house):
    """The distributions that the package and the plugins import."""
    modules = {name.split(".")[0] for file in house.everything for name, _ in file.imports()}
    outside = modules - sys.stdlib_module_names - {"automation"}
    return {DISTRIBUTIONS.get(name, name.replace("_", "-")) for name in outside}


def test_the_lock_holds_every_requirement(root, declared):
    """What the project and its extras ask for is in requirements.lock, with hashes."""
    lock = (root / "requirements.lock").read_text("utf-8")
    locked = set(re.findall(r"^([a-z0-9-]+)==", lock, re.MULTILINE))

    assert requirements(declared, dev=True) <= locked
    assert len(re.findall(r"^[a-z0-9-]+==.*\\\n    --hash=", lock, re.MULTILINE)) >= len(locked)


def test_the_lock_names_no_address(root):
    """The lock installs from whatever index the reader uses."""
    lock = (root / "requirements.lock").read_text("utf-8")

    assert not re.search(r"://|file:|--index|--find-links|--extra-index| @ |/[a-z]+/", lock)


def test_what_is_imported_is_declared(house, declared):
    """Every library that the package or a plugin imports is a dependency or in an extra."""
    assert imported(house) - requirements(declared, dev=False) == set()


def test_what_is_declared_is_used(house, declared):
    """No dependency is carried for nothing; drivers of databases are named in URLs."""
    assert requirements(declared, dev=False) - imported(house) - SILENT <= {"psycopg", "pymysql"}


def test_what_tests_import_is_installed_for_them(root, declared):
    """Every library that a test or a benchmark imports comes with the extra `dev`, or with the package."""
    files = [*(root / "tests").rglob("*.py"), *(root / "benchmarks").glob("*.py")]
    names = {
        (node.module if isinstance(node, ast.ImportFrom) else alias.name) or ""
        for path in files
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    ours = {"automation", "jobs", "tests", "", *(path.stem for path in (root / "benchmarks").glob("*.py"))}
    outside = {name.split(".")[0] for name in names} - sys.stdlib_module_names - ours
    wanted = {DISTRIBUTIONS.get(name, name.replace("_", "-")) for name in outside}

    assert wanted - requirements(declared, dev=True) == set()


def test_a_wheel_carries_what_a_checkout_has(root, tmp_path):
    """Plugins, schedules, templates, Procfile, migrations and the web's files are in the wheel; tests are not."""
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=root, check=True, capture_output=True)
    [wheel] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        carried = set(archive.namelist())

    for folder in ("jobs", "schedules", "templates"):
        files = {path.relative_to(root).as_posix() for path in (root / folder).rglob("*") if path.is_file()}
        shipped = {f"automation/_shipped/{name}" for name in files if "__pycache__" not in name}
        assert shipped
        assert shipped <= carried
    package = {path.relative_to(root).as_posix() for path in (root / "automation").rglob("*") if path.is_file()}
    assert {name for name in package if "__pycache__" not in name} <= carried
    assert "automation/_shipped/Procfile" in carried
    assert not [name for name in carried if name.startswith(("tests/", "jobs/", "benchmarks/"))]

"""The JSON Schema of schedule files, by a validator that knows nothing of the check."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest
from jsonschema import Draft7Validator
from pydantic import BaseModel, BeforeValidator, InstanceOf

from automation.plugin import Context, plugin, spec_of
from automation.project import keys
from automation.project.params import jsonable
from automation.project.schema import schedule_schema
from automation.project.schemaproject import project_schema
from automation.registry import Registry, load_registry
from automation.triggers.calendar import KEYS

ROOT = Path(__file__).resolve().parents[3]
_BLOCK = re.compile(r"^```toml\n((?!# automation\.toml).*?)^```$", re.MULTILINE | re.DOTALL)
JOB = '[jobs.a]\nplugin = "shell"\nparams.command = "true"\n'
CALENDARS = """
[calendars.off]
dates = [2026-12-24]
yearly = ["12-25"]
ranges = ["2026-08-01/2026-08-15", { from = 2026-09-01, to = 2026-09-02 }]
country = "ES"
[calendars.office]
weekly = ["mon-fri 08:00-18:00"]
timezone = "Europe/Madrid"
[tags.shop]
queue = "slow"
"""
SCRAPE = '[jobs.a]\nplugin = "scrape"\nparams.start = "https://example.com"\n'


@pytest.fixture(scope="module")
def shipped() -> Registry:
    return load_registry(ROOT)


@pytest.fixture(scope="module")
def refusals(shipped: Registry) -> Callable[[str], list[str]]:
    """`refusals(toml)`: the paths at which the validator refuses it."""
    validator = Draft7Validator(schedule_schema(shipped))
    return lambda text: [
        ".".join(map(str, error.path)) for error in validator.iter_errors(jsonable(tomllib.loads(text)))
    ]


def examples() -> Iterator[tuple[str, str]]:
    """Every schedule file of the repository, and every example of the documents whose plugins are shipped."""
    for path in sorted((ROOT / "schedules").glob("**/*.toml")):
        yield path.name, path.read_text("utf-8")
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        for number, found in enumerate(_BLOCK.finditer(path.read_text("utf-8"))):
            own = {job.get("plugin") for job in tomllib.loads(found[1]).get("jobs", {}).values()}
            if own <= {"scrape", "cleanup", "report", "email", "shell", "http", "python"}:
                yield f"{path.name}:{number}", found[1]


def test_schema_is_one(shipped: Registry) -> None:
    """It keeps to the dialect that it names."""
    assert list(Draft7Validator(Draft7Validator.META_SCHEMA).iter_errors(schedule_schema(shipped))) == []


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in examples()])
def test_examples_are_accepted(refusals: Callable[[str], list[str]], text: str) -> None:
    """What the repository shows as an example, an editor does not underline."""
    assert refusals(text) == []


@pytest.mark.parametrize(
    "text",
    [
        JOB + 'timezone = "${env:ZONE:-UTC}"\nevery = "${env:EVERY}"',
        SCRAPE + 'params.max_pages = "${env:PAGES}"\nparams.robots = "${env:ROBOTS}"',
        SCRAPE + 'params.fields.price = ".price"\nparams.fields.url = { css = "a@href", type = "url" }',
        SCRAPE.replace('"https://example.com"', '["https://example.com", "https://example.org"]'),
        JOB + "schedules = [{ id = 'a', cron = '@daily', start_at = 2027-01-01 }, { id = 'b', every = '1h' }]",
        JOB + "retry.backoff = ['1m', '5m']",
        JOB + "fixed_delay = '30m'\nstart_deadline = 'none'\noverlap_key = '{{ params.command }}'\nreplaces = 'b'",
        JOB + "at = [2027-01-01T09:00:00, 2027-02-01]\nmax_fires = 1",
        JOB + "unique_key = '{{ params.command }}'\non_conflict = 'reject'\nunique_for = '1h'",
        "[defaults]\nunique_for = 'none'\n" + JOB + "unique_key = ''",
        JOB
        + "every = '1h'\njitter = '5m'\njitter_mode = 'stable'\ncatchup = 'all'\ncatchup_max = 3\noverlap = 'queue_all'",
        CALENDARS
        + JOB
        + "every = '1h'\nonly_during = ['office']\nnot_during = ['off']\non_blackout = 'defer'\ntags = ['shop']",
        "[defaults]\ntimezone = 'Europe/Madrid'\nretry.max_attempts = 5\nallow_plain_secrets = true\n",
    ],
)
def test_what_the_check_accepts_is_accepted(refusals: Callable[[str], list[str]], text: str) -> None:
    """References in place of numbers, short forms, lists, inline tables."""
    assert refusals(text) == []


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (JOB + 'cron = "0 7 * *"', "jobs.a.cron"),
        (JOB + 'every = "5 min"', "jobs.a.every"),
        (JOB + "every = 5", "jobs.a.every"),
        (JOB + 'evry = "5m"', "jobs.a"),
        (JOB + 'every = "5m"\ncron = "@daily"', "jobs.a"),
        (JOB + 'every = "5m"\nschedules = [{ id = "a", every = "1h" }]', "jobs.a"),
        (JOB + 'every = "5m"\nseconds = "first"', "jobs.a"),
        (JOB + 'dst_gap = "skip"', "jobs.a"),
        (JOB + 'cron = "@daily"\ndst_gap = "shfit"', "jobs.a.dst_gap"),
        (JOB + 'schedules = [{ every = "1h" }]', "jobs.a.schedules.0"),
        (JOB + 'schedules = [{ id = "a" }]', "jobs.a.schedules.0"),
        (JOB + 'schedules = [{ id = "a/b", every = "1h" }]', "jobs.a.schedules.0.id"),
        (JOB + "schedules = []", "jobs.a.schedules"),
        (JOB + 'timezone = "Europe/Madird"', "jobs.a.timezone"),
        (JOB + "priority = 10", "jobs.a.priority"),
        (JOB + "tags = ['a,b']", "jobs.a.tags.0"),
        (JOB + 'retry.backoff = "exponental"', "jobs.a.retry.backoff"),
        (JOB + 'retry.max_delay = "soon"', "jobs.a.retry.max_delay"),
        (JOB.replace("command", "comand"), "jobs.a.params"),
        (JOB.replace('"shell"', '"shel"'), "jobs.a.plugin"),
        ('[jobs.a]\nplugin = "shell"', "jobs.a"),
        ("[jobs.a]\nevery = '1h'", "jobs.a"),
        (SCRAPE + 'params.max_pages = "many"', "jobs.a.params.max_pages"),
        (SCRAPE + 'params.fields.price = { css = ".price", type = "mony" }', "jobs.a.params.fields.price"),
        ('[jobs."a b"]\nplugin = "shell"\nparams.command = "x"', "jobs"),
        ("[jbos.a]\n", ""),
        ("[defaults]\ncron = '@daily'", "defaults"),
        ("[tags.shop]\ntags = ['a']", "tags.shop"),
        ("[calendars.off]\n", "calendars.off"),
        ("[calendars.off]\ndates = []", "calendars.off.dates"),
        ("[calendars.off]\ndates = [2026-12-24]\nsubdivision = 'MD'", "calendars.off"),
        (JOB + "every = '1h'\njitter = '5 min'", "jobs.a.jitter"),
        (JOB + "every = '1h'\noverlap = 'queue'", "jobs.a.overlap"),
        (JOB + "every = '1h'\nonly_during = 'office'", "jobs.a.only_during"),
        (JOB + "unique_key = true", "jobs.a.unique_key"),
        (JOB + "unique_key = 'a'\non_conflict = 'rejct'", "jobs.a.on_conflict"),
        (JOB + "max_fires = 3", "jobs.a"),
        (JOB + "schedules = [{ id = 'a', every = '1h', overlap = 'allow' }]", "jobs.a.schedules.0"),
    ],
)
def test_what_the_check_refuses_is_refused_in_its_place(
    refusals: Callable[[str], list[str]], text: str, place: str
) -> None:
    """The mistakes that people make most, each at the key, or at the table that lacks one."""
    assert place in refusals(text)


def test_every_key_is_in_the_schema(shipped: Registry) -> None:
    """What the check knows, the schema knows, and nothing else."""
    schema = schedule_schema(shipped)["$defs"]

    assert set(schema["job"]["properties"]) == set(keys.JOB)
    assert set(schema["schedule"]["properties"]) == set(keys.SCHEDULE)
    assert set(schema["defaults"]["properties"]) == set(keys.DEFAULTS)
    assert set(schema["retry"]["properties"]) == set(keys.RETRY)
    assert set(schema["tag"]["properties"]) == set(keys.TAG)
    assert set(schema["calendar"]["properties"]) == set(KEYS)


def project_files() -> Iterator[tuple[str, str]]:
    """Every automation.toml of the documents, of the demonstration and of a new project."""
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        for number, found in enumerate(
            re.findall(r"^```toml\n# automation\.toml(.*?)^```$", path.read_text("utf-8"), re.M | re.S)
        ):
            yield f"{path.name}-{number}", found
    for path in sorted((ROOT / "automation").glob("**/automation.toml")):
        yield str(path.relative_to(ROOT)), path.read_text("utf-8")


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in project_files()])
def test_project_files_are_accepted(text: str) -> None:
    """What the documents show is what an editor takes."""
    assert list(Draft7Validator(project_schema()).iter_errors(jsonable(tomllib.loads(text)))) == []


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("[limits.a]\nmax_running = 0", "limits.a.max_running"),
        ("[limits.a]\nkey = 'x'", "limits.a"),
        ("[queues.a]\nmax_wating = 3", "queues.a"),
        ("[retention]\ndead = 'long'", "retention.dead"),
        ("[mail.a]\nconnections = 99", "mail.a.connections"),
        ("[databases.a]", "databases.a"),
        ("[webhooks.a]\njob = 'x'", "webhooks.a"),
        ("[jobs.a]", ""),
    ],
)
def test_project_files_are_refused_in_the_place(text: str, path: str) -> None:
    """A key that does not belong there, or a value out of its range."""
    errors = Draft7Validator(project_schema()).iter_errors(tomllib.loads(text))
    assert [".".join(map(str, error.path)) for error in errors] == [path]


def test_every_key_of_the_project_is_in_its_schema() -> None:
    """What the check knows, the schema knows, and nothing else."""
    schema = project_schema()
    kinds = {
        "database": keys.DATABASE,
        "queue": keys.QUEUE,
        "limit": keys.LIMIT,
        "mail": keys.MAIL_SERVER,
        "channel": keys.CHANNEL,
        "digest": keys.DIGEST,
        "webhook": keys.WEBHOOK,
    }
    Draft7Validator.check_schema(schema)
    assert set(schema["properties"]) == set(keys.PROJECT_FILE)
    assert set(schema["$defs"]["retention"]["properties"]) == set(keys.RETENTION)
    assert {kind: set(schema["$defs"][kind]["properties"]) for kind in kinds} == {k: set(v) for k, v in kinds.items()}


class Inner(BaseModel, extra="forbid"):
    name: str
    size: int = 1


class Unspeakable:
    """A type that JSON Schema has no words for."""


@plugin("nested")
def nested(
    ctx: Context,
    many: Annotated[list[Inner], BeforeValidator(lambda value: value if isinstance(value, list) else [value])],
) -> None:
    """Take one or several."""


@plugin("odd")
def odd(ctx: Context, what: InstanceOf[Unspeakable]) -> None:
    """Take what it takes."""


def test_plugins_of_a_project_are_in_it_with_their_models() -> None:
    """A function before a list lets one item stand alone; models in models are found; others are not mixed up."""
    specs = [spec for spec in map(spec_of, (nested, odd)) if spec]
    validator = Draft7Validator(schedule_schema(Registry({spec.name: spec for spec in specs})))

    def refused(plugin: str, params: dict[str, Any]) -> bool:
        return not validator.is_valid({"jobs": {"a": {"plugin": plugin, "params": params}}})

    assert not refused("nested", {"many": [{"name": "a", "size": "${env:SIZE}"}]})
    assert not refused("nested", {"many": {"name": "a"}})
    assert refused("nested", {"many": [{"nam": "a"}]})
    assert refused("nested", {})
    assert not refused("odd", {"what": 5})

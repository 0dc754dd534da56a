"""Parameters against the plugin's model: the place of each problem, and no secret in any."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

HEAD = '[jobs.books]\nplugin = "scrape"\n[jobs.books.params]\n'
START = 'start = "https://example.com/"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "3:1: jobs.books.params: missing 'start'; write start = "),
        (
            "start = 5",
            "4:9: jobs.books.params.start: found the number 5; it should be a valid string; or it should be a valid list",
        ),
        ('start = ["a", 5]', "4:15: jobs.books.params.start[1]: found the number 5; it should be a valid string"),
        (
            START + "pages = 0",
            "5:9: jobs.books.params.pages: found the number 0; it should be greater than or equal to 1",
        ),
        (START + 'pages = "many"', "5:9: jobs.books.params.pages: found 'many'; it should be a valid integer"),
        (
            START + 'fields.price = ["x"]',
            "5:16: jobs.books.params.fields.price: it should be a valid string; or it should be a table: { css, type }",
        ),
        (START + 'headers = ["x"]', "5:11: jobs.books.params.headers: it should be a table: { name = … }"),
        (START + "pages = nan", "5:9: jobs.books.params.pages: nan, inf and integers beyond 64 bits"),
        (START + "pages = 0x" + "f" * 5000, "5:9: jobs.books.params.pages: nan, inf and integers beyond 64 bits"),
        (START + "paegs = 1", "5:1: jobs.books.params.paegs: unknown parameter 'paegs'; did you mean 'pages'?"),
        (
            START + "xxx = 1",
            "5:1: jobs.books.params.xxx: unknown parameter 'xxx'; allowed are: database, fields, headers, pages, start",
        ),
        (
            START + 'fields.price = { css = ".p", tpye = "money" }',
            "5:30: jobs.books.params.fields.price.tpye: unknown parameter 'tpye'; did you mean 'type'?",
        ),
        (
            START + 'fields.price = { css = ".p", type = "mony" }',
            "5:37: jobs.books.params.fields.price.type: found 'mony'; it should be 'text' or 'money'",
        ),
    ],
)
def test_parameter_that_the_plugin_refuses_has_its_place(
    problems: Callable[..., list[str]], text: str, said: str
) -> None:
    """Line and column inside `params`, what was found, what is allowed, and the nearest name."""
    assert any(line.startswith(f"schedules/a.toml:{said}") for line in problems(HEAD + text))


def test_only_the_deepest_word_on_a_union_is_said(problems: Callable[..., list[str]]) -> None:
    """A mistake inside a table is not also reported as "should be a string"."""
    assert len(problems(HEAD + START + 'fields.price = { css = ".p", tpye = "money" }')) == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('plugin = "scarpe"', "2:10: jobs.books.plugin: there is no plugin 'scarpe'; did you mean 'scrape'?"),
        ('plugin = "xyz"', "2:10: jobs.books.plugin: there is no plugin 'xyz'; there are: scrape"),
        ("plugin = 5", "2:10: jobs.books.plugin: found the number 5; write a string"),
        ("every = '1m'", "1:1: jobs.books: missing 'plugin'; write plugin = \"scrape\""),
        ('plugin = "scrape"\nstart = "x"', "3:1: jobs.books.start: unknown key 'start'; it is a parameter of 'scrape'"),
        ('plugin = "scrape"\nparams = 5', "3:10: jobs.books.params: found the number 5; write a table"),
    ],
)
def test_plugin_and_its_parameters_are_where_they_belong(
    problems: Callable[..., list[str]], text: str, said: str
) -> None:
    """A missing or unknown plugin, and parameters outside of `params`, are told with the way out."""
    assert any(line.startswith(f"schedules/a.toml:{said}") for line in problems(f"[jobs.books]\n{text}\n"))


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({}, "${env:START}: the variable START is not set"),
        ({"START": ""}, "${env:START}: the variable START is empty"),
        ({"START": "two\nlines"}, "${env:START}: the value has a line break"),
    ],
)
def test_reference_that_names_nothing_is_told(
    problems: Callable[..., list[str]], environ: dict[str, str], said: str
) -> None:
    """An unset, empty or two-line variable stops the job, and its value is not shown."""
    (line,) = problems(HEAD + 'start = "${env:START}"', environ=environ)

    assert line.startswith(f"schedules/a.toml:4:9: jobs.books.params.start: {said}")
    assert "two" not in line


def test_secret_file_that_others_may_read_is_told(problems: Callable[..., list[str]], tmp_path: Path) -> None:
    """Its content is not shown, and the command that mends it is."""
    (tmp_path / "key").write_text("hunter22")
    (tmp_path / "key").chmod(0o644)
    (line,) = problems(HEAD + 'start = "${file:key}"')

    assert "other users may read it; run: chmod o-rwx" in line
    assert "hunter22" not in line


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("shop", None),
        ("data", None),
        ("sqlite:///x.db", None),
        ("shpo", "there is no database 'shpo' in automation.toml; did you mean 'shop'?"),
        ("xyz", "there is no database 'xyz' in automation.toml; write [databases.xyz] url ="),
    ],
)
def test_database_of_a_shipped_plugin_must_be_declared(
    problems: Callable[..., list[str]], name: str, said: str | None
) -> None:
    """A URL, a declared name, or the project's own `data`; for others the nearest name."""
    files = {"automation.toml": '[databases.shop]\nurl = "sqlite:///shop.db"\n'}
    lines = problems(HEAD + START + f'database = "{name}"', files)

    assert len(lines) == (said is not None)
    assert not said or f"schedules/a.toml:5:12: jobs.books.params.database: {said}" in lines[0]


def test_secret_is_checked_and_stays_a_reference(load: Callable[..., Any]) -> None:
    """The plugin's model sees the value; the job keeps what was written."""
    project = load(HEAD + START + 'pages = "${env:PAGES}"', environ={"PAGES": "12"})

    assert project.problems == ()
    assert project.job("books").params["pages"] == "${env:PAGES}"


def test_refused_secret_is_not_shown(problems: Callable[..., list[str]]) -> None:
    """What a variable holds is in no message, even when it is what is wrong."""
    (line,) = problems(HEAD + START + 'pages = "${env:PAGES}"', environ={"PAGES": "hunter2hunter2"})

    assert line.startswith(
        "schedules/a.toml:5:9: jobs.books.params.pages: found a string; it should be a valid integer"
    )
    assert "hunter2" not in line


def test_dates_are_kept_as_text(load: Callable[..., Any]) -> None:
    """What a run row holds is JSON, so a TOML date becomes its ISO 8601 form."""
    job = load(HEAD + START + "headers.since = 2026-03-29\n").job("books")

    assert job.params["headers"] == {"since": "2026-03-29"}


@pytest.mark.parametrize(
    "text",
    [
        'start = "https://user:hunter22@example.com/"',
        START + 'headers.password = "hunter22"',
        START + 'headers.bearer = "hunter22"',
        START + 'headers.Authorization = "Bearer hunter22"',
    ],
)
def test_password_in_plain_text_is_refused_and_not_shown(problems: Callable[..., list[str]], text: str) -> None:
    """In a URL, under `password` or `bearer`, and as an Authorization header; the message says what to write."""
    (line,) = problems(HEAD + text)

    assert "a password stands here in plain text; write" in line
    assert "hunter22" not in line


@pytest.mark.parametrize(
    "text",
    [
        'start = "https://user:${env:PW}@example.com/"',
        'start = "https://example.com:8080/a:b@c"',
        'start = "mail to https://user:name@example.com please"',
        START + 'headers.password = ""',
        START + 'headers.password_field = "input[name=password]"',
        START + 'headers.Authorization = "${env:PW}"',
        START + 'headers.X-Token = "td.token"',
    ],
)
def test_what_is_no_password_is_let_be(problems: Callable[..., list[str]], text: str) -> None:
    """References, ports, sentences and selectors are not taken for passwords."""
    assert problems(HEAD + text, environ={"PW": "hunter22"}) == []


@pytest.mark.parametrize("where", ["automation.toml", "schedules/a.toml"])
def test_plain_passwords_can_be_allowed(problems: Callable[..., list[str]], where: str) -> None:
    """For the file or the whole project, by a line that says so."""
    allow = "[defaults]\nallow_plain_secrets = true\n"
    text = HEAD + 'start = "https://user:hunter22@example.com/"'
    files = {"schedules/a.toml": text, "automation.toml": ""}

    assert problems(files={**files, where: allow + files[where]}) == []

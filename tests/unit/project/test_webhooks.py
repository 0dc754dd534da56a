"""Webhooks in TOML: what is read and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

JOB = '[jobs.books]\nplugin = "scrape"\nparams.start = "https://example.com/"\n'
SECRET = "whsec_a2tra2tra2tra2tra2tra2tra2tra2tr"
ENVIRON = {"NEW": SECRET, "OLD": "whsec_b29vb29vb29vb29vb29vb29vb29vb29v", "BAD": "hunter2hunter2"}


@pytest.fixture
def read(load: Callable[..., Any], tmp_path: Path) -> Callable[[str], Any]:
    """`read(text)`: the project with this automation.toml."""

    def make(text: str) -> Any:
        (tmp_path / "automation.toml").write_text(text)
        return load(JOB, environ=ENVIRON)

    return make


def test_a_webhook_is_read(read: Callable[[str], Any]) -> None:
    """Its secrets stay references; several are for a change of them."""
    found = read(
        '[webhooks.shop]\njob = "books"\nsecret = "${env:NEW}"\n'
        '[webhooks.till]\njob = "books"\nsecret = ["${env:NEW}", "${env:OLD}"]\ntake = ["start", "pages"]\n'
    )
    assert found.problems == ()
    assert found.webhooks["shop"].secrets == ("${env:NEW}",)
    assert found.webhooks["till"].secrets == ("${env:NEW}", "${env:OLD}")
    assert found.webhooks["till"].take == ("start", "pages")
    assert SECRET not in repr(found)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('job = "bokks"\nsecret = "${env:NEW}"', "webhooks.shop.job: there is no job 'bokks'; did you mean 'books'?"),
        ('secret = "${env:NEW}"', "webhooks.shop: missing 'job'"),
        ('job = "books"', "webhooks.shop: missing 'secret'"),
        ('job = "books"\nsecret = "${env:NONE}"', "the variable NONE is not set"),
        ('job = "books"\nsecret = "${env:BAD}"', "webhooks.shop.secret: the secret is not whsec_ and at least 24 bytes"),
        (f'job = "books"\nsecret = ["${{env:NEW}}", "{SECRET}"]', "webhooks.shop.secret[1]: a password stands here"),
        ('job = "books"\nsecret = []', "webhooks.shop.secret: write a string, or a list"),
        ('job = "books"\nsecret = 7', "webhooks.shop.secret: write a string, or a list"),
        ('job = "books"\nsecret = "${env:NEW}"\ntake = ["page"]', "webhooks.shop.take[0]: unknown key 'page'; did you mean 'pages'?"),
        ('job = "books"\nsecret = "${env:NEW}"\ntakes = []', "webhooks.shop.takes: unknown key 'takes'; did you mean 'take'?"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_in_its_place(read: Callable[[str], Any], text: str, said: str) -> None:
    """One problem each, without a secret in it."""
    found = read(f"[webhooks.shop]\n{text}\n")

    [problem] = found.errors
    assert said in str(problem)
    assert "hunter2" not in str(problem)
    assert found.job("books").problem is None


def test_a_plain_secret_may_be_allowed(read: Callable[[str], Any]) -> None:
    """As passwords of databases are."""
    found = read(f'[defaults]\nallow_plain_secrets = true\n[webhooks.shop]\njob = "books"\nsecret = "{SECRET}"\n')

    assert found.errors == ()
    assert found.webhooks["shop"].secrets == (SECRET,)


def test_something_else_than_a_table(read: Callable[[str], Any]) -> None:
    """A value where tables belong."""
    assert "write tables: [webhooks.NAME]" in str(read("webhooks = 3\n").errors[0])
    assert "[webhooks.shop]" in str(read("[webhooks]\nshop = 3\n").errors[0])

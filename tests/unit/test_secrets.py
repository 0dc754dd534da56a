"""Secrets: what references name, and that nothing shows it."""

from __future__ import annotations

import base64
import json
import urllib.parse
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.secrets import MASK, Redactor, SecretMissing, mask_urls, references, resolve

#: Values without '*', which the mask itself is made of.
SECRET = st.text(st.characters(exclude_categories=["C"], exclude_characters="*"), min_size=4, max_size=20).filter(
    lambda text: len(text.strip()) >= 4
)
FORMS = {
    "plain": str,
    "json": json.dumps,
    "readable json": lambda value: json.dumps({"k": value}, ensure_ascii=False),
    "repr": lambda value: repr({"k": [value]}),
    "path": urllib.parse.quote,
    "query": lambda value: urllib.parse.urlencode({"q": value}),
    "component": lambda value: urllib.parse.quote(value, safe=""),
    "base64": lambda value: base64.b64encode(value.encode()).decode(),
    "urlsafe": lambda value: base64.urlsafe_b64encode(value.encode()).decode(),
}


@pytest.mark.parametrize("form", FORMS)
@given(SECRET)
def test_no_form_of_a_secret_survives(form: str, secret: str) -> None:
    """However it was encoded, and wherever it stands."""
    secret = secret.strip()
    redactor = Redactor()
    redactor.learn(secret)
    encoded = FORMS[form](secret)
    shown = redactor.mask(f"before {encoded} after")

    assert MASK in shown
    assert encoded.strip("=\"'") not in shown
    assert secret not in shown.removeprefix("before").removesuffix("after")


NESTED = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.just("SECRET") | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.just("SECRET") | st.text(max_size=3) | st.integers() | st.tuples(st.integers()), inner, max_size=3)
    ),
    max_leaves=8,
)  # fmt: skip


@given(NESTED, st.sampled_from(["hunter2x", 'a"b\\c', "päss wörd", "x/y+z=%"]))
def test_no_nesting_hides_a_secret(value: Any, secret: str) -> None:
    """In lists, tuples, keys and values of mappings, however deep; everything else stays as it is."""
    redactor = Redactor()
    redactor.learn(secret)

    def fill(one: Any, word: str) -> Any:
        if isinstance(one, str):
            return word if one == "SECRET" else one
        if isinstance(one, dict):
            return {fill(key, word) if isinstance(key, str) else key: fill(item, word) for key, item in one.items()}
        return [fill(item, word) for item in one] if isinstance(one, (list, tuple)) else one

    assert redactor.mask_all(fill(value, secret)) == fill(value, MASK)


@given(st.lists(st.text("abXY01é_", min_size=4, max_size=8), min_size=2, max_size=5))
def test_secret_inside_a_longer_one_leaves_no_rest(secrets: list[str]) -> None:
    """The longest is replaced first, so that no tail of it stays."""
    redactor = Redactor()
    for secret in (*secrets, "".join(secrets)):
        redactor.learn(secret)

    assert redactor.mask("".join(secrets)) == MASK


def test_short_values_are_left_alone() -> None:
    """Three characters would eat ordinary words."""
    redactor = Redactor()
    redactor.learn("abc")
    redactor.learn("  ")

    assert redactor.mask("abc of secrets") == "abc of secrets"


def test_password_of_a_learnt_url_is_masked_alone_too() -> None:
    """As written and as the driver reads it."""
    redactor = Redactor()
    redactor.learn("postgresql://app:p%40ss-word@db/shop")

    assert redactor.mask("user app: p%40ss-word") == f"user app: {MASK}"
    assert redactor.mask("password 'p@ss-word' is wrong") == f"password '{MASK}' is wrong"


@pytest.mark.parametrize(
    "url", ["redis://:{}@h:1/0", "smtp://me:{}@h", "see amqp://a:{}@h//, then", "x+y://u:{}@[::1]/"]
)
def test_password_of_any_url_is_masked(url: str) -> None:
    """Also of one that nobody learnt; the rest of the URL stays readable."""
    assert mask_urls(url.format("hunter2")) == url.format(MASK)
    assert mask_urls("https://example.com/a:b@c") == "https://example.com/a:b@c"


def test_references_are_found_in_nested_values() -> None:
    """As they were written, in order."""
    value = {"a": "${env:A} and ${file:/b}", "b": ["${env:C:-x}", 3], "c": ("${other:D}",)}

    assert list(references(value)) == ["${env:A}", "${file:/b}", "${env:C:-x}"]


def test_references_are_replaced_and_learnt() -> None:
    """Wherever they stand; a default is no secret."""
    redactor = Redactor()
    value = {"url": "http://${env:HOST:-localhost}/", "list": ["Bearer ${env:TOKEN}"], "number": 1}
    found = resolve(value, {"TOKEN": "s3cr3t-token"}, redactor)

    assert found == {"url": "http://localhost/", "list": ["Bearer s3cr3t-token"], "number": 1}
    assert redactor.mask("s3cr3t-token at localhost") == f"{MASK} at localhost"


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({}, "TOKEN is not set; set it"),
        ({"TOKEN": ""}, "TOKEN is empty"),
        ({"TOKEN": "secret1\nsecret2"}, "line break"),
    ],
)
def test_variable_that_cannot_be_used_is_a_sentence(environ: dict[str, str], said: str) -> None:
    """Which names the variable, and never shows a value."""
    with pytest.raises(SecretMissing, match=said) as refused:
        resolve("${env:TOKEN}", environ, Redactor())

    assert "secret" not in str(refused.value)
    assert refused.value.exit_code == 2


def test_file_holds_a_secret_and_one_end_of_line(tmp_path: Path) -> None:
    """Relative paths start from the project; the last line break is the editor's."""
    path = tmp_path / "token"
    path.write_text("from-a-file\r\n")
    path.chmod(0o600)
    redactor = Redactor()

    assert resolve("${file:token}", {}, redactor, tmp_path) == "from-a-file"
    assert redactor.mask("from-a-file") == MASK


@pytest.mark.parametrize(
    ("content", "mode", "said"),
    [
        (b"hunter2\n", 0o644, "other users may read it; run: chmod o-rwx"),
        (b"hunter2\nhunter3\n", 0o600, "the value has a line break"),
        (b"hunter2\xff", 0o600, "not UTF-8 text at byte 7"),
    ],
)
def test_file_that_cannot_be_used_is_a_sentence(tmp_path: Path, content: bytes, mode: int, said: str) -> None:
    """It names the file and the way out, and shows nothing of its content."""
    path = tmp_path / "token"
    path.write_bytes(content)
    path.chmod(mode)
    with pytest.raises(SecretMissing, match=said) as refused:
        resolve(f"${{file:{path}}}", {}, Redactor())

    assert "hunter" not in str(refused.value)
    assert str(path) in str(refused.value)


def test_missing_file_and_folder_are_sentences(tmp_path: Path) -> None:
    """What is not there, and what is no file."""
    with pytest.raises(SecretMissing, match="No such file or directory; create it"):
        resolve("${file:none}", {}, Redactor(), tmp_path)
    with pytest.raises(SecretMissing, match="not a regular file"):
        resolve("${file:.}", {}, Redactor(), tmp_path)

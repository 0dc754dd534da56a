"""Where things stand in a TOML file, whatever way they are written."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from automation.project.headers import Headers
from automation.project.positions import Positions

TEXT = (
    """a = 1
"b c" = [1, {x=2}, [3]]
x.y.z = 5
[jobs.books]
cron = "* * * * *" # hi
'l' = { a.b = 1, c = [ "q", # c
 "r" ] }
é = 1

[[jobs.books.schedules]]
id = "x"
  [jobs.books.schedules.sub]
  k = 1
[[jobs.books.schedules]]
id = "é"; """.replace("; ", "\n")
    + '[jobs."q.r".retry]\ne = 1\n'
)


@pytest.mark.parametrize(
    ("path", "value", "key"),
    [
        (("a",), (1, 5), (1, 1)),
        (("b c", 1, "x"), (2, 16), (2, 14)),
        (("b c", 2, 0), (2, 21), (2, 21)),
        (("x", "y", "z"), (3, 9), (3, 1)),
        (("jobs", "books"), (4, 1), (4, 2)),
        (("jobs", "books", "cron"), (5, 8), (5, 1)),
        (("jobs", "books", "l", "a", "b"), (6, 15), (6, 9)),
        (("jobs", "books", "l", "c", 1), (7, 2), (7, 2)),
        (("jobs", "books", "schedules", 0, "id"), (11, 6), (11, 1)),
        (("jobs", "books", "schedules", 0, "sub", "k"), (13, 7), (13, 3)),
        (("jobs", "books", "schedules", 1, "id"), (15, 6), (15, 1)),
        (("jobs", "q.r", "retry", "e"), (17, 5), (17, 1)),
        (("jobs", "books", "missing"), (4, 1), (4, 1)),
        (("nowhere", "at", "all"), (1, 1), (1, 1)),
    ],
)
def test_key_and_value_are_found(path: tuple[str | int, ...], value: tuple[int, int], key: tuple[int, int]) -> None:
    """Tables, dotted and quoted keys, inline tables, arrays and arrays of tables; what is missing is at its table."""
    text = TEXT.replace("é = 1", '"é" = 1')
    tomllib.loads(text)
    positions = Positions(text.encode())

    assert (positions.locate(path), positions.locate(path, key=True)) == (value, key)


def test_columns_count_characters_and_not_bytes() -> None:
    """A value behind accents and emoji is where an editor shows it."""
    assert Positions('x = ["ñandú🦀", 5]'.encode()).locate(["x", 1]) == (1, 16)


KEYS = st.text(alphabet="ab.'\" é\\", min_size=1, max_size=3)
VALUES = st.recursive(
    st.integers(), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3)
)


def written(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{quoted(key)} = {written(item)}" for key, item in value.items()) + "}"
    return "[" + ", ".join(map(written, value)) + "]" if isinstance(value, list) else str(value)


def quoted(key: str) -> str:
    return '"' + key.replace("\\", "\\\\").replace('"', '\\"') + '"'


@given(st.dictionaries(KEYS, VALUES, min_size=1, max_size=4))
def test_value_stands_where_it_is_said_to(data: dict[str, Any]) -> None:
    """At the place given for a path, the file holds exactly that value."""
    lines = [f"{quoted(key)} = {written(value)}" for key, value in data.items()]
    positions = Positions("\n".join(lines).encode())
    for path, value in walk(data):
        line, column = positions.locate(path)
        assert lines[line - 1][column - 1 :].startswith(written(value))


def walk(value: Any, path: tuple[str | int, ...] = ()) -> Any:
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, item in pairs:
        yield (*path, step), item
        yield from walk(item, (*path, step))


SPELLINGS = st.sampled_from(
    ["[jobs.a]", " [ jobs . a ]  # it", "[jobs.b]", "[jobs.a.params]", "[[jobs.a.schedules]]", "[jobs.'a']", "[jobs]", "[x]",
     "a.cron = 1", 'cron = "[jobs.b]"', "cron = [", "  [1],", "  [ 'é' ]", "]", "# [jobs.a]", "", 'x = """', '"""', "x.cron = 2",
     "cron=3", "y = 'é'", "\tevery = 'é' # cron = 5"],
)  # fmt: skip


@given(st.lists(SPELLINGS, max_size=9))
@example(["[jobs.a]", 'x = """', "[jobs.b]", '"""', "[jobs.b]", "cron = 3"])
def test_quick_way_to_a_job_leads_where_the_slow_one_does(lines: list[str]) -> None:
    """Headers are found by their lines only where that is certain."""
    text = "\r\n".join(lines)
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    headers, tree = Headers(text), Positions(text.encode())._tree
    for path in walk_all(data):
        quick = headers.locate(path)
        assert quick is None or quick == tree.locate(path, key=False)


def test_quick_way_finds_what_people_write() -> None:
    """A job and its rule, in a plain file."""
    headers = Headers(
        '# é\n[defaults]\nx = 1\n\n[jobs.books]\nplugin = "é"\n  cron  =  "* * * * *"\n[jobs.books.params]\ncron = 5\n'
    )

    assert headers.locate(("jobs", "books")) == (5, 1)
    assert headers.locate(("jobs", "books", "cron")) == (7, 12)
    assert headers.locate(("jobs", "books", "x")) is None


def walk_all(value: Any, path: tuple[str | int, ...] = ()) -> Any:
    pairs = value.items() if isinstance(value, dict) else ()
    for step, item in pairs:
        yield (*path, step)
        yield from walk_all(item, (*path, step))

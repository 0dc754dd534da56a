"""Lists in the parameters of the shipped plugins: every wrong entry is told, each at its place."""

from __future__ import annotations

from collections.abc import Callable

import pytest

PAGE = 'start = "https://shop.example/"\n'


def job(plugin: str, params: str) -> str:
    return f'[jobs.x]\nplugin = "{plugin}"\n[jobs.x.params]\n{params}\n'


@pytest.mark.parametrize(
    ("plugin", "params", "starts"),
    [
        (
            "email",
            'subject = "x"\ntext = "y"\nto = ["a", "c@example.com", "b@"]',
            ("6:7: jobs.x.params.to[0]: address 'a': ", "6:29: jobs.x.params.to[2]: address 'b@': "),
        ),
        (
            "report",
            'title = "x"\nformats = ["pfd", "html", "htm"]\nqueries.a.sql = "SELECT 1"',
            (
                "5:12: jobs.x.params.formats[0]: 'pfd' is not a format; write html, pdf, xlsx, csv, json, md, svg or png",
                "5:27: jobs.x.params.formats[2]: 'htm' is not a format; write html, pdf, xlsx, csv, json, md, svg or png",
            ),
        ),
        (
            "scrape",
            PAGE + 'fields.a = { css = "h1", clean = ["lowr", "strip", "x"] }',
            (
                "5:35: jobs.x.params.fields.a.clean[0]: 'lowr' is not a cleaning step; did you mean 'lower'? ",
                "5:52: jobs.x.params.fields.a.clean[2]: 'x' is not a cleaning step; write one of: ",
            ),
        ),
        (
            "scrape",
            PAGE + 'fields.a = "h1"\nkey = ["b", "a", "a"]',
            (
                "6:8: jobs.x.params.key[0]: 'b' is not a field; fields: a",
                "6:18: jobs.x.params.key[2]: 'a' stands here twice; remove one",
            ),
        ),
        (
            "scrape",
            PAGE
            + 'table = "a b"\ndeadline = "0s"\n[jobs.x.params.fields]\na-b = "h1"\nfirst_seen = "h1"\nc = "h1"\nC = "h2"',
            (
                "5:9: jobs.x.params.table: 'a b': write letters, digits and _, at most 48",
                "8:1: jobs.x.params.fields.a-b: field 'a-b': write letters",
                "9:1: jobs.x.params.fields.first_seen: field 'first_seen' is a column of our own",
                "11:1: jobs.x.params.fields.C: two fields make the column 'c'; rename one",
                "6:12: jobs.x.params.deadline: found '0s'; must be longer than 0s",
            ),
        ),
        (
            "scrape",
            PAGE + 'fields.a = "h1"\nquality.coverage = { b = 0.5, c = 0.5 }',
            (
                "6:22: jobs.x.params.quality.coverage.b: 'b' is not a field; fields: a",
                "6:31: jobs.x.params.quality.coverage.c: 'c' is not a field; fields: a",
            ),
        ),
    ],
    ids=["addresses", "formats", "steps", "keys", "names", "coverage"],
)
def test_every_wrong_entry_is_told_at_its_place(
    told: Callable[..., list[str]], plugin: str, params: str, starts: tuple[str, ...]
) -> None:
    """Nobody corrects a list entry by entry, asking again after each."""
    lines = told(job(plugin, params))

    assert len(lines) == len(starts)
    assert all(any(line.startswith(start) for line in lines) for start in starts), lines


def test_no_library_explains_itself(told: Callable[..., list[str]]) -> None:
    """What should stand there is said, and not how the parser failed."""
    (line,) = told(job("shell", 'command = "true"\nok_codes = ["x"]'))

    assert line == "5:13: jobs.x.params.ok_codes[0]: found 'x'; it should be a valid integer"

"""SQL that only reads: one statement, begun by a word that reads.

Owns: telling a reading statement from any other, for each database's way of quoting and commenting.
Never: runs SQL; it is the first of two locks, the read-only transaction is the second.
"""

from __future__ import annotations

import re

from automation.text import printable

READING = ("SELECT", "WITH", "VALUES", "TABLE", "SHOW", "EXPLAIN", "DESCRIBE", "DESC")
#: Statements that a cursor on the server can stand for, so that rows are fetched in portions.
STREAMED = ("SELECT", "WITH", "VALUES", "TABLE")

_STRING = r"'(?:[^']|'')*(?:'|\Z)"
_NAME = r'"(?:[^"]|"")*(?:"|\Z)'
_BACKTICKS = r"`(?:[^`]|``)*(?:`|\Z)"
_BLOCK = r"/\*.*?(?:\*/|\Z)"
_QUOTED = {
    "postgresql": rf"--[^\n]*|(?<![\w$])[eE]'(?:[^'\\]|\\.|'')*(?:'|\Z)|{_STRING}|{_NAME}"
    r"|(?<![\w$])\$(?P<tag>(?:[^\W\d]\w*)?)\$.*?(?:\$(?P=tag)\$|\Z)",
    "mysql": r"(?:--(?=\s|\Z)|\#)[^\n]*"
    rf"|'(?:[^'\\]|\\.|'')*(?:'|\Z)|\"(?:[^\"\\]|\\.|\"\")*(?:\"|\Z)|{_BACKTICKS}|{_BLOCK}",
    "sqlite": rf"--[^\n]*|{_STRING}|{_NAME}|{_BACKTICKS}|\[[^\]]*(?:\]|\Z)|{_BLOCK}",
}
_PATTERNS = {name: re.compile(pattern, re.DOTALL) for name, pattern in _QUOTED.items()}
_FIRST = re.compile(r"[\s(]*([A-Za-z]+)")
_INTO = re.compile(r"\bINTO\b", re.IGNORECASE)
_RUN_COMMENT = re.compile(r"/\*M?!")


def first_word(sql: str, dialect: str = "sqlite") -> str:
    """The word that a statement begins with, in capitals, after comments and parentheses; empty when there is none."""
    found = _FIRST.match(_bare(sql, dialect))
    return found.group(1).upper() if found else ""


def reading_statement(sql: str, dialect: str) -> str:
    """The statement without its final semicolon.

    Parameters
    ----------
    dialect: `sqlite`, `postgresql`, `mysql` or `mariadb`.

    Raises ValueError with a sentence when it is not one statement that reads.
    """
    bare = _bare(sql, dialect)
    word = first_word(sql, dialect)
    if word not in READING:
        shown = f"begins with {printable(word, 30)}" if word else "is empty"
        raise ValueError(f"{shown}; a query only reads: begin it with SELECT, WITH, VALUES, TABLE, SHOW or EXPLAIN")
    if ";" in bare.rstrip().rstrip(";"):
        raise ValueError("holds more than one statement; write one query for each")
    if _INTO.search(bare):
        raise ValueError("holds INTO, which writes a table or a file; a query only reads")
    if dialect in ("mysql", "mariadb") and _RUN_COMMENT.search(sql):
        raise ValueError("holds a comment that the server would run (/*! … */); write it as plain SQL")
    return _without_last_semicolon(sql, bare)


def _bare(sql: str, dialect: str) -> str:
    """The statement with comments, strings and quoted names blanked, each character in its place."""
    if dialect == "postgresql":
        sql = _without_nested_comments(sql)
    pattern = _PATTERNS["mysql" if dialect == "mariadb" else dialect]
    return pattern.sub(lambda found: " " * len(found.group()), sql)


def _without_nested_comments(sql: str) -> str:
    """PostgreSQL's block comments nest; blank them outside of strings, each character in its place."""
    token = re.compile(rf"{_QUOTED['postgresql']}|/\*", re.DOTALL)
    shown, at = [], 0
    while found := token.search(sql, at):
        shown.append(sql[at : found.start()])
        end = _end_of_comment(sql, found.start()) if found.group() == "/*" else found.end()
        piece = sql[found.start() : end]
        shown.append(" " * len(piece) if found.group() == "/*" else piece)
        at = end
    return "".join(shown) + sql[at:]


def _end_of_comment(sql: str, start: int) -> int:
    depth = 0
    for mark in re.finditer(r"/\*|\*/", sql[start:]):
        depth += 1 if mark.group() == "/*" else -1
        if depth == 0:
            return start + mark.end()
    return len(sql)


def _without_last_semicolon(sql: str, bare: str) -> str:
    end = bare.rstrip()
    return sql[: len(end.rstrip(";"))] if end.endswith(";") else sql

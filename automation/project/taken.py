"""What the parameters of a job take from the jobs before it.

Owns: the problems of names that are none of those before it, and of an element without a list.
Never: looks a value up; nobody has it before the run.
"""

from __future__ import annotations

from automation.ledger.upstream import named, strings, taking, takings
from automation.project.after import After
from automation.project.values import Notes, Table
from automation.text import nearest, printable


def check_taken(table: Table, after: After, before: tuple[str, ...], notes: Notes) -> None:
    """Note each job that the job of this table takes something from, and that is none of those before it."""
    each = after.for_each
    if each is not None and (found := taking(each)) is not None:
        _check_step(notes, table, ("for_each",), found.job or "", before)
    inner = table.child("params") or Table(table.source, (*table.path, "params"), {})
    for path, text in strings(inner.values):
        for name in named(text):
            _check_step(notes, inner, path, name, before)
        if each is None and any(found.job is None for found in takings(text)) and after.jobs:
            notes.at(inner, path, "{{ item }} is the element of a list; write for_each, too")


def _check_step(notes: Notes, table: Table, path: tuple[str | int, ...], name: str, before: tuple[str, ...]) -> None:
    if name not in before:
        meant = nearest(name, before)
        known = f"did you mean '{meant}'?" if meant else f"before it are: {', '.join(before) or 'none'}; write after"
        notes.at(table, path, f"'{printable(name, 60)}' is no job before this one; {known}")

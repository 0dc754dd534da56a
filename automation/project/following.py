"""Jobs that follow jobs: what one job says of those before it.

Owns: `after`, `after_failure`, `after_any`, and what a job that has one of them cannot say beside it.
Never: knows another job; `lineage` does.
"""

from __future__ import annotations

from automation.ledger.upstream import taking
from automation.project.after import After
from automation.project.keys import AFTER, PLANNING, TIMING
from automation.project.model import Overlap, Uniqueness
from automation.project.policies import name_problem, parameters_in
from automation.project.values import Reader, Table
from automation.text import printable
from automation.triggers.parse import KINDS

#: What belongs to fires, which a job that follows others has none of.
_OF_FIRES = (*KINDS, "schedules", *TIMING, *PLANNING, "unite", "run_on_start")


def read_after(own: Reader, table: Table) -> After:
    """After which jobs this one runs; empty for one that follows none."""
    if own.lacks(AFTER):
        if "for_each" in table.values:
            message = 'needs the job that its list comes from; write after = ["JOB"], too'
            own.notes.at(table, ["for_each"], message, on_key=True)
        return After()
    found = {key: _names(own, table, key) for key in AFTER}
    first = next(key for key in AFTER if key in table.values)
    for key in _OF_FIRES:
        if key in table.values:
            message = (
                f"means nothing beside '{first}': a job that follows others has no schedule of its own; remove one"
            )
            own.notes.at(table, [key], message, on_key=True)
    each = own.text("for_each", "", _list_problem) or None
    return After(**found, for_each=each)


def check_each(own: Reader, table: Table, after: After, overlap: Overlap, unique: Uniqueness) -> None:
    """Note what would keep all elements of a list but one from running."""
    if after.for_each is None:
        return
    if table.values.get("overlap") in ("queue_one", "cancel_running"):
        message = f'overlap = "{overlap.mode}" means nothing beside for_each, as each element is wanted; remove one'
        own.notes.at(table, ["overlap"], message, on_key=True)
    if unique.unique_key is not None and not parameters_in(unique.unique_key):
        message = (
            f"all elements of for_each would have the unique_key '{printable(unique.unique_key, 60)}', and one of them would "
            'run; name the parameter that takes {{ item }}: unique_key = "{{ params.NAME }}"'
        )
        key = "unique_key" if "unique_key" in table.values else "for_each"
        own.notes.at(table, [key], message, on_key=True)


def _list_problem(text: str) -> str | None:
    one = taking(text)
    if one is not None and one.job is not None and one.fact == "result":
        return None
    return f"found '{printable(text, 60)}'; write a list of a job before it: \"{{{{ upstream.JOB.result.path }}}}\""


def _names(own: Reader, table: Table, key: str) -> tuple[str, ...]:
    """The jobs of one key, each once in all of them."""
    names = own.words(key, name_problem)
    if table.values.get(key) == []:
        own.notes.at(table, [key], "names no job; write the names of those that it follows, or remove the key")
    elsewhere = [other for other in AFTER[: AFTER.index(key)] if isinstance(table.values.get(other), list)]
    for number, name in enumerate(names):
        before = next((other for other in elsewhere if name in table.values[other]), None)
        if before is not None:
            own.notes.at(table, [key, number], f"'{name}' stands under '{before}', too; remove it from one of them")
        elif name in names[:number]:
            own.notes.at(table, [key, number], f"'{name}' stands here twice; remove one")
        elif name == table.path[-1]:
            own.notes.at(table, [key, number], "a job cannot follow itself; name another one")
    return names

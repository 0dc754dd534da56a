"""Tables that somebody names: `[KIND.NAME]` of automation.toml.

Owns: the sentences for a kind that is no table of tables, for a name that cannot be one, and for a value in a table's place.
Never: knows what stands in such a table.
"""

from __future__ import annotations

from automation.project.policies import name_problem
from automation.project.values import Notes, Reader, Secrets, Table


def named_tables(top: Table, kind: str, notes: Notes, secrets: Secrets) -> Table | None:
    """The table that holds those of a kind; None where there is none, or where something else stands there, which is noted."""
    declared = top.child(kind)
    if declared is None and kind in top.values:
        Reader([top], notes, secrets).refuse(top, kind, f"write tables: [{kind}.NAME]")
    return declared


def named_table(declared: Table, name: str, example: str, notes: Notes, secrets: Secrets) -> Table | None:
    """One of them; what is wrong with its name, or that it is no table, is noted.

    Parameters
    ----------
    example: a line that could stand in it.
    """
    unsafe = name_problem(name)
    if unsafe:
        notes.at(declared, [name], unsafe, on_key=True)
    table = declared.child(name)
    if table is None:
        path = ".".join(map(str, (*declared.path, name)))
        Reader([declared], notes, secrets).refuse(declared, name, f"write a table: [{path}] {example}")
    return table

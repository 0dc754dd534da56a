"""A table, the children that go with it, and all others that refer to them.

Owns: the order in which tables are emptied, which rows of each go, and which references stand in the way.
Never: counts or deletes; it builds the conditions that others run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from automation.cleanup.references import Name, Reference
from automation.cleanup.schema import Target, find_table, must_have_key
from automation.errors import FailureClass, JobFailed
from automation.text import nearest

Condition = Callable[[Target], sa.ColumnElement[bool]]


@dataclass(frozen=True)
class Family:
    """The tables that rows are deleted from, and the foreign keys around them.

    Parameters
    ----------
    root: the table of the rule.
    children: in such an order that each comes after all tables that it refers to.
    rule: which rows of the root go.
    references: every foreign key that points at one of these tables.
    """

    root: Target
    children: tuple[Target, ...]
    rule: Condition
    references: tuple[Reference, ...]

    @property
    def members(self) -> tuple[Target, ...]:
        """The root, then the children."""
        return (self.root, *self.children)

    def edges(self, child: Target) -> list[Reference]:
        """The foreign keys by which rows of a child go with rows of another member."""
        names = {member.name for member in self.members}
        return [key for key in self.references if key.source == child.name and key.target in names and not key.is_own]

    def own(self, member: Target) -> list[Reference]:
        """Foreign keys of a table to itself that make it matter which row goes first."""
        return [key for key in self.references if key.is_own and key.source == member.name and not key.lets_go]

    def outside(self) -> list[Reference]:
        """Foreign keys of tables that are no members; what they do would happen unasked."""
        listed = {child.name for child in self.children}
        return [
            key for key in self.references if key.source not in listed and not key.is_own and not self._from_root(key)
        ]

    def backward(self) -> list[Reference]:
        """Foreign keys from the root to itself or to its children, and of children to themselves."""
        return [key for key in self.references if key.is_own or self._from_root(key)]

    def _from_root(self, key: Reference) -> bool:
        return key.source == self.root.name and not key.is_own

    def member(self, name: Name) -> Target:
        """The member of this name."""
        return next(member for member in self.members if member.name == name)

    def goes(self, target: Target) -> sa.ColumnElement[bool]:
        """Whether a row of this member (or of an alias of it) is to go."""
        if target.name == self.root.name:
            return self.rule(target)
        return sa.or_(*(self.refers(key, target.clause, target.columns(key.columns)) for key in self.edges(target)))

    def refers(
        self, key: Reference, source: sa.FromClause, columns: Sequence[sa.ColumnElement[object]]
    ) -> sa.ColumnElement[bool]:
        """Whether a row of `source`, which holds the key in these columns, points at a row that is to go."""
        target = self.member(key.target).aliased()
        joined = [there == here for there, here in zip(target.columns(key.referred), columns, strict=True)]
        found = sa.select(sa.literal(1, sa.Integer)).select_from(target.clause).where(*joined, self.goes(target))
        return found.correlate(source).exists()


def source_clause(key: Reference) -> sa.TableClause:
    """The referring table with the key's own columns."""
    return sa.table(key.source.table, *map(sa.column, key.columns), schema=key.source.schema)


def gather(
    inspector: sa.Inspector, root: Target, names: Sequence[str], rule: Condition, references: Sequence[Reference]
) -> Family:
    """The family of a root and the children that are listed by name.

    Raises JobFailed (config) for a child that is not there, that refers to no member, or that is in a circle.
    """
    waiting = [find_table(inspector, name, root.name.schema) for name in dict.fromkeys(names)]
    if any(child.name == root.name for child in waiting):
        raise JobFailed(
            f"'{root.name.table}' is listed as its own child; remove it from 'children'", FailureClass.CONFIG
        )
    names_of_all = {root.name, *(child.name for child in waiting)}
    relevant = [key for key in references if key.target in names_of_all]
    for child in waiting:
        _must_refer(child, names_of_all, root, relevant)
        if any(key.is_own and key.source == child.name for key in relevant):
            must_have_key(child)
    ordered: list[Target] = []
    while waiting:
        pending = {child.name for child in waiting}
        ready = [child for child in waiting if not _refers_to(child, pending, relevant)]
        if not ready:
            circle = ", ".join(child.name.table for child in waiting)
            raise JobFailed(
                f"children {circle} refer to each other in a circle; list only one of them", FailureClass.CONFIG
            )
        ordered += ready
        waiting = [child for child in waiting if child not in ready]
    return Family(root, tuple(ordered), rule, tuple(relevant))


def _refers_to(child: Target, names: set[Name], references: Sequence[Reference]) -> bool:
    return any(key.source == child.name and key.target in names and not key.is_own for key in references)


def _must_refer(child: Target, members: set[Name], root: Target, references: Sequence[Reference]) -> None:
    if _refers_to(child, members, references):
        return
    sources = sorted({key.source.table for key in references if key.target == root.name and not key.is_own})
    meant = nearest(child.name.table, sources)
    hint = f"did you mean '{meant}'?" if meant else f"tables that do: {', '.join(sources) or 'none'}"
    raise JobFailed(
        f"child '{child.name.table}' has no foreign key to '{root.name.table}' or another child; {hint}",
        FailureClass.CONFIG,
    )

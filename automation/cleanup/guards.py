"""What must hold before the first row goes.

Owns: the guards of a rule, the index that a large table needs, and the references that stand in the way.
Never: deletes; it answers in sentences.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import sqlalchemy as sa

from automation.cleanup.counting import Counts, rows_of
from automation.cleanup.family import Family, source_clause
from automation.cleanup.meaning import Meaning, referred
from automation.cleanup.references import Reference
from automation.cleanup.rule import CleanupParams, Rule
from automation.cleanup.schema import Target
from automation.errors import FailureClass, JobFailed
from automation.text import count

_LARGE = 100_000
#: Runs that deleted fewer rows than this say nothing about what is usual.
_USUAL = 1_000


def guards(params: CleanupParams, name: str, counts: Counts, former: Sequence[int]) -> list[str]:
    """A sentence for each guard that refuses.

    Parameters
    ----------
    former: how many rows the last runs of this rule found, as far as they are known.
    """
    guard, limit, refusals = params.guard, params.row_limit, []
    total, matched = counts.total, counts.matched
    if limit is not None and matched > limit:
        refusals.append(f"{count(matched, 'row')} of '{name}' would go, more than max_rows = {limit}")
    if guard.max_percent is not None and counts.percent > guard.max_percent:
        refusals.append(
            f"{matched:,} of {count(total, 'row')} of '{name}' would go, that is {counts.percent:.1f} %, "
            f"more than guard.max_percent = {guard.max_percent:g}"
        )
    if matched and guard.min_remaining is not None and total - matched < guard.min_remaining:
        refusals.append(
            f"{count(total - matched, 'row')} of '{name}' would remain, "
            f"fewer than guard.min_remaining = {guard.min_remaining}"
        )
    most = max([*former, _USUAL], default=_USUAL)
    if guard.max_drift is not None and former and matched > most * guard.max_drift:
        refusals.append(
            f"{count(matched, 'row')} of '{name}' would go, more than guard.max_drift = {guard.max_drift:g} times the "
            f"{max(former):,} that went at most in the last {count(len(former), 'run')}; look at it with --dry-run, and "
            "let it pass once with -p guard.max_drift=1000000"
        )
    return refusals


def file_guards(params: CleanupParams, total: int, matched: int) -> list[str]:
    """The same for files of a folder."""
    found = guards(params, params.files.folder if params.files else "", Counts(total, matched), ())
    return [re.sub(r"\brow(s?)\b", r"file\1", sentence) for sentence in found]


def missing_indexes(meaning: Meaning, params: CleanupParams, total: int) -> tuple[list[str], list[str]]:
    """Warnings, and refusals of a large table, where a rule would read all of it for want of an index."""
    messages = list(_unindexed(meaning, meaning.rule))
    if total <= _LARGE or params.guard.allow_scan:
        return messages, []
    return [], [
        f"{message} and it has {count(total, 'row')}; create one, or set guard.allow_scan = true"
        for message in messages
    ]


def _unindexed(meaning: Meaning, rule: Rule) -> Iterator[str]:
    root = meaning.root
    filters = [condition.column for condition in rule.where]
    if rule.age is not None:
        yield from _no_index(root, [rule.age.column])
    elif filters and not (rule.keep_last or rule.duplicates_by or rule.orphans_of):
        yield from _no_index(root, filters)
    if rule.keep_last:
        yield from _no_index(root, rule.keep_last.per)
    if rule.duplicates_by:
        yield from _no_index(root, rule.duplicates_by.columns)
    if rule.orphans_of and meaning.parent is not None:
        yield from _no_index(meaning.parent, referred(meaning.parent, rule.orphans_of))


def _no_index(target: Target, names: Sequence[str]) -> Iterator[str]:
    if not any(name in target.leading for name in names):
        shown = "' or '".join(names)
        yield f"no index of '{target.name.table}' begins with '{shown}'"


def refuse_listed(params: CleanupParams, tables: Sequence[Target]) -> None:
    """Raise JobFailed (config) for a table that the job's own guard protects."""
    for target in tables:
        names = {target.name.table, f"{target.name.schema}.{target.name.table}"}
        if names & set(params.guard.protected):
            raise JobFailed(
                f"'{target.name.table}' is protected by guard.protected; take it out of the rule, or out of the guard",
                FailureClass.CONFIG,
            )


def references(connection: sa.Connection, family: Family) -> tuple[list[str], dict[str, int]]:
    """What refers to the rows that would go, from rows that would stay: refusals, and rows that forget by table."""
    blocked: list[str] = []
    detached: dict[str, int] = {}
    found: list[tuple[Reference, int]] = []
    for key in family.outside():
        clause = source_clause(key)
        found.append((key, rows_of(connection, clause, family.refers(key, clause, list(clause.c)))))
    for key in family.backward():
        source = family.member(key.source).aliased()
        refers = family.refers(key, source.clause, source.columns(key.columns))
        if key.is_own or key.lets_go:
            refers = sa.and_(refers, sa.not_(sa.func.coalesce(family.goes(source), sa.false())))
        found.append((key, rows_of(connection, source.clause, refers)))
    for key, rows in found:
        if rows and key.lets_go:
            detached[f"{key.source.table}.{', '.join(key.columns)}"] = rows
        elif rows:
            blocked.append(_in_the_way(family, key, rows))
    return blocked, detached


def _in_the_way(family: Family, key: Reference, rows: int) -> str:
    where = f"'{key.source.table}' ({', '.join(key.columns)})"
    if key.is_own:
        return (
            f"{count(rows, 'row')} of {where} would stay and refer to rows that would go; narrow the rule with 'where'"
        )
    if key.source == family.root.name:
        return f"{count(rows, 'row')} of {where} refer to rows of its own child; remove '{key.target.table}' from 'children'"
    does = "would be deleted with them, unasked" if key.on_delete == "CASCADE" else "keep them from being deleted"
    return (
        f"{count(rows, 'row')} of {where} refer to rows of '{key.target.table}' and {does} "
        f'(ON DELETE {key.on_delete}); list it: children = ["{key.source.table}"]'
    )

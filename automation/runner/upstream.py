"""What the runs before a run left for it: filled into its parameters, and within reach of its templates.

Owns: reading it, once and late; which strings are left to the plugin's own templates.
Never: resolves a secret: that is done before, so that what a page or a query brought in names none.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from automation.database import reading
from automation.errors import FailureClass, JobFailed
from automation.ledger.ledger import Ledger
from automation.ledger.rows import RunRow
from automation.ledger.upstream import Facts, Taking, facts, fill, take, taking, takings
from automation.project.order import RunSpec


class Upstream(Mapping[str, Facts]):
    """The steps before a run by name, each with `result`, `state`, `reason` and `run`; read when they are asked for."""

    def __init__(self, ledger: Ledger, run: RunRow, spec: RunSpec) -> None:
        self._ledger, self._run, self._spec = ledger, run, spec
        self._known: dict[str, Facts | None] = {}

    def __getitem__(self, step: str) -> Facts:
        found = self._facts(step) if step in self._spec.upstream else None
        if found is None:
            raise KeyError(step)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._spec.upstream)

    def __len__(self) -> int:
        return len(self._spec.upstream)

    def take(self, one: Taking) -> Any:
        """What a taking stands for. Raises JobFailed, as `config`, with what there is."""
        return take(one, None if one.job is None else self._facts(one.job), self._spec.item)

    def filled(self, params: Any, *, renders: bool) -> Any:
        """The parameters with what comes from before.

        Parameters
        ----------
        renders: the plugin renders their strings itself. Then what stands in the midst of one is left to it, so that a
            text from outside is data to its template, and never a part of the template.
        """
        if self._spec.flaw:
            raise JobFailed(self._spec.flaw, FailureClass.CONFIG, code="upstream")
        if not self._spec.upstream and not self._spec.item:
            return params
        return self._left(params) if renders else fill(params, self.take)

    def _left(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: self._left(one) for key, one in value.items()}
        if isinstance(value, list):
            return [self._left(one) for one in value]
        if not isinstance(value, str) or "{" not in value:
            return value
        whole = taking(value)
        if whole is not None and not isinstance(found := self.take(whole), str):
            return found
        for one in takings(value):
            # One that is not there is told in our words, and not in those of a template.
            self.take(one)
        for step in sorted(self._spec.upstream, key=len, reverse=True):
            value = value.replace(f"upstream.{step}.", f"upstream[{json.dumps(step)}].")
        return value

    def _facts(self, step: str) -> Facts | None:
        if step not in self._known:
            with reading(self._ledger.engine) as connection:
                self._known[step] = facts(connection, self._run.flow, step)
        return self._known[step]

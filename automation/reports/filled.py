"""Parameters that an element of a list, or the run before, decides: whose report it is.

Owns: which parameters are filled in so, apart from the templates that a report renders anyway.
Never: fills in SQL, or a database: what comes from outside is a value.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import ValidationError

from automation.errors import FailureClass, JobFailed
from automation.reports.params import ReportParams, is_open

#: What a reader has of their own.
_OWN = ("locale", "timezone", "currency")


def filled_in(params: ReportParams, fill: Callable[[str], str]) -> ReportParams:
    """The parameters with `{{ item }}` and `{{ upstream.… }}` filled in, in values of queries, language, zone and currency.

    Raises JobFailed (`config`) for what does not fit there.
    """

    def each(value: Any) -> Any:
        if isinstance(value, list):
            return [each(one) for one in value]
        return fill(value) if is_open(value) else value

    own = {name: each(getattr(params, name)) for name in _OWN}
    queries = {
        name: query.model_copy(update={"params": {key: each(value) for key, value in query.params.items()}})
        for name, query in params.queries.items()
    }
    try:
        # Only these can be wrong now; the rest has been looked at.
        ReportParams.model_validate({"title": "x", "queries": {"x": {"sql": "SELECT 1"}}, **own})
    except ValidationError as error:
        told = "; ".join(f"{one['loc'][0]}: {one['msg'].removeprefix('Value error, ')}" for one in error.errors())
        raise JobFailed(told, FailureClass.CONFIG) from error
    return params.model_copy(update={**own, "queries": queries})

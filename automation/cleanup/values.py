"""Values of any column as JSON and back, without a loss.

Owns: the tags of what JSON has no word for: bytes, decimals, moments, UUIDs, numbers that are none.
Never: knows a table; used for cursors and for archives alike.
"""

from __future__ import annotations

import base64
import ipaddress
import json
import math
from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

_READERS: dict[str, Callable[[Any], Any]] = {
    "bytes": lambda text: base64.b64decode(text, validate=True),
    "decimal": Decimal,
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "duration": lambda micros: timedelta(microseconds=int(micros)),
    "uuid": UUID,
    "float": float,
    "address": ipaddress.ip_address,
    "network": ipaddress.ip_network,
    "interface": ipaddress.ip_interface,
    "dict": lambda pairs: {key: untagged(value) for key, value in pairs},
}


def dumps(value: Any) -> str:
    """One line of JSON. Raises TypeError for what has no tag."""
    return json.dumps(tagged(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def loads(text: str) -> Any:
    """What `dumps` was given. Raises ValueError."""
    return untagged(json.loads(text))


def row_line(values: Sequence[Any]) -> bytes:
    """A row as one line, quickly where all its values are simple. Raises TypeError for what has no tag."""
    try:
        if not _NESTING.intersection(map(type, values)):
            return _ENCODER.encode(values).encode("utf-8", "surrogatepass") + b"\n"
    except ValueError:  # a float that is none
        pass
    return dumps(values).encode("utf-8", "surrogatepass") + b"\n"


def bindable(value: Any) -> Any:
    """A value that was read, as a driver takes it back."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else value


def tagged(value: Any) -> Any:
    """The same with `{"$kind": text}` in place of what JSON cannot say."""
    kind = type(value)
    if value is None or kind in (bool, str, int):
        return value
    if kind is float:
        return value if math.isfinite(value) else {"$float": repr(value)}
    if isinstance(value, (list, tuple)):
        return [tagged(one) for one in value]
    if isinstance(value, dict):
        return {"$dict": [[key, tagged(one)] for key, one in value.items()]}
    return _tag(value)


def untagged(value: Any) -> Any:
    """The value that `tagged` was given; tuples are lists. Raises ValueError for a tag that nobody knows."""
    if isinstance(value, list):
        return [untagged(one) for one in value]
    if not isinstance(value, dict):
        return value
    ((tag, text),) = value.items()
    reader = _READERS.get(tag[1:]) if tag.startswith("$") else None
    if reader is None:
        raise ValueError(f"'{tag}' is no kind of value")
    return reader(text)


def _tag(value: Any) -> dict[str, Any]:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return {"$bytes": base64.b64encode(bytes(value)).decode()}
    if isinstance(value, timedelta):
        return {"$duration": str(value // timedelta(microseconds=1))}
    for kind, name in ((datetime, "datetime"), (date, "date"), (time, "time")):
        if isinstance(value, kind):
            return {f"${name}": value.isoformat()}
    for kinds, name in (
        ((Decimal,), "decimal"),
        ((UUID,), "uuid"),
        ((ipaddress.IPv4Interface, ipaddress.IPv6Interface), "interface"),
        ((ipaddress.IPv4Network, ipaddress.IPv6Network), "network"),
        ((ipaddress.IPv4Address, ipaddress.IPv6Address), "address"),
    ):
        if isinstance(value, kinds):
            return {f"${name}": str(value)}
    raise TypeError(f"a value of type {type(value).__name__} cannot be kept: {value!r:.60}")


_NESTING = {list, tuple, dict}
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=_tag)

"""Values as text of Markdown, in which they mean nothing but themselves.

Owns: what Markdown would read in a text.
Never: renders.
"""

from __future__ import annotations

import re
from typing import Any

_SPECIAL = re.compile(r"([!-/:-@\[-`{-~])")
#: What is markup anywhere in a line, and what becomes a link by itself.
_RISKY = re.compile(r"(?=[\\`*_\[\]<>|~#&!@])|(?<=http)(?=:)|(?<=https)(?=:)|(?<=www)(?=\.)")
_BREAKS = re.compile(r"\s*[\r\n\v\f\x85\u2028\u2029]+\s*")


def as_text(value: Any) -> Any:
    """A value with all that Markdown would read escaped."""
    text = _SPECIAL.sub(r"\\\1", _BREAKS.sub(" ", str(value)))
    return text.strip() if text[:1].isspace() else text


def as_markdown(value: Any) -> str:
    """The same for a file that people also read as it is: only what would be markup is escaped."""
    return _RISKY.sub(r"\\", _BREAKS.sub(" ", str(value)).strip())

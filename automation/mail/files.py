"""Files of a mail: those that are attached, and images that stand in its text.

Owns: which of them is which, and their names.
Never: reads a file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from automation.artifacts import media_type_of
from automation.errors import FailureClass, JobFailed
from automation.text import nearest, printable

_UNSAFE = re.compile(r"[\x00-\x1f\x7f\u2028\u2029/\\\ud800-\udfff]")
#: As an attribute or a style has it.
_NAMED = re.compile(r"""(?<=["'(])cid:([^"'()<>]+)""", re.IGNORECASE)


@dataclass(frozen=True)
class Attachment:
    """A file of a mail; a media type that is none becomes `application/octet-stream`."""

    name: str
    content: bytes
    media_type: str = "application/octet-stream"


def named_images(html: str, files: Sequence[Attachment]) -> dict[str, Attachment]:
    """The files that the HTML names as `cid:NAME`, by name.

    Raises JobFailed (`config`) for a name that no file has, and a file that is no image.
    """
    known = {file.name: file for file in files}
    found: dict[str, Attachment] = {}
    for name in dict.fromkeys(unquote(one) for one in _NAMED.findall(html)):
        if name not in known:
            meant = nearest(name, known)
            hint = (
                f"did you mean '{meant}'?" if meant else f"there is: {', '.join(known) or 'no file; add it to attach'}"
            )
            raise JobFailed(
                f"the HTML shows 'cid:{printable(name, 60)}', and no file has that name; {hint}", FailureClass.CONFIG
            )
        if not known[name].media_type.startswith("image/"):
            raise JobFailed(
                f"the HTML shows 'cid:{printable(name, 60)}', which is {known[name].media_type} and no image",
                FailureClass.CONFIG,
            )
        found[name] = known[name]
    return found


def with_ids(html: str, ids: Mapping[str, str]) -> str:
    """The HTML with each `cid:NAME` as the id that its part has."""
    return _NAMED.sub(lambda found: f"cid:{ids[unquote(found[1])]}@automation.invalid", html) if ids else html


def media_type(name: str) -> str:
    """What a file is, by its name."""
    return media_type_of(name)


def safe_name(name: str) -> str:
    """A name that no mail program takes for a path."""
    return _UNSAFE.sub("_", name).strip()[-200:] or "attachment"

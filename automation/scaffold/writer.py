"""Copies a folder of starting files into a project.

Owns: where each file goes, and the refusal to touch what is there.
Never: knows what the files say.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from automation.errors import InvalidInput, Refused
from automation.text import count

STARTER = Path(__file__).parent / "files"


def write_files(source: Path, target: Path, values: Mapping[str, str] | None = None) -> list[Path]:
    """Write every file below `source` into the folder `target`, which is made if need be; returns what was written.

    Parameters
    ----------
    values: `@@name@@` in a file becomes the value.

    Raises Refused, before anything is written, when one of the files is there; InvalidInput when `target` cannot
    be a folder.
    """
    contents = {target / _name(path.relative_to(source)): path.read_text("utf-8") for path in _files(source)}
    if target.exists() and not target.is_dir():
        raise InvalidInput(f"{target} is a file; name a folder")
    present = [str(path.relative_to(target)) for path in contents if path.exists() or path.is_symlink()]
    if present:
        raise Refused(
            f"{target} already has {', '.join(present)}; nothing was written. Name another folder, "
            f"or move {count(len(present), 'file')} away"
        )
    try:
        for path, text in contents.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(_filled(text, values or {}), "utf-8")
    except OSError as error:
        raise InvalidInput(
            f"{error.filename or target}: {error.strerror}; name a folder that you may write to"
        ) from error
    return list(contents)


def _files(source: Path) -> list[Path]:
    return sorted(path for path in source.rglob("*") if path.is_file() and "__pycache__" not in path.parts)


def _name(path: Path) -> Path:
    # git and Python's tools would read `.gitignore` and `*.py` inside the package; so they are stored under other names.
    name = path.name
    if name.startswith("dot."):
        name = "." + name.removeprefix("dot.")
    if name.endswith(".py.txt"):
        name = name.removesuffix(".txt")
    return path.with_name(name)


def _filled(text: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(f"@@{name}@@", value)
    return text

"""Which files make a project, and where its folder is.

Owns: `schedules/**/*.toml`, `automation.toml`, the way upward to them.
Never: opens one.
"""

from __future__ import annotations

from pathlib import Path

from automation.errors import InvalidInput

SCHEDULES = "schedules"
PROJECT_FILE = "automation.toml"


def find_root(start: Path) -> Path:
    """The nearest folder from `start` upward that has `schedules/`. Raises InvalidInput when none has."""
    start = start.absolute()
    if not start.is_dir():
        raise InvalidInput(f"There is no folder {start}; name the project with -C DIR")
    for folder in (start, *start.parents):
        if (folder / SCHEDULES).is_dir():
            return folder
    raise InvalidInput(
        f"There is no project here: neither {start} nor a folder above it has {SCHEDULES}/. "
        "Begin one with `automation init DIR`, or name it with -C DIR"
    )


def schedule_files(root: Path) -> list[Path]:
    """Every `schedules/**/*.toml`, sorted; names and folders that begin with a dot are left out."""
    folder = root / SCHEDULES
    found = (path for path in folder.rglob("*.toml"))
    return sorted(path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts))


def project_file(root: Path) -> Path | None:
    """The project's `automation.toml`, if there is something of that name."""
    path = root / PROJECT_FILE
    return path if path.exists() or path.is_symlink() else None

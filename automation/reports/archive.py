"""A folder of reports for people: each occurrence's files, the newest by a name that stays, and a feed.

Owns: the folder's shape, what is removed, and that nobody sees a half of anything.
Never: touches what it did not make.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from urllib.parse import quote
from uuid import NAMESPACE_URL, uuid5

from automation.errors import FailureClass, JobFailed
from automation.rendering.locales import Forms
from automation.reports.params import Archive
from automation.reports.stored import Origin
from automation.text import instant

_FORM = "%Y-%m-%dT%H%M%SZ"
_FOLDER = re.compile(r"\d{4}-\d\d-\d\dT\d{6}Z")
_TITLE = ".title"
_ENTRIES = 50


def publish(
    folder: Path, archive: Archive, title: str, origin: Origin, files: Mapping[str, Path], forms: Forms | None = None
) -> Path:
    """Put an occurrence's files there; made again, they take the place of the first ones.

    Raises JobFailed (`config`) where the folder leads out of the project or cannot be written.
    """
    name = origin.nominal_time.astimezone(UTC).strftime(_FORM)
    part = folder / f".{name}.{os.getpid()}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        for file, path in files.items():
            shutil.copyfile(path, part / file)
        (part / _TITLE).write_text(title, encoding="utf-8", errors="replace")
        _into_place(part, folder / name)
        # What an attempt left that was killed in the midst of this.
        for left in folder.glob(f".{name}.*"):
            shutil.rmtree(left, ignore_errors=True)
        versions = sorted((one for one in folder.iterdir() if _FOLDER.fullmatch(one.name)), reverse=True)
        for old in versions[archive.keep :]:
            shutil.rmtree(old)
        kept = versions[: archive.keep]
        _link(folder, kept[0].name)
        _write(folder / "feed.xml", _feed(kept, archive, origin.job))
        _write(folder / "index.html", _index(kept, origin.job, forms or Forms()))
    except OSError as error:
        shutil.rmtree(part, ignore_errors=True)
        raise JobFailed(f"archive: {folder}: {error.strerror or error}", FailureClass.CONFIG) from error
    return folder / name


def _into_place(part: Path, target: Path) -> None:
    """One rename; where files of the same occurrence are there, they go first, and come back if the second fails."""
    aside = part.with_suffix(".old")
    shutil.rmtree(aside, ignore_errors=True)
    if target.exists():
        target.rename(aside)
    try:
        part.rename(target)
    except OSError:
        if aside.exists():
            aside.rename(target)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _link(folder: Path, newest: str) -> None:
    """`latest` leads to the newest, at every instant to a whole one."""
    part = folder / f".latest.{os.getpid()}.part"
    part.unlink(missing_ok=True)
    part.symlink_to(newest, target_is_directory=True)
    part.replace(folder / "latest")


def _write(path: Path, text: str) -> None:
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    part.write_text(text, encoding="utf-8", errors="replace")
    part.replace(path)


def _front(version: Path) -> str:
    """The file that a reader opens first."""
    names = sorted(one.name for one in version.iterdir() if not one.name.startswith("."))
    for wanted in ("report.html", "report.pdf", "report.xlsx", "report.md"):
        if wanted in names:
            return wanted
    return names[0] if names else ""


def _title_of(version: Path) -> str:
    try:
        return (version / _TITLE).read_text(encoding="utf-8")
    except OSError:
        return version.name


def _moment(version: Path) -> datetime:
    return datetime.strptime(version.name, _FORM).replace(tzinfo=UTC)


def _feed(versions: list[Path], archive: Archive, job: str) -> str:
    """Atom, RFC 4287; without a link of the archive its entries lead nowhere but have their names and moments."""
    base = archive.link.rstrip("/") + "/" if archive.link else ""
    entries = "".join(
        f"<entry><id>urn:uuid:{uuid5(NAMESPACE_URL, f'{job}/{version.name}')}</id><title>{_text(_title_of(version))}</title>"
        f"<updated>{instant(_moment(version))}</updated>"
        f'<link href="{_text(base + version.name + "/" + quote(_front(version)))}"/></entry>\n'
        for version in versions[:_ENTRIES]
    )
    updated = instant(_moment(versions[0]))
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom">'
        f"<id>urn:uuid:{uuid5(NAMESPACE_URL, job)}</id><title>{_text(job)}</title><updated>{updated}</updated>"
        f"<author><name>automation</name></author>\n{entries}</feed>\n"
    )


def _index(versions: list[Path], job: str, forms: Forms) -> str:
    words, language = forms.words, _text(forms.locale or "en")
    lines = "".join(
        f'<li><a href="{version.name}/{quote(_front(version))}">{_text(_title_of(version))}</a> '
        f"<small>{_text(forms.moment(_moment(version)))} ({_text(forms.timezone)})</small></li>\n"
        for version in versions
    )
    return (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f'<meta name="color-scheme" content="light dark"><title>{_text(job)}</title>'
        '<link rel="alternate" type="application/atom+xml" href="feed.xml">'
        "<style>body{font:16px/1.6 system-ui,sans-serif;max-width:44rem;margin:3rem auto;padding:0 1rem}"
        "li{margin:.3rem 0}small{opacity:.7;margin-left:.5rem}</style></head>"
        f'<body><h1>{_text(job)}</h1><p><a href="latest/{quote(_front(versions[0]))}">{_text(words["newest"])}</a> · '
        f'<a href="feed.xml">{_text(words["feed"])}</a></p><ul>{lines}</ul></body></html>\n'
    )


def _text(words: str) -> str:
    return escape("".join(char if char.isprintable() else " " for char in words))

"""Pictures of the documents' own reports, as a browser and a printer show them.

Run as a program, it makes those that stand in the documents: python tests/acceptance/pictures.py CHINOOK_FOLDER
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
PICTURES = ROOT / "docs" / "pictures"
WIDTH, HEIGHT = 860, 4600
NAMES = ("cards", "line", "bar", "stacked", "share", "calendar", "table", "heat", "note")
_BLOCK = re.compile(r"^```toml\n(.*?)^```", re.M | re.S)


def project(document: str, shop: Path, folder: Path) -> Path:
    """A project with the TOML of a document, and the shop's database."""
    (folder / "schedules").mkdir(parents=True)
    for number, text in enumerate(_BLOCK.findall((ROOT / "docs" / document).read_text("utf-8"))):
        name = "automation.toml" if text.startswith("# automation.toml") else f"schedules/{number}.toml"
        (folder / name).write_text(text)
    shutil.copy(shop / "chinook.sqlite", folder)
    return folder


def look(folder: Path, job: str) -> Path:
    """The folder of a look at a report of the first day of 2026."""
    command = [sys.executable, "-m", "automation", "preview", job, "--at", "2026-01-01T06:00Z"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return folder / ".automation" / "preview" / job


def shoot(page: Path, target: Path, *, dark: bool = False, width: int = WIDTH, height: int = HEIGHT) -> Image.Image:
    """What a browser shows of a page."""
    scheme = ["--force-dark-mode", "--blink-settings=preferredColorScheme=0"] if dark else []
    command = [
        "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--force-device-scale-factor=1",
        f"--user-data-dir={target.parent / 'browser'}", *scheme, f"--window-size={width},{height}",
        f"--screenshot={target}", page.as_uri(),
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True, timeout=150)
    return Image.open(target).convert("RGB")


def sections(picture: Image.Image) -> list[Image.Image]:
    """The cards of a page, cut out: between its left edge and the ground there is a line of the card's own colour."""
    ground, column = picture.getpixel((2, 2)), 36
    inside, found = 0, []
    for y in range(picture.height):
        card = picture.getpixel((column, y)) != ground and picture.getpixel((picture.width - column, y)) != ground
        if card and not inside:
            inside = y
        elif not card and inside:
            if y - inside > 40:
                found.append(picture.crop((14, inside - 8, picture.width - 14, y + 8)))
            inside = 0
    return found


def gallery(shop: Path, folder: Path) -> dict[str, Image.Image]:
    """The picture of each block, light and dark."""
    page = look(project("gallery.md", shop, folder / "gallery"), "gallery") / "report.html"
    made = {}
    for dark in (False, True):
        cut = sections(shoot(page, folder / "page.png", dark=dark))
        made |= {name + "-dark" * dark: one for name, one in zip(NAMES, cut, strict=True)}
    return made


def main() -> None:
    """Make the pictures of the documents."""
    shop = Path(sys.argv[1])
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        for name, picture in gallery(shop, Path(scratch)).items():
            picture.quantize(96).save(PICTURES / f"{name}.png", optimize=True)
        page = look(project("monday.md", shop, Path(scratch) / "monday"), "sales") / "report.html"
        whole = shoot(page, Path(scratch) / "sales.png", width=1000, height=1500)
        whole.quantize(96).save(PICTURES / "sales.png", optimize=True)


if __name__ == "__main__":
    main()

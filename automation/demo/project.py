"""The demonstration's folder: a project whose jobs watch the shop.

Owns: the shop's address in its files, before and after the shop had to move.
Never: overwrites what the user changed there.
"""

from __future__ import annotations

import re
import socket
from pathlib import Path

from automation.errors import Refused

FILES = Path(__file__).parent / "files"
SCHEDULES = Path("schedules") / "shop.toml"
_HOST = "127.0.0.1"
_ADDRESS = re.compile(rf"http://{re.escape(_HOST)}:(\d{{1,5}})\b")


def shop_url(port: int) -> str:
    """The shop's address on this port."""
    return f"http://{_HOST}:{port}"


def shop_port(folder: Path) -> int | None:
    """The port that the folder's jobs expect the shop at; None where no demonstration was made yet.

    Raises Refused for a file of that name that is not ours.
    """
    try:
        text = (folder / SCHEDULES).read_text("utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    found = _ADDRESS.search(text)
    if found is None:
        raise Refused(
            f"{folder / SCHEDULES} names no shop on {_HOST}, so it is not the demonstration's; name another --dir"
        )
    return int(found.group(1))


def move_shop(folder: Path, old: int, new: int) -> None:
    """Let the folder's jobs expect the shop at another port; all else in the file stays as it is."""
    path = folder / SCHEDULES
    path.write_text(path.read_text("utf-8").replace(shop_url(old), shop_url(new)), "utf-8")


def is_free(port: int, host: str = _HOST) -> bool:
    """Whether somebody could listen on this port now."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def free_port(host: str = _HOST) -> int:
    """A port that nobody listens on now."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    """Whether somebody listens on this port."""
    try:
        with socket.create_connection((_HOST, port), timeout=0.3):
            return True
    except OSError:
        return False

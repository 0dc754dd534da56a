"""The ledger's file is locked, away, replaced, damaged, on a full disk, or cut off by a power failure (F26 to F28, F46)."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import IO

import psutil
import pytest

from automation.ledger.schema import open_engine, upgrade
from tests.faults.course import Course, eventually, lengths, now

pytestmark = pytest.mark.timeout(600)
slow, soak = pytest.mark.slow, pytest.mark.soak
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory, needs) -> Iterator[Course]:
    """A course with the lease that a user has: shorter ones end while the file is locked."""
    needs("redis-server")
    made = Course(tmp_path_factory.mktemp("sqlite"), AUTOMATION_LEASE="20s").begin()
    yield made
    wrong = made.leave()
    made.close()
    assert wrong == []


@pytest.fixture
def aside(course: Course) -> Iterator[Callable[..., list[Path]]]:
    """`aside("", "-wal", …)`: move these of the ledger's files away; a second call without a name moves them back."""
    moved: list[tuple[Path, Path]] = []
    base = course.root / "ledger.db"

    def move(*endings: str) -> None:
        for ending in endings:
            here = base.with_name(base.name + ending)
            if here.exists():
                moved.append((here, here.with_name(f"aside{ending or '.db'}")))
                here.rename(moved[-1][1])
        if not endings:
            while moved:
                here, there = moved.pop()
                there.replace(here)

    yield move
    move()


def both_say(course: Course, words: str) -> None:
    """Wait until scheduler and worker have said so."""
    for role in ("scheduler-1", "worker-1"):
        eventually(lambda role=role: words in course.said(role), says=lambda role=role: course.said(role)[-1500:])


def nobody_works(course: Course) -> bool:
    """Whether, in two seconds, nothing begins that does not end in the ledger's own way."""
    before = len(course.lines("began"))
    course.pass_time(2)
    return len(course.lines("began")) == before


def tried(course: Course) -> dict[str, subprocess.CompletedProcess[str]]:
    """What becomes of each kind of process that is started now."""
    kinds = ("scheduler", "worker", "runs")
    with ThreadPoolExecutor() as pool:
        return dict(zip(kinds, pool.map(course.command, kinds), strict=True))


@pytest.mark.parametrize("seconds", lengths(2, 10, 25, 60))
def test_f26_a_foreign_writer_holds_the_file(course, seconds, measured):
    """Everybody waits; no attempt fails or is lost up to half a minute, and all goes on when it is free."""
    failed = "SELECT COUNT(*) FROM automation_attempts WHERE outcome IS NOT NULL AND outcome <> 'succeeded'"
    before = course.ask(failed)
    with closing(sqlite3.connect(course.root / "ledger.db", timeout=30, isolation_level=None)) as foreign:
        foreign.execute("BEGIN IMMEDIATE")
        course.pass_time(seconds)
        foreign.execute("ROLLBACK")
    measured("F26: a foreign writer holds the file", course.recovered(now()))
    assert course.judged() == []
    assert seconds > 30 or course.ask(failed) == before


@slow
def test_f27_a_file_that_is_gone_is_missed_and_not_made_anew(course, aside, measured):
    """Both say which file is gone, nobody begins anything, nobody makes an empty one; put back, it is used again."""
    aside("", "-wal", "-shm")
    both_say(course, "ledger.db is gone")
    assert nobody_works(course)
    assert not (course.root / "ledger.db").exists()
    aside()
    measured("F27: the file is gone, and comes back", course.recovered(now()))
    assert course.judged() == []


@slow
def test_f27_another_file_in_its_place_is_seen(course, aside, measured):
    """An empty one has no tables: both say so and nobody begins anything; put back, the right one is used again."""
    aside("", "-wal", "-shm")
    (course.root / "ledger.db").touch()
    both_say(course, "no such table")
    assert nobody_works(course)
    aside()
    measured("F27: another file stands in its place", course.recovered(now()))
    assert course.judged() == []


@slow
def test_f27_a_log_that_is_missing_is_missed(course, aside):
    """Without its log the file lacks what was written last: nobody works on it until the log is back."""
    course.kill("scheduler-1", "worker-1")
    aside("-wal")
    tries = tried(course)
    aside()
    course.start("scheduler-1")
    course.start("worker-1")

    assert {kind: one.returncode for kind, one in tries.items()} == dict.fromkeys(tries, 4)
    assert all("ledger.db-wal is missing" in one.stderr for one in tries.values())
    assert course.judged() == []


@slow
def test_f27_a_damaged_file_is_named_and_left_as_it_is(course):
    """No process starts with it; what is there stays there for whoever repairs it."""
    course.kill("scheduler-1", "worker-1")
    ledger = course.root / "ledger.db"
    with closing(sqlite3.connect(ledger, timeout=30)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    whole = ledger.read_bytes()
    damaged = b"\0" * 16 + whole[16:]
    ledger.write_bytes(damaged)
    tries = tried(course)
    found = ledger.read_bytes()
    ledger.write_bytes(whole)
    course.start("scheduler-1")
    course.start("worker-1")

    assert {kind: one.returncode for kind, one in tries.items()} == dict.fromkeys(tries, 4)
    assert all(
        "file is not a database" in one.stderr and "AUTOMATION_DATABASE_URL" in one.stderr for one in tries.values()
    )
    assert found == damaged
    assert course.judged() == []


# --- a disk of its own ---------------------------------------------------------------------------------------------


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of two megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], capture_output=True, text=True, check=False
    )
    if made.returncode:
        pytest.skip(f"no small disk can be mounted: {made.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


class OnDisk(Course):
    """A course whose ledger, or whose data folder, is on a disk of its own."""

    def __init__(self, root: Path, disk: Path, **settings: str) -> None:
        self.disk = disk
        super().__init__(root, **settings)

    def fill(self, leave: int = 0) -> Path:
        """Take all the room that is left, but for so many bytes."""
        filler = self.disk / "filler"
        with filler.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(b"x" * 4096)
        if leave:
            os.truncate(filler, filler.stat().st_size - leave)
        return filler


class LedgerOnDisk(OnDisk):
    """The ledger has the disk for itself."""

    def _make_database(self) -> str:
        return f"sqlite:///{self.disk / 'ledger.db'}"


@slow
def test_f28_a_full_disk_under_the_ledger_stops_work_until_there_is_room(tmp_path, disk, needs, measured):
    """Nothing is done that could not be recorded; with room again all goes on, and no process has to be started."""
    needs("redis-server")
    course = LedgerOnDisk(tmp_path, disk)
    try:
        course.begin()
        filler = course.fill()
        both_say(course, "full")
        filler.unlink()
        measured("F28: the ledger's disk is full", course.recovered(now()))
        assert course.judged() == []
        assert course.leave() == []
    finally:
        course.close()


ARTIFACT = '''
from automation import Context, plugin

@plugin
def big(ctx: Context, size: int = 600_000) -> None:
    """Leave a file."""
    ctx.artifact("big.bin", b"x" * size)
'''


@slow
def test_f28_a_full_disk_under_the_data_folder_leaves_no_half_file(tmp_path, disk, needs):
    """The run fails and says that there is no room; once there is, the same run makes its file whole."""
    course = OnDisk(tmp_path, disk, AUTOMATION_DATA_DIR=str(disk / "data"))
    (tmp_path / "jobs" / "big.py").write_text(ARTIFACT)
    (tmp_path / "schedules" / "big.toml").write_text('[jobs.big]\nplugin = "big"\nretry = { max_attempts = 1 }\n')
    filler = course.fill(leave=300_000)
    refused = course.command("run", "big", "--here")
    halves = [path for path in (disk / "data").rglob("*") if path.is_file() and path.stat().st_size >= 4096]
    filler.unlink()
    done = course.command("run", "big", "--here")
    files = list((disk / "data").rglob("big.bin"))
    course.close()

    assert (refused.returncode, done.returncode) == (1, 0), refused.stderr + done.stderr
    assert "No space left on device" in refused.stdout + refused.stderr
    assert halves == []
    assert [path.stat().st_size for path in files] == [600_000]


# --- a power failure -----------------------------------------------------------------------------------------------

WRITER = """
import sys
from datetime import UTC, datetime, timedelta
from automation.clock import SystemClock
from automation.ledger.ledger import Ledger
from automation.ledger.rows import NewRun
from automation.ledger.runs import Claimant, Verdict
from automation.ledger.schema import open_engine
from automation.ledger.states import Kind, Outcome, State

ledger, minute, now = Ledger(open_engine(sys.argv[1]), SystemClock()), timedelta(minutes=1), datetime.now(UTC)
for number in range(1_000_000):
    name = f"{number:020d}"
    ledger.runs.add(NewRun(name, "j", "p", Kind.MANUAL, now, now, now, now, 3, "default", 5, {"x": "y" * 500}))
    ledger.runs.claim(name, Claimant("w", 1), minute, lambda _: minute)
    ledger.runs.finish(name, 1, Verdict(Outcome.SUCCEEDED, State.SUCCEEDED))
    print(name, flush=True)
"""


@pytest.mark.parametrize("times", lengths(15, 300))
def test_f46_what_was_acknowledged_is_there_after_a_power_failure(tmp_path, times):
    """Ledger and log as they were at some instant: whole, and each verdict that was told is in them."""
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    upgrade(open_engine(url))
    told = tmp_path / "told"
    lots, missing_without_log = random.Random(46), 0
    with told.open("wb") as out, _writing(url, out) as writer:
        eventually(lambda: told.stat().st_size > 1000)
        for _ in range(times):
            before = told.stat().st_size
            eventually(lambda before=before: told.stat().st_size > before)
            eventually(lambda: lots.random() < 0.5)
            writer.send_signal(signal.SIGSTOP)
            eventually(lambda: psutil.Process(writer.pid).status() == psutil.STATUS_STOPPED)
            found, without_log = _snapshot(tmp_path, told.read_text().splitlines()[-20:])
            missing_without_log += without_log
            writer.send_signal(signal.SIGCONT)
            assert found == ("ok", 0)
        assert writer.poll() is None
    assert missing_without_log, "the instants were such that nothing was in the log alone: they prove nothing"


@contextmanager
def _writing(url: str, out: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """A process that ends one run after the other and tells of each; it ends with the test, whatever comes."""
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen([sys.executable, "-c", WRITER, url], cwd=ROOT, env=environ, stdout=out) as writer:
        try:
            yield writer
        finally:
            writer.kill()


def _snapshot(folder: Path, told: list[str]) -> tuple[tuple[str, int], int]:
    """What SQLite says of a copy, how many of these runs are not in it, and how many are not when its log is left out."""
    whole, there = _read_copy(folder, "", "-wal")
    try:
        without_log = _read_copy(folder, "")[1]
    except sqlite3.DatabaseError:  # taken in the midst of a checkpoint: only the log makes it whole
        without_log = set()
    return (whole, len(set(told) - there)), len(set(told) - without_log)


def _read_copy(folder: Path, *endings: str) -> tuple[str, set[str]]:
    """A copy of the files with these endings: what SQLite says of it, and the runs that succeeded in it."""
    copy = folder / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir()
    for ending in endings:
        shutil.copy(folder / f"ledger.db{ending}", copy)
    query = "SELECT id FROM automation_runs WHERE state = 'succeeded' AND finished_at IS NOT NULL"
    with closing(sqlite3.connect(copy / "ledger.db")) as connection:
        whole = connection.execute("PRAGMA integrity_check").fetchone()[0]
        return whole, {row[0] for row in connection.execute(query)}

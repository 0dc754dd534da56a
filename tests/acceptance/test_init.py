"""`automation init` and what can be done with its result."""

import json
import os
import signal
import subprocess
import sys

import pytest


def automation(*arguments, cwd):
    command = [sys.executable, "-m", "automation", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def project(tmp_path):
    done = automation("init", "mine", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    return tmp_path / "mine"


def test_init_writes_a_project(project):
    """A new project has a job, a plugin, a template, a Procfile, its configuration and what git leaves alone."""
    files = {str(path.relative_to(project)) for path in project.rglob("*") if path.is_file()}

    assert files == {
        ".env.example",
        ".gitignore",
        "Procfile",
        "automation.toml",
        "jobs/hello.py",
        "schedules/example.toml",
        "templates/hello.html",
    }


def test_init_refuses_to_touch_files_that_are_there(tmp_path):
    """A folder that has one of the files is refused with 3, all of them are named, nothing is written."""
    (tmp_path / "Procfile").write_text("mine")
    (tmp_path / "other.txt").touch()

    refused = automation("init", ".", cwd=tmp_path)

    assert refused.returncode == 3
    assert "already has Procfile" in refused.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["Procfile", "other.txt"]


def test_init_of_a_file_is_wrong_input(tmp_path):
    """A name that is taken by a file is wrong input, said in a sentence."""
    (tmp_path / "taken").touch()

    refused = automation("init", "taken", cwd=tmp_path)

    assert (refused.returncode, refused.stderr) == (2, "taken is a file; name a folder\n")


def test_a_new_project_passes_the_check(project):
    """What init writes has no error and no warning."""
    checked = automation("check", cwd=project)

    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "warning" not in checked.stdout + checked.stderr


@pytest.mark.slow
def test_a_new_project_runs_its_job_here(project):
    """The example plugin runs without a broker, greets, and leaves its page."""
    ran = automation("run", "hello", "--here", cwd=project)

    assert ran.returncode == 0, ran.stdout + ran.stderr
    (page,) = (project / ".automation" / "artifacts" / "hello").rglob("hello.html")
    assert "<h1>Hello, world!</h1>" in page.read_text()


def test_a_new_project_is_run_by_up(project, eventually):
    """Its job fires under `automation up`, the dashboard knows, and Ctrl-C ends everything in order."""
    log = project.parent / "terminal.txt"
    with log.open("w") as out:
        up = subprocess.Popen(
            [sys.executable, "-m", "automation", "up"],
            cwd=project,
            stdout=out,
            stderr=out,
            env={**os.environ, "PORT": "0"},
        )
    try:
        pages = project / ".automation" / "artifacts" / "hello"
        eventually(lambda: list(pages.rglob("hello.html")) or up.poll() is not None, told=log.read_text)
        assert up.poll() is None, log.read_text()
        up.send_signal(signal.SIGINT)
        assert up.wait(60) == 0
    finally:
        up.kill()
        up.wait()


@pytest.mark.slow
def test_the_doctor_of_a_new_project_names_what_does_not_run_yet(project):
    """Before `up` the doctor fails with the parts that are missing, as a list and as JSON, and makes no file."""
    examined = automation("doctor", "--json", cwd=project)
    listed = automation("doctor", cwd=project)

    checks = {check["name"]: check for check in json.loads(examined.stdout)}
    assert examined.returncode == listed.returncode == 1
    assert {name for name, check in checks.items() if check["state"] == "fail"} == {"broker", "ledger"}
    assert "automation up" in checks["ledger"]["message"]
    assert "FAIL  broker" in listed.stdout
    assert not (project / ".automation").exists()

"""Files that a user changes beside a running `automation up`: what becomes of them, and where it is said."""

from __future__ import annotations

import json
import urllib.request

import pytest

pytestmark = pytest.mark.timeout(180)
PATIENCE = 60

PLUGIN = '''
from automation import Context, plugin


@plugin
def greet(ctx: Context) -> dict[str, str]:
    """Greet."""
    return {{"greeting": "{greeting}"}}
'''
TICK = '[jobs.tick]\nplugin = "shell"\nevery = "1s"\nparams = {{ command = "echo {word}" }}\n'


@pytest.fixture(scope="module")
def machine(machines, eventually):
    """A project that runs, and has done a job."""
    made = machines()
    made.write("schedules/tick.toml", TICK.format(word="one"))
    made.up()
    eventually(lambda: made.ask("SELECT id FROM automation_runs WHERE state = 'succeeded'"), PATIENCE, made.said)
    return made


def active(machine):
    """What the doctor says of the active configuration."""
    [found] = [check for check in json.loads(machine.type("doctor", "--json").stdout) if check["name"] == "active"]
    return found


def dashboard(machine):
    with urllib.request.urlopen(f"http://127.0.0.1:{machine.port}/", timeout=60) as answer:
        return answer.read().decode()


def test_an_error_is_said_where_users_look_and_stops_nothing(machine, eventually):
    """On the terminal, by the doctor, on the dashboard; and when it is corrected the new version is active."""
    machine.write("schedules/tick.toml", TICK.format(word="two") + 'evry = "1s"\n')
    eventually(lambda: "The changed files are not active (1 problem)" in machine.said(), PATIENCE, machine.said)
    runs = len(machine.ask("SELECT id FROM automation_runs"))

    told = active(machine)
    assert told["state"] == "warn"
    assert "stays, for changed files are not active: schedules/tick.toml:5:1: " in told["message"]
    banner = "Changed files are not active; configuration revision 1 goes on as it was."
    eventually(lambda: banner in dashboard(machine), PATIENCE, machine.said)
    eventually(lambda: len(machine.ask("SELECT id FROM automation_runs")) > runs + 1, PATIENCE, machine.said)

    machine.write("schedules/tick.toml", TICK.format(word="two"))
    eventually(lambda: "configuration revision 2" in machine.said(), PATIENCE, machine.said)
    told = active(machine)
    assert told["message"].startswith("revision 2 since ")
    assert told["state"] == "ok"
    eventually(lambda: "Changed files are not active" not in dashboard(machine), PATIENCE, machine.said)


@pytest.mark.slow
def test_a_new_plugin_and_its_change_come_to_the_worker(machine, eventually):
    """Nobody stops and starts anything."""
    machine.write("jobs/greet.py", PLUGIN.format(greeting="good morning"))
    machine.write("schedules/greet.toml", '[jobs.greet]\nplugin = "greet"\nevery = "1s"\n')
    said = "SELECT id FROM automation_runs WHERE job = 'greet' AND result LIKE '%{}%'"
    eventually(lambda: machine.ask(said.format("good morning")), PATIENCE, machine.said)

    machine.write("jobs/greet.py", PLUGIN.format(greeting="good evening"))

    eventually(lambda: machine.ask(said.format("good evening")), PATIENCE, machine.said)
    eventually(lambda: "jobs/greet.py changed; " in machine.said(), PATIENCE, machine.said)
    assert machine.ask("SELECT id FROM automation_runs WHERE job = 'greet' AND state = 'dead'") == []

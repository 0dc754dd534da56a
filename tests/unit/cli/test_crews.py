"""`automation worker -Q`: which queues get a worker of their own, and which share one."""

from __future__ import annotations

import pytest

from automation.cli.crews import Crew, crews_of
from automation.errors import InvalidInput
from automation.project.model import Queue

KNOWN = ["default", "mail", "scraping"]
SLOW = {"scraping": Queue(workers=4), "mail": Queue(max_waiting=9)}


@pytest.mark.parametrize(
    ("given", "crews"),
    [
        ("", [Crew(("default", "mail"), 2), Crew(("scraping",), 4, own=True)]),
        ("default, mail", [Crew(("default", "mail"), 2)]),
        ("scraping", [Crew(("scraping",), 4, own=True)]),
        ("scraping=3", [Crew(("scraping",), 3, own=True)]),
        ("scraping=3,default=1", [Crew(("scraping",), 3, own=True), Crew(("default",), 1, own=True)]),
        ("new,mail = 7", [Crew(("new",), 2), Crew(("mail",), 7, own=True)]),
        ("mail,mail", [Crew(("mail",), 2)]),
    ],
)
def test_queues_with_a_number_get_a_worker_of_their_own(given: str, crews: list[Crew]) -> None:
    """The number is from the command, else from automation.toml; all others share one worker."""
    assert crews_of(given, KNOWN, SLOW, 2) == crews


def test_a_crew_that_is_told_to_a_worker_is_one_crew() -> None:
    """So that the worker that is started for it starts no others."""
    for crew in crews_of("", KNOWN, SLOW, 2):
        _, names, _, number = crew.options
        assert crews_of(names, KNOWN, SLOW, int(number)) == [crew]


@pytest.mark.parametrize("given", ["a=0", "a=513", "a=x", "a=", "a=1.5", "a=٣"])
def test_a_number_that_cannot_be_meant_is_refused(given: str) -> None:
    """With what to write."""
    with pytest.raises(InvalidInput, match="write a number from 1 to 512, such as scraping=4"):
        crews_of(given, KNOWN, SLOW, 2)

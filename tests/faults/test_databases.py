"""PostgreSQL and MariaDB end connections, restart, deadlock, wait for locks, or are cut off in a COMMIT (F29 to F31)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from automation.dispatch.rescue import lose
from automation.ledger.again import again
from automation.ledger.ledger import Ledger
from automation.ledger.rows import RunRow
from automation.ledger.runs import Claimant
from automation.ledger.states import OPEN, State
from automation.queue import enqueue
from automation.runner.attempt import attempt
from automation.services import Services, build_services
from tests.faults.course import Course, eventually, lengths, now
from tests.faults.detour import Detour
from tests.faults.stack import free_port

pytestmark = pytest.mark.timeout(600)
slow, soak = pytest.mark.slow, pytest.mark.soak
SERVERS = {"postgresql": "F29", "mariadb": "F31"}


@pytest.fixture(scope="module", params=["postgresql", pytest.param("mariadb", marks=soak)])
def course(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, needs) -> Iterator[Course]:
    """A course whose ledger is on a server, reached by a way of its own."""
    needs("redis-server")
    needs(request.param)
    made = Course(tmp_path_factory.mktemp(request.param), ledger=request.param, relayed=request.param, pace=3)
    try:
        yield made.begin()
        assert made.leave() == []
    finally:
        made.close()


@pytest.fixture
def wrong_after(course: Course, measured: Callable[..., None]) -> Callable[[str], list[str]]:
    """`wrong_after(what)`: what is wrong once something new was done; nothing, where every promise held."""
    return lambda what: course.wrong_after(f"{SERVERS[course.ledger_kind]}: {what}, {course.ledger_kind}", measured)


def execute(course: Course, *statements: str) -> None:
    """These statements in the ledger's database, by no code of the product."""
    engine = sa.create_engine(course.url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


@pytest.mark.parametrize("times", lengths(3, 60))
def test_f29_f31_the_server_ends_every_connection(course, wrong_after, times):
    """As an administrator does, once a second: pg_terminate_backend, KILL."""
    for _ in range(times):
        course.cut_ledger()
        course.pass_time(1)
    assert wrong_after("every connection ended") == []


@pytest.mark.parametrize("seconds", lengths(2, 10, 60))
def test_f29_f31_the_server_restarts(course, wrong_after, seconds):
    """Connections break off, new ones are refused for a while."""
    course.tell("refuse")
    course.pass_time(seconds)
    course.tell("pass")
    assert wrong_after("restart") == []


@soak
def test_f29_f31_the_way_says_nothing(course, wrong_after):
    """A failover that nobody tells of: what was on its way is lost, and no connection ends."""
    course.tell("swallow")
    course.pass_time(10)
    course.tell("cut")
    assert wrong_after("nothing comes through") == []


#: Every third change of a run, or of an occurrence, is refused as the server refuses one that another stood in the way of.
REFUSALS = {
    "postgresql": (
        "CREATE SEQUENCE refusals",
        """CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             IF mod(nextval('refusals'), 3) = 0 THEN RAISE EXCEPTION 'in the way' USING ERRCODE = '{code}'; END IF;
             RETURN NEW; END $$""",
        "CREATE TRIGGER refusing BEFORE UPDATE ON automation_runs FOR EACH ROW EXECUTE FUNCTION refuse()",
        "CREATE TRIGGER refusing BEFORE INSERT ON automation_occurrences FOR EACH ROW EXECUTE FUNCTION refuse()",
    ),
    "mariadb": (
        "CREATE SEQUENCE refusals",
        *(
            f"""CREATE TRIGGER refusing_{table} BEFORE {event} ON automation_{table} FOR EACH ROW BEGIN
                 IF MOD(NEXT VALUE FOR refusals, 3) = 0 THEN
                   SIGNAL SQLSTATE '{{state}}' SET MYSQL_ERRNO = {{code}}, MESSAGE_TEXT = 'in the way';
                 END IF; END"""
            for table, event in (("runs", "UPDATE"), ("occurrences", "INSERT"))
        ),
    ),
}
LEAVE = {
    "postgresql": ("DROP FUNCTION refuse() CASCADE", "DROP SEQUENCE refusals"),
    "mariadb": ("DROP TRIGGER refusing_runs", "DROP TRIGGER refusing_occurrences", "DROP SEQUENCE refusals"),
}
CODES = {
    "deadlock": {"postgresql": "40P01", "mariadb": 1213},
    "serialization failure": {"postgresql": "40001", "mariadb": 1020},
    "lock wait timeout": {"postgresql": "55P03", "mariadb": 1205},
}


@pytest.mark.parametrize(
    "what",
    [
        pytest.param("deadlock", marks=slow),
        pytest.param("serialization failure", marks=soak),
        pytest.param("lock wait timeout", marks=soak),
    ],
)
def test_f29_f31_the_server_refuses_a_transaction(course, wrong_after, what):
    """Every third one: deadlock, serialization failure, lock wait timeout. Each is tried again."""
    code = CODES[what][course.ledger_kind]
    execute(
        course,
        *(text.format(code=code, state="40001" if code == 1213 else "HY000") for text in REFUSALS[course.ledger_kind]),
    )
    try:
        course.pass_time(3)
        eventually(lambda: "in the way" in course.said("scheduler-1") + course.said("worker-1"))
    finally:
        execute(course, *LEAVE[course.ledger_kind])
    assert wrong_after(what) == []


@pytest.mark.parametrize("seconds", lengths(2, 60))
def test_f29_f31_a_foreign_transaction_holds_every_run(course, wrong_after, seconds):
    """Whoever wants to change one waits; on MariaDB until its lock wait timeout of fifty seconds."""
    engine = sa.create_engine(course.url, poolclass=sa.NullPool)
    with engine.connect() as foreign:
        foreign.exec_driver_sql("SELECT id FROM automation_runs FOR UPDATE").all()
        course.pass_time(seconds)
    assert wrong_after("every run locked by another") == []


# --- F30: a connection that is cut during COMMIT ---------------------------------------------------------------------

JOB = '''
from email.message import EmailMessage
from automation import Context, plugin

@plugin
def deed(ctx: Context) -> None:
    """Have one effect, count it, send one mail."""
    if ctx.once("effect"):
        with (ctx.project / "effects").open("a") as file:
            file.write("effect")
    ctx.state["count"] = ctx.state.get("count", 0) + 1
    mail = EmailMessage()
    mail["To"], mail["Subject"] = "somebody@example.org", "once"
    mail.set_content("once")
    ctx.send(mail)
'''
SCHEDULE = '[jobs.deed]\nplugin = "deed"\nretry = { max_attempts = 4, first = "1ms", jitter = "none", max_lost = 4 }\n'


@pytest.fixture(params=SERVERS)
def relayed(
    request: pytest.FixtureRequest, tmp_path: Path, needs, fresh_database
) -> Iterator[tuple[Services, Services, Detour]]:
    """A project whose ledger is reached by a way that can be cut; the same by a way that cannot; the way."""
    for name, text in {"jobs/deed.py": JOB, "schedules/deed.toml": SCHEDULE}.items():
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(text)
    direct = fresh_database(request.param)
    parts, port = urlsplit(direct), free_port()
    way = Detour(port, (str(parts.hostname), parts.port or 0))
    cut = parts._replace(netloc=parts.netloc.replace(f":{parts.port}", f":{port}")).geturl()
    made = [build_services(tmp_path, environ={"AUTOMATION_DATABASE_URL": url}) for url in (cut, direct)]
    made[1].upgraded_ledger()
    assert made[0].ledger, "its schema is looked at before any way is cut"
    yield made[0], made[1], way
    for services in made:
        services.close()
    way.close()


def work_off(services: Services, ledger: Ledger, run_id: str) -> RunRow:
    """Do the run to its end, as a worker does: what a child has turned away from, or knows nothing of, is lost."""
    while (run := ledger.queries.run(run_id)).state in OPEN:
        if run.state == State.RUNNING:
            lose(ledger, run, "its child does not know that it has it", now())
        try:
            attempt(services, run_id, Claimant("w", os.getpid()))
        except DBAPIError:
            lose(ledger, ledger.queries.run(run_id), "its child turned away", now())
    return run


def cut_each_commit(relayed: tuple[Services, Services, Detour], how: str) -> tuple[list[RunRow], int]:
    """One run for each COMMIT of an attempt, and that one is cut; how they ended, and how many effects there were."""
    services, direct, way = relayed
    met, runs = "1", []
    while met == "1":
        run, _ = enqueue.record(direct, enqueue.Request("deed", {}))
        way.tell(f"{how} COMMIT {len(runs) + 1}")
        runs.append(work_off(services, direct.ledger, run.id))
        met = way.tell("met")
        way.tell("pass")
    return runs, (services.settings.project / "effects").read_text().count("effect")


@slow
@pytest.mark.parametrize("how", ["lose", "lose-answer"])
def test_f30_a_connection_is_cut_in_any_commit_of_an_attempt(relayed, how):
    """Before the server has the COMMIT, or before its answer: one effect, one mail, one count; no attempt is lost."""
    runs, effects = cut_each_commit(relayed, how)
    ledger = relayed[1].ledger

    assert len(runs) > 5
    assert {run.state for run in runs} == {"succeeded"}
    assert len(runs) == effects == len(ledger.outbox.list(limit=1000))
    assert ledger.memory.job_values("deed") == {"count": len(runs)}
    assert not [one for run in runs for one in ledger.queries.attempts(run.id) if one.outcome == "lost"]


@soak
def test_f30_without_asking_whether_it_is_there_an_effect_is_lost(relayed, monkeypatch):
    """The answer to `ctx.once` did not arrive, it is asked again, and says that this was done: by nobody."""

    def blindly(clock, what, act, _settled):
        return again(clock, what, act, lambda: None)

    monkeypatch.setattr("automation.ledger.memory.again", blindly)
    monkeypatch.setattr("automation.runner.entries.again", blindly)
    runs, effects = cut_each_commit(relayed, "lose-answer")
    assert effects < len(runs)

"""Jobs that follow jobs, over days, with the real scheduler."""

from __future__ import annotations

from datetime import timedelta

import pytest

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
AT_SEVEN = 'cron = "0 7 * * *"'


def flow(job, first="", *more):
    """Two that fire at seven, one after both, a mail after that one, an alarm, and one that tidies up in any case."""
    return "\n".join(
        [
            '[defaults]\nretry = { max_attempts = 1 }\ncatchup = "all"\n',
            job(AT_SEVEN, "prices"),
            job(first or AT_SEVEN, "stock"),
            job('after = ["prices", "stock"]', "report"),
            job('after = ["report"]', "mail"),
            job('after_failure = ["prices", "stock", "report"]', "alarm"),
            job('after_any = ["mail", "alarm"]', "tidy"),
            *more,
        ]
    )


def states(history, day):
    """What became of each job on a day."""
    return {row.job: row.state for row in history.rows if row.nominal_time.date() == day.date()}


def test_a_join_waits_for_both_and_has_their_time(time_machine, job, utc):
    """Each day, in order, however long one of them takes; the runs stand for the fire that began the flow."""
    start = utc(2026, 3, 2)
    history = time_machine(flow(job), start, start + 2 * DAY, takes={"stock": 30 * MINUTE})
    for day in (start, start + DAY):
        assert states(history, day) == {
            "prices": "succeeded", "stock": "succeeded", "report": "succeeded", "mail": "succeeded",
            "alarm": "skipped", "tidy": "succeeded",
        }  # fmt: skip
    rows = {row.job: row for row in history.rows if row.nominal_time.date() == (start + DAY).date()}
    assert rows["report"].started_at >= rows["stock"].finished_at
    assert rows["mail"].started_at >= rows["report"].finished_at
    assert {row.nominal_time for row in rows.values()} == {start + DAY + 7 * HOUR}
    assert {row.window_start for row in rows.values()} == {start + 7 * HOUR}
    assert all(
        row.started_at - rows["stock"].finished_at < MINUTE for row in rows.values() if row.kind == "flow" and row.ran
    )


def test_a_failed_branch_is_skipped_and_the_alarm_runs(time_machine, job, utc):
    """The reasons lead from the last one back to the run that died."""
    start = utc(2026, 3, 2)
    history = time_machine(flow(job), start, start + DAY, fails={"stock": True})
    assert states(history, start) == {
        "prices": "succeeded", "stock": "dead", "report": "skipped", "mail": "skipped", "alarm": "succeeded", "tidy": "succeeded",
    }  # fmt: skip
    [stock], [report], [mail] = (history.of(name) for name in ("stock", "report", "mail"))
    assert report.reason == f"upstream: run {stock.id} of job 'stock' is dead"
    assert (
        mail.reason
        == f"upstream: run {report.id} of job 'report' was skipped, as run {stock.id} of job 'stock' is dead"
    )


def test_a_dead_run_that_is_brought_back_lets_the_others_run(time_machine, job, utc):
    """The same runs, hours later; the alarm has run, and does not run again."""
    start = utc(2026, 3, 2)

    def bring_back(ledger):
        [dead] = ledger.queries.runs(state="dead")
        ledger.dead.replay([dead.id], "ana")

    history = time_machine(flow(job), start, start + DAY, fails={"stock": 1}, acts=[(start + 9 * HOUR, bring_back)])
    rows = {row.job: row for row in history.rows}
    assert [rows[name].state for name in ("stock", "report", "mail")] == ["succeeded"] * 3
    assert rows["mail"].started_at > start + 9 * HOUR
    assert (rows["alarm"].attempts, rows["tidy"].attempts) == (1, 1)
    assert len(history.rows) == 6


def test_a_weekly_job_joins_on_its_day(time_machine, job, utc):
    """On the others what waits for it is skipped, and says that it has no fire."""
    start = utc(2026, 3, 1)
    history = time_machine(flow(job, 'cron = "0 7 * * mon"'), start, start + 3 * DAY)
    assert [row.state for row in history.of("report")] == ["skipped", "succeeded", "skipped"]
    assert {row.reason for row in history.of("report") if row.reason} == {
        "upstream: job 'stock' does not fire at that instant"
    }


@pytest.mark.slow
def test_an_outage_leaves_no_flow_half_done(time_machine, job, utc):
    """Scheduler and workers are away, the scheduler dies between recording and publishing: every flow comes to its end."""
    start = utc(2026, 3, 2)
    text = flow(job).replace("0 7 * * *", "0 * * * *")
    down = [(start + 3 * HOUR - MINUTE, start + 5 * HOUR + 30 * MINUTE)]
    away = [(start + 8 * HOUR + 2 * MINUTE, start + 9 * HOUR + 40 * MINUTE)]
    history = time_machine(
        text, start, start + DAY, down=down, workers_down=away, killed=[start + 12 * HOUR - MINUTE],
        takes={"report": 5 * MINUTE, "stock": 4 * MINUTE},
    )  # fmt: skip
    nominals = {row.nominal_time for row in history.rows}
    assert len(nominals) == 23
    for nominal in nominals:
        rows = [row for row in history.rows if row.nominal_time == nominal]
        assert sorted(row.job for row in rows) == ["alarm", "mail", "prices", "report", "stock", "tidy"]
        assert {row.state for row in rows} <= {"succeeded", "skipped"}


def test_a_paused_first_job_starts_nothing(time_machine, job, utc):
    """Not even what runs in any case: there was nothing to tidy up."""
    start = utc(2026, 3, 2)
    text = job(AT_SEVEN, "prices") + job('after_any = ["prices"]', "tidy")
    pause = [(start + HOUR, lambda ledger: ledger.pauses.pause("job", "prices", "closed", "ada"))]
    [prices, tidy] = time_machine(text, start, start + DAY, acts=pause).rows
    assert (prices.state, tidy.state, tidy.attempts) == ("skipped", "skipped", 0)
    assert tidy.reason == f"upstream: none ran: run {prices.id} of job 'prices' was skipped"


def test_a_change_of_the_files_leaves_a_flow_on_its_way_as_it_is(time_machine, job, utc):
    """The mail of today goes out although no file knows it any more; tomorrow's does not."""
    start = utc(2026, 3, 2)
    before = job(AT_SEVEN, "prices") + job('after = ["prices"]', "report") + job('after = ["report"]', "mail")
    after = job(AT_SEVEN, "prices") + job('after = ["prices"]', "report")
    edits = [(start + 7 * HOUR + MINUTE, lambda folder: (folder / "schedules" / "simulated.toml").write_text(after))]
    history = time_machine(before, start, start + 2 * DAY, edits=edits, takes={"prices": 10 * MINUTE})
    assert [row.state for row in history.of("report")] == ["succeeded"] * 2
    assert [row.state for row in history.of("mail")] == ["succeeded"]


JOIN = 'after = ["prices", "stock"]'


def rewritten(text):
    """An edit that leaves the project with these schedules alone."""
    return lambda folder: (folder / "schedules" / "simulated.toml").write_text(text)


def test_a_join_does_not_wait_for_one_whose_fires_are_spent(time_machine, job, utc):
    """It is skipped within seconds, and says of whom there is no run, and why."""
    start = utc(2026, 3, 2)
    text = job(AT_SEVEN, "prices") + job(AT_SEVEN, "stock", max_fires=1) + job(JOIN, "report")
    history = time_machine(text, start, start + 2 * DAY)
    first, second = history.of("report")
    assert first.state == "succeeded"
    reason = "upstream: job 'stock' has no run at that instant: its max_fires = 1 are spent"
    assert (second.state, second.reason) == ("skipped", reason)
    prices = [row for row in history.of("prices") if row.nominal_time == second.nominal_time]
    assert second.finished_at - prices[0].finished_at < timedelta(seconds=10)


@pytest.mark.parametrize(
    ("stock", "said"),
    [
        ("", "run {} of job 'stock' was skipped"),
        ("enabled = false\ncron = '0 7 * * *'", "run {} of job 'stock' was skipped"),
        ("cron = '0 9 * * *'", None),
    ],
)
def test_a_join_whose_upstream_changes_while_it_is_put_off(time_machine, job, utc, stock, said):
    """Removed or disabled, its fire is skipped, and so is the join; under another rule it keeps its planned time and runs."""
    start = utc(2026, 3, 2)
    before = (
        job(AT_SEVEN, "prices") + job(AT_SEVEN, "stock", jitter='"50m"', jitter_mode='"stable"') + job(JOIN, "report")
    )
    after = job(AT_SEVEN, "prices") + (job(stock, "stock") if stock else "") + job('after = ["prices"]', "report")
    history = time_machine(before, start, start + DAY, edits=[(start + 7 * HOUR + 5 * MINUTE, rewritten(after))])
    [held], [report] = history.of("stock")[:1], history.of("report")
    assert held.nominal_time == report.nominal_time == start + 7 * HOUR
    if said is None:
        assert (held.state, report.state) == ("succeeded", "succeeded")
    else:
        assert held.reason.startswith("removed: ")
        assert (report.state, report.reason) == ("skipped", f"upstream: {said.format(held.id)}")
        assert report.finished_at - held.finished_at < timedelta(seconds=10)


def test_a_join_whose_upstream_is_removed_while_no_scheduler_runs(time_machine, job, utc):
    """Nobody decided its fire, and nobody will: the join is skipped when a scheduler leads again."""
    start = utc(2026, 3, 2)
    before = (
        job(AT_SEVEN, "prices") + job(AT_SEVEN, "stock", jitter='"50m"', jitter_mode='"stable"') + job(JOIN, "report")
    )
    after = job(AT_SEVEN, "prices") + job('after = ["prices"]', "report")
    down = (start + 7 * HOUR + MINUTE, start + 8 * HOUR)
    edits = [(start + 7 * HOUR + 5 * MINUTE, rewritten(after))]
    history = time_machine(before, start, start + DAY, down=[down], edits=edits)
    [report] = history.of("report")
    assert report.reason == "upstream: job 'stock' has no run at that instant: it is declared no more"
    assert report.finished_at - down[1] < timedelta(seconds=30)


def test_a_flow_whose_files_change_between_its_first_runs(time_machine, job, utc):
    """What a first run no longer brings about is waited for by nobody; what still is put off is waited for."""
    start = utc(2026, 3, 2)
    stock = job(AT_SEVEN, "stock", jitter='"50m"', jitter_mode='"stable"')
    before = (
        job(AT_SEVEN, "prices")
        + stock
        + job('after = ["stock"]', "count")
        + job('after = ["prices", "count"]', "report")
    )
    after = job(AT_SEVEN, "prices") + stock + job('after = ["prices"]', "report")
    history = time_machine(before, start, start + DAY, edits=[(start + 7 * HOUR + 5 * MINUTE, rewritten(after))])
    [stock], [report] = history.of("stock"), history.of("report")
    assert stock.state == "succeeded"
    reason = "upstream: job 'count' has no run in this flow: the files changed between its first runs"
    assert (report.state, report.reason) == ("skipped", reason)
    assert abs(report.finished_at - stock.finished_at) < timedelta(seconds=10)

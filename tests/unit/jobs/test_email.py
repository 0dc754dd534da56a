"""The `email` plugin: who gets which mail, under which key, and what stops it."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from pydantic import ValidationError

from automation.database import make_engine
from automation.errors import FailureClass, JobFailed
from automation.mail import recipients_of
from automation.plugin import Artifact, Window
from automation.rendering import Templates

ROOT = Path(__file__).resolve().parents[3]
NOMINAL = datetime(2026, 2, 1, 7, tzinfo=UTC)


class Box:
    """The outbox of a run, and the files of other jobs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sent: list[tuple[str, object]] = []

    def add(self, message, key, **how):
        self.sent.append((key, message))
        self.how = how

    def find(self, job, pattern, before=None, run=""):
        return [
            Artifact(path.name, path, "text/html", path.stat().st_size, "", "r0", job, NOMINAL)
            for path in sorted((self.folder / job).glob("*"))
            if fnmatchcase(path.name, pattern)
        ]


@pytest.fixture
def box(tmp_path):
    """Where mails go; `box.folder / JOB` holds that job's files."""
    return Box(tmp_path / "artifacts")


@pytest.fixture
def send(do, box, tmp_path):
    """`send(to=…, …)`: run the plugin; mails are in `box.sent`."""
    database = tmp_path / "crm.db"
    with sqlite3.connect(database) as connection:
        connection.execute("CREATE TABLE customers (id INTEGER, name TEXT, email TEXT, owed REAL)")
        rows = [
            (7, "Ann", "ann@example.com", 5),
            (8, "Bob <b>", "bob@example.com", 12.5),
            (9, "Eve", "not an address", 1),
        ]
        connection.executemany("INSERT INTO customers VALUES (?, ?, ?, ?)", rows)
    connection.close()

    def run(*, ctx=None, **params):
        context = {
            "nominal_time": NOMINAL,
            "window": Window(NOMINAL, NOMINAL),
            "databases": lambda name, read_only: make_engine(
                f"sqlite:///{database}", pooled=False, read_only=read_only
            ),
            "renderer": Templates([tmp_path / "templates", ROOT / "templates"]),
            "outbox": box,
            "artifact_store": box,
        }
        return do("email", ctx={**context, **(ctx or {})}, **{"subject": "Hi", "to": ["ann@example.com"], **params})

    return run


def bodies(message):
    """The text and the HTML of a mail."""
    page = message.get_body(("html",))
    return message.get_body(("plain",)).get_content(), page.get_content() if page else ""


TO_ALL = {
    "to": ["{{ row.name | replace('<b>', '') | trim }} <{{ row.email }}>"],
    "text": "Dear {{ row.name }}: {{ row.owed | money('EUR') }}",
}
GOOD = "SELECT * FROM customers WHERE id < 9 ORDER BY id"


def test_one_mail(send, box):
    """To, subject and text as written, from a moment and a key that do not change."""
    result = send(
        text="Hello on {{ nominal_time | date }}", cc="bob@example.com", **{"from": "Shop <shop@example.com>"}
    )

    [(key, message)] = box.sent
    assert key == "1"
    assert recipients_of(message) == ["ann@example.com", "bob@example.com"]
    assert message["From"] == "Shop <shop@example.com>"
    assert bodies(message) == ("Hello on 2026-02-01\n", "")
    assert result == {"mails": 1, "recipients": 2, "subject": "Hi", "attachments": [], "left_out": []}


def test_a_second_attempt_makes_the_same_mail(send, box):
    """So that a mail program that gets it twice shows it once."""
    send(text="x", html="<p>x</p>", **{"from": "shop@example.com"})
    send(text="x", html="<p>x</p>", ctx={"attempt": 9}, **{"from": "shop@example.com"})

    assert box.sent[0][1].as_bytes() == box.sent[1][1].as_bytes()
    send(text="x", ctx={"schedule": None, "run_id": "other"})
    assert box.sent[2][1]["Message-ID"] != box.sent[0][1]["Message-ID"]


def test_one_mail_for_each_row(send, box):
    """Every row is its own mail with its own key, and its values are text."""
    result = send(**TO_ALL, for_query={"sql": GOOD, "key": "id"}, html="<p>{{ row.name }}</p>")

    assert [(key, recipients_of(message)) for key, message in box.sent] == [
        ("7", ["ann@example.com"]),
        ("8", ["bob@example.com"]),
    ]
    assert bodies(box.sent[1][1]) == ("Dear Bob <b>: €12.50\n", "<p>Bob &lt;b&gt;</p>\n")
    assert (result["mails"], result["recipients"]) == (2, 2)


def test_rows_without_a_key_are_numbered(send, box):
    """And no rows are no mails and no failure."""
    send(**TO_ALL, for_query={"sql": GOOD})
    assert [key for key, _ in box.sent] == ["1", "2"]

    assert send(**TO_ALL, for_query={"sql": f"SELECT * FROM ({GOOD}) WHERE 0"})["mails"] == 0


def test_a_bad_row_stops_all_or_is_left_out(send, box, kept):
    """By default nothing leaves before every mail can; `skip` sends the others and tells."""
    query = {"sql": "SELECT * FROM customers ORDER BY id", "key": "id"}

    with pytest.raises(
        JobFailed, match=r"1 mail cannot be made, so none was sent: row 3 \(key 9\): to 'Eve <not an"
    ) as caught:
        send(**TO_ALL, for_query=query)
    assert caught.value.failure_class is FailureClass.DATA_INVALID
    assert box.sent == []
    result = send(**TO_ALL, for_query=query, on_invalid="skip")
    assert (result["mails"], len(result["left_out"])) == (2, 1)
    assert any("No mail for row 3" in line for line in kept.lines)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"sql": GOOD, "key": "mail"}, "no column 'mail' for its key; there is: id, name, email, owed"),
        ({"sql": "SELECT 1 AS id, 'x' AS name UNION ALL SELECT 1, 'y'", "key": "id"}, "id is '1' in more than one row"),
        ({"sql": "SELECT NULL AS id", "key": "id"}, "the key 'id' is NULL in row 1"),
        ({"sql": "SELECT * FROM nowhere"}, "query 'for_query': no such table: nowhere"),
    ],
)
def test_a_query_that_cannot_tell_its_rows_apart_sends_nothing(send, box, query, said):
    """A key is there, set and unique."""
    with pytest.raises(JobFailed, match=said):
        send(**TO_ALL, for_query=query)
    assert box.sent == []


def test_too_many_recipients_send_nothing(send, box):
    """A query that went wild does not reach the outbox."""
    with pytest.raises(JobFailed, match="for_query gives more than 1 row, which is max_recipients; nothing was sent"):
        send(**TO_ALL, for_query={"sql": GOOD}, max_recipients=1)
    with pytest.raises(JobFailed, match="4 recipients, and max_recipients is 3; nothing was sent"):
        send(**TO_ALL, for_query={"sql": GOOD}, cc=["cc@example.com"], max_recipients=3)
    assert box.sent == []


def test_files_of_another_job_are_attached(send, box):
    """Those that fit the pattern; having none is a failure unless they are optional."""
    folder = box.folder / "weekly"
    folder.mkdir(parents=True)
    (folder / "report.html").write_text("<p>report</p>")
    (folder / "sales.csv").write_text("a")

    result = send(text="{{ attachments[0].name }}", attach=[{"job": "weekly", "pattern": "*.html"}])

    assert result["attachments"] == ["report.html"]
    [file] = box.sent[0][1].iter_attachments()
    assert (file.get_filename(), file.get_content().strip()) == ("report.html", "<p>report</p>")
    assert bodies(box.sent[0][1])[0] == "report.html\n"
    with pytest.raises(JobFailed, match=r"'weekly' left no file that fits '\*.pdf'; run it first") as caught:
        send(text="x", attach=[{"job": "weekly", "pattern": "*.pdf"}])
    assert caught.value.failure_class is FailureClass.EMPTY
    send(text="x", attach=[{"job": "weekly", "pattern": "*.pdf", "optional": True}])


def test_attachments_too_large_are_not_even_read(send, box):
    """The limit is told before a file is opened, for one mail as for a whole run of them."""
    folder = box.folder / "weekly"
    folder.mkdir(parents=True)
    with (folder / "big.bin").open("wb") as file:
        file.truncate(30_000_000)

    with pytest.raises(JobFailed, match=r"the attachments are 30.0 MB for each of 1 mail; at most 20.0 MB a mail"):
        send(text="x", attach=[{"job": "weekly"}])
    numbers = {"sql": "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 20) SELECT n FROM c"}
    with pytest.raises(JobFailed, match=r"at most 50.0 MB a mail and 500.0 MB a run are sent: attach less, or link"):
        send(text="x", attach=[{"job": "weekly"}], max_size=50_000_000, for_query=numbers)
    assert box.sent == []


def test_markdown_gives_both_bodies(send, box):
    """The author's Markdown is markup, a row's is text."""
    source = "# Hello {{ row.name }}\n\nSee [the shop](https://shop.example)."

    send(markdown=source, for_query={"sql": "SELECT 'Bob **<b>**' AS name"})

    text, page = bodies(box.sent[0][1])
    assert text.startswith("# Hello Bob **<b>**")
    assert ">Hello Bob **&lt;b&gt;**</h1>" in page
    assert '<a href="https://shop.example" style="color: #2457c5;">the shop</a>' in page


def test_a_template_is_the_body(send, box, tmp_path):
    """`.html` is the HTML body, anything else the text."""
    folder = tmp_path / "templates"
    folder.mkdir()
    (folder / "a.html").write_text("<p>{{ subject }}</p>")
    (folder / "a.txt").write_text("text of {{ job }}")

    send(template="a.html", subject="A & B")
    send(template="a.txt")

    assert bodies(box.sent[0][1]) == ("A & B\n", "<p>A &amp; B</p>\n")
    assert bodies(box.sent[1][1]) == ("text of nightly\n", "")


@pytest.mark.parametrize(
    "name", ["x\r\nBcc: eve@example.com", "x\nSubject: y", "=?utf-8?q?=0ABcc:_eve?=", "x>, <eve@example.com", "x\x00"]
)
def test_no_value_of_a_row_adds_a_recipient_or_header(send, box, name):
    """It is refused or stays text in the subject."""
    query = {"sql": "SELECT :name AS name", "params": {"name": name}}
    wild = {"subject": "Hi {{ row.name }}", "to": ["{{ row.name }} <ann@example.com>"], "text": "x"}

    with pytest.raises(JobFailed):
        send(**wild, for_query=query)
    assert box.sent == []


def test_a_line_break_in_a_subject_is_a_space(send, box):
    """A subject written over two lines of TOML, or with a line break in its data, is one line."""
    send(subject="Hi\r\nBcc: eve@example.com", text="x")

    assert box.sent[0][1]["Subject"] == "Hi Bcc: eve@example.com"
    assert recipients_of(box.sent[0][1]) == ["ann@example.com"]


def test_a_mistake_in_a_template_tells_where(send, box):
    """It fails the run whatever `on_invalid` says: all mails would be wrong."""
    with pytest.raises(JobFailed, match=r"text: template, line 1: 'rwo' is undefined; did you mean 'row'\?") as caught:
        send(to=["ann@example.com"], text="{{ rwo.name }}", for_query={"sql": GOOD}, on_invalid="skip")
    assert caught.value.failure_class is FailureClass.CONFIG


def test_a_dry_run_sends_nothing(send, box):
    """It makes every mail and tells how many."""
    assert send(**TO_ALL, for_query={"sql": GOOD}, ctx={"dry_run": True})["mails"] == 2
    assert box.sent == []


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"to": []}, "no recipient; set to, cc or bcc"),
        ({"to": ["ann"]}, "address 'ann'"),
        ({"to": ["a@example.com, b@example.com"]}, "address 'a@example.com, b@example.com'"),
        ({"from": "x"}, "address 'x'"),
        ({"text": ""}, "no content; set text, html, markdown or template"),
        ({"html": "x", "markdown": "y"}, "html and markdown are both the body"),
        ({"rate": "fast"}, "'fast' is not a rate; write how many mails in which span"),
        ({"on_doubt": "hope"}, "Input should be 'hold' or 'resend'"),
        ({"expires": "1s"}, "'1s' is out of range; write 1m to 90d"),
        ({"group_by": "x"}, "there is neither"),
        ({"for_csv": {"file": "a.csv", "key": "x"}, "group_by": "x"}, "remove key"),
        ({"for_csv": {"file": "a.csv"}, "for_query": {"sql": "SELECT 1"}}, "are both the list of who gets a mail"),
        ({"attach": [{"job": "a", "file": "b"}]}, "names a job or a file"),
        ({"language": "de"}, "there are none"),
        ({"languages": {"german!": {"text": "x"}}}, "'german!' is no language"),
        ({"for_query": {"sql": "DELETE FROM x"}}, "begins with DELETE"),
        ({"tow": "x"}, "Extra inputs"),
    ],
)
def test_mistakes_are_found_before_the_first_run(send, params, said):
    """By the check of the parameters."""
    with pytest.raises(ValidationError) as caught:
        send(**{"text": "x", **params})
    assert any(said in each["msg"] for each in caught.value.errors())

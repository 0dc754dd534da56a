"""Mail merge: lists from files, groups, languages, images, and who may be written to."""

from __future__ import annotations

import json

import pytest

from automation.errors import JobFailed
from automation.mail import recipients_of

PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6260000000000500010d0a2db40000000049454e44ae426082"
)
PEOPLE = "id,name,email,language\n1,Ann,ann@example.com,en\n2,Jörg,joerg@example.com,de-AT\n3,Zoé,zoe@example.com,fr\n"


@pytest.fixture
def merge(do, context, tmp_path):
    """`merge(**params)`: run the plugin in a project with a list of people; gives the result and (key, mail) pairs."""
    from pathlib import Path

    from automation.rendering import Templates

    (tmp_path / "people.csv").write_text(PEOPLE, "utf-8")
    (tmp_path / "logo.png").write_bytes(PIXEL)
    (tmp_path / "terms.pdf").write_bytes(b"%PDF-")
    shipped = Path(__file__).resolve().parents[3] / "templates"

    class Box:
        def __init__(self):
            self.sent, self.how = [], []

        def add(self, message, key, **how):
            self.sent.append((key, message))
            self.how.append(how)

    def run(**params):
        box = Box()
        given = {"to": "{{ row.email }}", "subject": "Hi {{ row.name }}", "for_csv": {"file": "people.csv"}, **params}
        result = do("email", ctx={"outbox": box, "renderer": Templates([tmp_path, shipped])}, **given)
        return result, box

    return run


def words(message):
    return message.get_body(("plain",)).get_content().strip()


def test_a_csv_file_gives_one_mail_a_row(merge):
    """Its columns are the row's; the key tells them apart."""
    result, box = merge(text="Dear {{ row.name }}", for_csv={"file": "people.csv", "key": "id"})

    assert result["mails"] == 3
    assert [(key, recipients_of(message), words(message)) for key, message in box.sent] == [
        ("1", ["ann@example.com"], "Dear Ann"),
        ("2", ["joerg@example.com"], "Dear Jörg"),
        ("3", ["zoe@example.com"], "Dear Zoé"),
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "must name each column once"),
        (b"a,a\n", "must name each column once; it is: a, a"),
        (b"a,b\n1\n", "people.csv, line 2: 1 values for 2 columns"),
        (b'a,b\n"x\n', "unexpected end of data"),
        (b"a\n\xff\n", "is not utf-8-sig"),
        (b"id,email\n1,a@example.com\n1,b@example.com\n", "id is '1' in more than one row"),
        (b"id,email\n ,a@example.com\n", "the key 'id' is empty in row 1"),
        (b"email\na@example.com\n", "gives no column 'id' for its key; there is: email"),
    ],
)
def test_a_list_that_cannot_be_read_says_where(merge, tmp_path, content, said):
    """File, line and what is wrong; nobody gets a mail."""
    (tmp_path / "other.csv").write_bytes(content)
    (tmp_path / "people.csv").write_bytes(content)

    with pytest.raises(JobFailed) as caught:
        merge(text="x", subject="x", for_csv={"file": "people.csv", "key": "id"})
    assert said in str(caught.value)


def test_a_list_that_is_not_there_is_named(merge):
    """With the path that was looked for."""
    with pytest.raises(JobFailed, match=r"nobody\.csv: No such file"):
        merge(text="x", for_csv={"file": "nobody.csv"})


def test_rows_of_one_value_are_one_mail(merge, tmp_path):
    """The template walks over them; the value is the key."""
    (tmp_path / "people.csv").write_text("email,what\na@example.com,x\nb@example.com,y\na@example.com,z\n")

    _, box = merge(text="{% for one in rows %}{{ one.what }} {% endfor %}", subject="Hi", group_by="email")

    assert [(key, words(message)) for key, message in box.sent] == [("a@example.com", "x z"), ("b@example.com", "y")]


def test_each_gets_a_mail_in_their_language(merge):
    """A region finds its language, a language that is not there the words of the mail itself."""
    german = {"subject": "Hallo {{ row.name }}", "markdown": "Guten *Tag*"}

    _, box = merge(
        markdown="Good *day*", language="{{ row.language }}", languages={"de": german, "es": {"text": "Hola"}}
    )

    assert [(str(mail["Subject"]), words(mail), mail["Content-Language"]) for _, mail in box.sent] == [
        ("Hi Ann", "Good *day*", "en"),
        ("Hallo Jörg", "Guten *Tag*", "de-AT"),
        ("Hi Zoé", "Good *day*", "fr"),
    ]
    assert '<html lang="de-AT">' in box.sent[1][1].get_body(("html",)).get_content()


def test_an_image_stands_in_the_text_and_other_files_are_attached(merge):
    """What the HTML names as `cid:` is a related part with that id."""
    files = [{"file": "logo.png"}, {"file": "terms.pdf"}]

    _, box = merge(markdown="![Logo](cid:logo.png)", attach=files)

    message = box.sent[0][1]
    [image] = [part for part in message.walk() if part["Content-ID"]]
    shown = image["Content-ID"].strip("<>")
    assert f'src="cid:{shown}"' in message.get_body(("html",)).get_content()
    assert image.get_content() == PIXEL
    assert [part.get_filename() for part in message.iter_attachments()] == ["terms.pdf"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("![x](cid:lgo.png)", "did you mean 'logo.png'?"),
        ("![x](cid:terms.pdf)", "which is application/pdf and no image"),
    ],
)
def test_an_image_that_is_none_is_told(merge, body, said):
    """Before anything is sent."""
    with pytest.raises(JobFailed) as caught:
        merge(markdown=body, attach=[{"file": "logo.png"}, {"file": "terms.pdf"}])
    assert said in str(caught.value)


def test_unsubscribing_takes_one_click(merge):
    """Both headers of RFC 8058, with a link of the recipient's own; anything but a link is refused."""
    _, box = merge(text="x", unsubscribe="https://example.com/u/{{ row.id }}")

    assert str(box.sent[1][1]["List-Unsubscribe"]) == "<https://example.com/u/2>"
    assert str(box.sent[1][1]["List-Unsubscribe-Post"]) == "List-Unsubscribe=One-Click"
    with pytest.raises(JobFailed, match="is no link"):
        merge(text="x", unsubscribe="javascript:{{ row.id }}")


def test_strangers_get_no_mail(merge):
    """Who is not on the list is left out or stops the run, as a wrong address does."""
    with pytest.raises(JobFailed, match=r"'zoe@example.com' is not allowed: this job writes to ann@example.com"):
        merge(text="x", allow=["ann@example.com", "joerg@example.com"])
    result, box = merge(text="x", allow=["Ann@Example.com"], on_invalid="skip")
    assert (len(box.sent), len(result["left_out"])) == (1, 2)
    assert len(merge(text="x", allow="@example.com")[1].sent) == 3


def test_how_a_mail_leaves_is_handed_on(merge):
    """Server, pace, doubt and life go to the outbox as they are written."""
    _, box = merge(text="x", server="bulk", rate="10/s", on_doubt="resend", expires="2d")

    assert json.loads(json.dumps(box.how[0], default=str)) == {
        "server": "bulk", "rate": "10/s", "on_doubt": "resend", "expires": "2 days, 0:00:00",
    }  # fmt: skip

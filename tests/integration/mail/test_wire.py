"""One message to one recipient: what becomes of it, with servers of every temper."""

from __future__ import annotations

import socket
import threading
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

import pytest

from automation.mail import Attachment, compose

MOMENT = datetime(2026, 11, 2, 7, 0, tzinfo=UTC)


def mail(**changed: object) -> EmailMessage:
    """A mail of plain parts, some of them changed."""
    parts = {"to": ["bob@example.com"], "subject": "Hi", "key": "k", "moment": MOMENT, "text": "Hello\n.\n..end"}
    return compose(sender="Ann <ann@example.com>", **{**parts, **changed})


def send(client, message=None, to="bob@example.com"):
    """Send it as the outbox does."""
    return client.send("Ann <ann@example.com>", to, mail() if message is None else message)


def test_a_mail_arrives_as_it_was_made(serve, smtp, post):
    """Envelope, text with lonely dots, and files, byte for byte."""
    message = mail(attachments=[Attachment("a.bin", bytes(range(256)) * 50)])

    answer = send(smtp(serve()), message.as_bytes())

    assert (answer.state, answer.code, answer.text) == ("sent", 250, "taken as 42")
    [envelope] = post.mails
    assert (envelope.mail_from, envelope.rcpt_tos) == ("ann@example.com", ["bob@example.com"])
    seen = message_from_bytes(envelope.original_content, policy=default)
    assert seen.get_body(("plain",)).get_content().split() == ["Hello", ".", "..end"]
    assert next(seen.iter_attachments()).get_content() == bytes(range(256)) * 50


def test_blind_recipients_never_leave(serve, smtp, post):
    """A Bcc that is still in the message is not sent."""
    send(smtp(serve()), mail(bcc=["eve@example.com"]))

    assert b"eve" not in post.mails[0].original_content


def test_a_batch_uses_one_session(serve, smtp, post):
    """A hundred mails ask for one connection, also after a refusal between them."""
    post.replies["no@example.com"] = "550 no such user"
    client = smtp(serve())

    states = [send(client, to="no@example.com" if number == 50 else "bob@example.com").state for number in range(100)]

    assert states.count("sent") == 99
    assert states[50] == "permanent"
    assert len(post.sessions) == 1


@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize(
    ("reply", "state"),
    [
        ("421 closing", "temporary"),
        ("450 busy", "temporary"),
        ("451 try later", "temporary"),
        ("452 full", "temporary"),
        ("550 no such user", "permanent"),
        ("552 too big", "permanent"),
        ("554 no", "permanent"),
    ],
)
def test_a_refusal_counts_by_its_code(serve, smtp, post, stage, reply, state):
    """4xx is tried again, 5xx is not, whichever command it answers; the next mail goes out."""
    post.replies[stage] = reply
    client = smtp(serve())

    answer = send(client)

    assert (answer.state, answer.code, answer.text) == (state, int(reply[:3]), reply[4:])
    post.replies.clear()
    assert send(client).state == "sent"


def test_commands_go_in_one_breath_where_the_server_offers_it(smtp):
    """MAIL, RCPT and DATA arrive together: this server answers none of them before it has heard all three."""
    heard: list[bytes] = []

    def answer(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection, connection.makefile("rwb", buffering=0) as stream:
            for reply, lines in ((b"220 hi", 1), (b"250-hi\r\n250 PIPELINING", 3), (b"250 a\r\n250 b\r\n354 go", 0)):
                stream.write(reply + b"\r\n")
                heard.extend(stream.readline().strip() for _ in range(lines))
            while stream.readline() != b".\r\n":
                pass
            stream.write(b"250 taken\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer, args=(listener,))
        thread.start()
        assert send(smtp(f"127.0.0.1:{listener.getsockname()[1]}")).state == "sent"
        thread.join(60)
    assert heard[1:] == [b"MAIL FROM:<ann@example.com>", b"RCPT TO:<bob@example.com>", b"DATA"]


GREETED = ["220 hi", "250 localhost", "250 OK", "250 OK"]


@pytest.mark.parametrize(
    ("lines", "state"),
    [
        ([None], "temporary"),
        (["220 hi", None], "temporary"),
        (["220 hi", "250 localhost", None], "temporary"),
        (["220 hi", "250 localhost", "250 OK", None], "temporary"),
        ([*GREETED, None], "temporary"),
        ([*GREETED, "354 go", None], "in_doubt"),
        ([*GREETED, "354 go", "what?"], "in_doubt"),
        ([*GREETED, "354 go", "x" * 20_000], "in_doubt"),
        ([*GREETED, "354 go", "354 more"], "in_doubt"),
        ([*GREETED, "354 go", "250 taken"], "sent"),
        ([*GREETED, "354 go", "451 later"], "temporary"),
        ([*GREETED, "354 go", "554 spam"], "permanent"),
        (["421 busy"], "temporary"),
        (["554 not here"], "temporary"),
        (["220 " + "x" * 100_000], "temporary"),
        (["not smtp at all"], "temporary"),
    ],
)
def test_a_lost_connection_is_judged_by_its_moment(script, smtp, lines, state):
    """Before the text nothing happened; between the text and its answer nobody knows."""
    assert send(smtp(script([lines]))).state == state


def test_silence_ends_at_the_timeout(smtp):
    """A server that accepts and says nothing costs the timeout, and the mail waits."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        answer = send(smtp(f"127.0.0.1:{silent.getsockname()[1]}", "tls=none&timeout=200ms"))

    assert (answer.state, answer.code) == ("temporary", None)
    assert "timed out" in answer.text or "in time" in answer.text


def test_silence_after_the_text_is_doubt(script, smtp):
    """The text went, the answer did not come."""
    where = script([[*GREETED, "354 go", "250-taken but never ended"]])

    answer = send(smtp(where, "tls=none&timeout=300ms"))

    assert answer.state == "in_doubt"
    assert "no answer after the text" in answer.text


def test_an_idle_session_that_was_closed_is_opened_again(script, smtp, post):
    """A server may hang up between two mails; the second still goes out, once."""
    client = smtp(script([[*GREETED, "354 go", "250 one", None], [*GREETED, "354 go", "250 two"]]))

    assert send(client).text == "one"
    assert send(client).text == "two"


def test_no_server_is_temporary(smtp):
    """The mail waits for it, and the reason names host and port."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    answer = send(smtp(f"127.0.0.1:{port}"))

    assert answer.state == "temporary"
    assert f"127.0.0.1:{port}" in answer.text


def test_starttls_and_login(serve, smtp, post, server_side, trusting):
    """The password goes over a verified connection alone."""
    where = serve(tls_context=server_side, authenticator=post.authenticate, auth_required=True)

    answer = send(smtp(where, "tls=required", "ann:right@", trusting))

    assert answer.state == "sent"
    assert post.logins == [("ann", "right")]


def test_tls_from_the_first_byte(serve, smtp, post, server_side, trusting):
    """`tls=implicit` speaks TLS at once."""
    assert send(smtp(serve(ssl_context=server_side), "tls=implicit", context=trusting)).state == "sent"


def test_a_wrong_password_waits_for_a_right_one(serve, smtp, post, server_side, trusting):
    """The mail is not lost for a mistake in the settings."""
    where = serve(tls_context=server_side, authenticator=post.authenticate, auth_required=True)

    answer = send(smtp(where, "tls=required", "ann:wrong@", trusting))

    assert (answer.state, answer.code) == ("temporary", 535)
    assert answer.text.startswith("the server refused the login")


def test_a_server_without_tls_sees_no_login(script, smtp):
    """Nothing but the greeting is said to it."""
    heard: list[str] = []

    answer = send(
        smtp(script([["220 hi", "250-localhost\r\n250 AUTH PLAIN LOGIN"]], heard), "tls=required", "ann:right@")
    )

    assert answer.state == "temporary"
    assert "offers no STARTTLS" in answer.text
    assert [line.split()[0] for line in heard if line] == ["ehlo"]


def test_an_unknown_certificate_sees_no_login(serve, smtp, post, server_side):
    """A certificate that nobody we trust signed ends the session before the login."""
    where = serve(tls_context=server_side, authenticator=post.authenticate, auth_required=True)

    answer = send(smtp(where, "tls=required", "ann:right@"))

    assert answer.state == "temporary"
    assert "certificate is not trusted" in answer.text
    assert post.logins == []


def test_a_certificate_of_another_host_sees_no_login(serve, smtp, post, server_side, trusting):
    """A trusted authority is not enough: the name must fit."""
    where = serve(tls_context=server_side, authenticator=post.authenticate).replace("localhost", "127.0.0.1")

    answer = send(smtp(where, "tls=required", "ann:right@", trusting))

    assert "certificate is not trusted" in answer.text
    assert post.logins == []


def test_an_international_address_needs_a_server_that_takes_it(serve, smtp, post, script):
    """With SMTPUTF8 it arrives; without, the reason is told and nothing is tried again."""
    message = mail(to=["ñandú@example.com"])

    assert send(smtp(serve(enable_SMTPUTF8=True)), message.as_bytes(), "ñandú@example.com").state == "sent"
    assert post.mails[0].rcpt_tos == ["ñandú@example.com"]
    assert "SMTPUTF8" in post.mails[0].mail_options
    answer = send(smtp(script([["220 hi", "250 localhost"]])), message.as_bytes(), "ñandú@example.com")
    assert answer.state == "permanent"
    assert "SMTPUTF8" in answer.text


def test_an_eight_bit_message_is_fitted_to_the_server(script, serve, smtp, post):
    """A message that a plugin made with other means goes out in seven bits where the server knows no more."""
    foreign = EmailMessage()
    foreign["To"], foreign["Subject"] = "bob@example.com", "Hi"
    foreign.set_content("ñandú\n", cte="8bit")

    assert send(smtp(serve()), foreign.as_bytes()).state == "sent"
    assert send(smtp(script([[*GREETED, "354 go", "250 taken"]])), foreign.as_bytes()).state == "sent"
    seen = message_from_bytes(post.mails[0].original_content, policy=default)
    assert seen.get_content().strip() == "ñandú"


def test_a_message_too_big_for_the_server_is_refused_before_it_is_sent(serve, smtp, post):
    """The announced size lets the server say no at once."""
    answer = send(smtp(serve(data_size_limit=1000)), mail(text="x" * 5000))

    assert (answer.state, answer.code) == ("permanent", 552)


@pytest.mark.parametrize("recipient", ["", "bob", "a@example.com, b@example.com"])
def test_an_envelope_that_is_no_address_is_refused(serve, smtp, post, recipient):
    """Nothing is asked of the server."""
    assert send(smtp(serve()), to=recipient).state == "permanent"
    assert post.sessions == set()

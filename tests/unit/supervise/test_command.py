"""A Procfile's command becomes words as a shell would make them, or is refused with the way out."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.supervise.command import CommandInvalid, split_command

WORD = st.text(st.characters(exclude_characters="\0\r\n", exclude_categories=["Cs"]), max_size=12)


@given(st.lists(WORD, min_size=1, max_size=5))
def test_quoted_words_come_back_as_they_were(words):
    """Whatever a word holds, quoting it as a shell needs it gives the same word back."""
    quoted = [f"'{word}'" if "'" not in word else shlex.quote(word) for word in words]

    assert split_command(" ".join(["run", *quoted]), {}).argv == ("run", *words)


@given(st.text(st.characters(codec="ascii", exclude_characters="\0\n"), max_size=40))
def test_any_line_is_split_or_refused_with_its_place(text):
    """No text makes anything but words or a refusal that points into the line."""
    refused = None
    try:
        command = split_command(text, {"A": "1"})
    except CommandInvalid as error:
        refused = error.column

    assert command.argv if refused is None else 1 <= refused <= len(text) + 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("web --port $PORT", ("web", "--port", "8000")),
        ("web --port ${PORT}", ("web", "--port", "8000")),
        ("web --bind=:${PORT:-1}/x", ("web", "--bind=:8000/x")),
        ("web ${HOST:-0.0.0.0}", ("web", "0.0.0.0")),
        ("web ${HOST:-}", ("web",)),
        ('web "${HOST:-}"', ("web", "")),
        ("web $FLAGS", ("web", "-a", "-b")),
        ('web "$FLAGS"', ("web", "-a  -b ")),
        ("web '$PORT'", ("web", "$PORT")),
        ("web \\$PORT", ("web", "$PORT")),
        ('web "costs 5$"', ("web", "costs 5$")),
        ("exec web  now # comment", ("web", "now")),
        ("web a#b c~d", ("web", "a#b", "c~d")),
        ("web '' \"\"", ("web", "", "")),
    ],
)
def test_variables_and_quotes_mean_what_they_mean_in_sh(text, words):
    """Variables are filled in outside single quotes, and split only outside all quotes."""
    assert split_command(text, {"PORT": "8000", "FLAGS": "-a  -b "}).argv == words


def test_leading_assignments_are_the_command_s_environment():
    """NAME=value in front of the program is for that program, and may use other variables."""
    command = split_command("MODE=fast PLACE='a b' web MODE=slow $MODE", {"PORT": "1"})

    assert command.environ == {"MODE": "fast", "PLACE": "a b"}
    assert command.argv == ("web", "MODE=slow", "fast")


@pytest.mark.parametrize(
    ("text", "mark", "column"),
    [
        ("a | b", "'|'", 3),
        ("a && b", "'&'", 3),
        ("a > log", "'>'", 3),
        ("a; b", "';'", 2),
        ("a $(b)", "'$'", 3),
        ('a "`b`"', "'`'", 4),
        ("a *.txt", "'*'", 3),
        ("a ~/x", "'~'", 3),
        ("a ${B:?no}", "'$'", 3),
    ],
)
def test_what_needs_a_shell_is_refused_with_a_way_to_call_one(text, mark, column):
    """A pipe or a glob would be handed to the program as a word, which nobody meant."""
    with pytest.raises(CommandInvalid, match="sh -c") as caught:
        split_command(text, {})

    assert mark in str(caught.value)
    assert caught.value.column == column


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a $B", "the variable B is not set"),
        ("a 'b", "the quote ' is not closed"),
        ('a "b', 'the quote " is not closed'),
        ("a \\", "ends in a backslash"),
        ("# a", "no program"),
        ("A=1", "no program"),
    ],
)
def test_a_command_that_is_not_whole_says_what_is_missing(text, sentence):
    """Unset variables, open quotes and empty commands are told before anything starts."""
    with pytest.raises(CommandInvalid, match=sentence):
        split_command(text, {})

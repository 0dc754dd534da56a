"""Templates of reports and mails, looked at before any run: those in TOML, and the files that it names."""

from __future__ import annotations

from collections.abc import Callable

import pytest

MAIL = '[jobs.x]\nplugin = "email"\n[jobs.x.params]\nto = "a@example.com"\n'
REPORT = '[jobs.x]\nplugin = "report"\n[jobs.x.params]\nqueries.a.sql = "SELECT 1"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            MAIL + 'subject = "{{ x"\ntext = "y"',
            "5:11: jobs.x.params.subject: found '{{ x'; template, line 1: unexpected",
        ),
        (MAIL + 'subject = "x"\ntext = "{% fi %}"', "6:8: jobs.x.params.text: found '{% fi %}'; template, line 1: "),
        (MAIL + 'cc = "{{ x"\nsubject = "x"\ntext = "y"', "5:6: jobs.x.params.cc: found '{{ x'; template, line 1: "),
        (REPORT + 'title = "{% x %}"', "5:9: jobs.x.params.title: found '{% x %}'; template, line 1: "),
    ],
)
def test_a_template_in_toml_that_cannot_be_one_is_an_error(
    told: Callable[..., list[str]], text: str, said: str
) -> None:
    """It would fail in every run."""
    (line,) = told(text)

    assert line.startswith(said)


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ('digest = "daly"', "there is no digest 'daly' in automation.toml; did you mean 'daily'?"),
        ('server = "x"', "there is no mail server 'x' in automation.toml; write [mail.x]"),
    ],
)
def test_a_digest_or_server_that_nobody_declares_is_an_error(
    told: Callable[..., list[str]], key: str, said: str
) -> None:
    """With the nearest name, or how it is declared; what is declared is no problem."""
    declared = {"automation.toml": '[digests.daily]\ncloses = "0 8 * * *"\n'}
    (line,) = told(MAIL + f'subject = "x"\ntext = "y"\n{key}', declared)
    assert said in line
    assert told(MAIL + 'subject = "x"\ntext = "y"\ndigest = "daily"', declared) == []


@pytest.mark.parametrize(
    "text", [MAIL + 'subject = "x"\ntemplate = "wekly.html"', REPORT + 'title = "x"\ntemplate = "wekly.html"']
)
def test_a_template_file_that_no_run_could_render_is_a_warning(told: Callable[..., list[str]], text: str) -> None:
    """The job is not disabled by it: the file may come before the run does."""
    (missing,) = told(text, {"templates/weekly.html": "hello"})
    (broken,) = told(text, {"templates/wekly.html": "{{ x"})

    assert missing.endswith(
        "warning: jobs.x.params.template: There is no template 'wekly.html' in templates/; did you mean 'weekly.html'?"
    )
    assert "warning: jobs.x.params.template: template wekly.html, line 1: unexpected end of template" in broken


def test_templates_that_are_there_are_no_problem(told: Callable[..., list[str]]) -> None:
    """One's own, and the shipped ones."""
    assert told(MAIL + 'subject = "{{ row.x }}"\ntemplate = "mine.html"', {"templates/mine.html": "{{ row.x }}"}) == []
    assert told(REPORT + 'title = "x"\ntemplate = "report.html"') == []

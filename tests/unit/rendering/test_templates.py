"""Templates render data, tell where they are wrong, and lead nowhere."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from automation.errors import FailureClass, JobFailed
from automation.rendering import Templates


@pytest.fixture
def folder(tmp_path):
    """A project's `templates/`."""
    path = tmp_path / "templates"
    path.mkdir()
    return path


@pytest.fixture
def templates(folder):
    """The templates of that folder."""
    return Templates([folder])


def test_the_project_wins_over_the_shipped_folder(folder, tmp_path):
    """A project replaces a shipped template by one of the same name."""
    shipped = tmp_path / "shipped"
    shipped.mkdir()
    (shipped / "report.html").write_text("shipped")
    (shipped / "mail.txt").write_text("also shipped")
    (folder / "report.html").write_text("ours")
    templates = Templates([folder, shipped])

    assert templates.render("report.html", {}) == "ours"
    assert templates.render("mail.txt", {}) == "also shipped"


def test_html_is_escaped_and_text_is_not(templates, folder):
    """A value is text in both kinds of document."""
    (folder / "page.html").write_text("{{ name }}")
    (folder / "note.txt").write_text("{{ name }}")

    assert templates.render("page.html", {"name": "<b>&"}) == "&lt;b&gt;&amp;"
    assert templates.render("note.txt", {"name": "<b>&"}) == "<b>&"
    assert templates.render_text("{{ name }}", {"name": "<b>"}, html=True) == "&lt;b&gt;"
    assert templates.render_text("{{ name }}", {"name": "<b>"}) == "<b>"


def test_a_text_part_is_escaped_inside_a_page(templates, folder):
    """Escaping belongs to the document, so an included .txt cannot let markup through."""
    (folder / "part.txt").write_text("{{ name }}")
    (folder / "page.html").write_text("{% include 'part.txt' %}")

    assert templates.render("page.html", {"name": "<script>"}) == "&lt;script&gt;"


def failure(templates: Templates, source: str, **values: object) -> str:
    """What a failing template says."""
    with pytest.raises(JobFailed) as caught:
        templates.render_text(source, values)
    assert caught.value.failure_class is FailureClass.CONFIG
    return str(caught.value)


def test_a_missing_template_names_the_nearest(templates, folder):
    """A misspelt name is answered with the one that exists."""
    (folder / "invoice.html").write_text("")

    with pytest.raises(JobFailed, match=r"no template 'invoise.html' in templates/; did you mean 'invoice.html'"):
        templates.render("invoise.html", {})


def test_what_is_wrong_with_a_file_is_seen_without_rendering_it(templates, folder):
    """It is not there, or is no template; what only values show is not known yet."""
    (folder / "half.html").write_text("{{ x }}\n{% if y %}")
    (folder / "whole.html").write_text("{{ nobody_has_this }}")

    assert templates.problem("whole.html") is None
    assert templates.problem("half.html").startswith("template half.html, line 2: Unexpected end of template")
    assert templates.problem("hlaf.html").startswith("There is no template 'hlaf.html' in templates/; did you mean")


@pytest.mark.parametrize("name", ["../secret.txt", "/etc/passwd", "..\\secret.txt", "a/../../secret.txt", "", "."])
def test_no_name_leads_out_of_the_folder(templates, folder, name):
    """Only files of the folders are templates."""
    (folder.parent / "secret.txt").write_text("secret")

    with pytest.raises(JobFailed):
        templates.render(name, {})


def test_a_syntax_error_tells_file_and_line(templates, folder):
    """The author is sent to the line."""
    (folder / "bad.html").write_text("one\ntwo {% if %}\n")

    with pytest.raises(JobFailed, match=r"template bad.html, line 2: "):
        templates.render("bad.html", {})


def test_an_unknown_variable_tells_line_and_nearest(templates, folder):
    """A misspelt variable is not an empty string."""
    (folder / "page.html").write_text("one\n\n{{ totl }}")

    with pytest.raises(JobFailed, match=r"template page.html, line 3: 'totl' is undefined; did you mean 'total'\?"):
        templates.render("page.html", {"total": 1})


def test_the_line_is_that_of_the_included_file(templates, folder):
    """What is wrong in a part is told of the part."""
    (folder / "part.html").write_text("\n{{ 1 / 0 }}")
    (folder / "page.html").write_text("{% include 'part.html' %}")

    with pytest.raises(JobFailed, match=r"template part.html, line 2: ZeroDivisionError"):
        templates.render("page.html", {})


def test_a_template_that_includes_itself_ends(templates, folder):
    """Endless inclusion is a sentence, not a crash."""
    (folder / "page.html").write_text("{% include 'page.html' %}")

    with pytest.raises(JobFailed, match="without end"):
        templates.render("page.html", {})


def test_a_file_that_is_not_text_is_named(templates, folder):
    """A picture by mistake is told as such."""
    (folder / "page.html").write_bytes(b"\xff\xfe\x00")

    with pytest.raises(JobFailed, match=r"page.html: cannot be read as UTF-8"):
        templates.render("page.html", {})


@dataclass
class Holder:
    """What a caller may hand in without thinking."""

    name: str
    path: Path

    def act(self) -> str:
        """Something that a template must not start."""
        return "acted"


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__ }}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ holder.__init__.__globals__ }}",
        "{{ holder.act() }}",
        "{{ holder.path.read_text() }}",
        "{{ holder.path.parent }}",
        "{{ (holder|attr('path')).parent }}",
        "{{ kind() }}",
        "{{ kind.__name__ }}",
        "{{ holder['__class__'] }}",
        "{{ '{0.__class__}'.format(holder) }}",
        "{{ '{0.path.parent}'.format(holder) }}",
        "{{ ('{0.' ~ '__class__}')|format(holder) and ''.format_map.__self__.__class__ }}",
        "{{ cycler.__init__.__globals__ }}",
        "{{ self.__init__ }}",
        "{{ function.__globals__ }}",
        "{{ items.append(1) }}",
        "{{ mapping.update({'a': 1}) }}",
        "{{ mapping.clear() }}",
        "{{ 10 ** 100000 }}",
        "{{ 'a' * 100000000 }}",
        "{{ 100000000 * [0] }}",
        "{% for i in range(10000000) %}{% endfor %}",
        "{{ lipsum(1000) }}",
        "{{ url_for.__globals__ }}",
        "{{ [holder]|map(attribute='path.parent')|first }}",
        "{{ ['x']|map('attr', '__class__')|first }}",
        "{% import 'os' as os %}{{ os }}",
    ],
)
def test_no_template_gets_beyond_plain_values(templates, source):
    """Neither Python's insides, nor a path, a method of an object, or endless work can be reached."""
    values = {
        "holder": Holder("n", Path("/etc/passwd")),
        "items": [1],
        "mapping": {},
        "kind": Path,
        "function": failure,
    }

    failure(templates, source, **values)
    assert values["items"] == [1]


@pytest.mark.parametrize(
    "text", ["{{ 7 * 7 }}", "{% raw %}", "{# x #}", "{{ config }}", "${7*7}", "{{ ''.__class__ }}", "<%= 7 %>", "#{7}"]
)
def test_data_is_never_a_template(templates, text):
    """Braces in a value stay braces."""
    assert templates.render_text("{{ value }}", {"value": text}) == text
    assert templates.render_text("{% set x = value %}{{ x ~ '' }}", {"value": text}) == text


def test_what_templates_need_is_there(templates):
    """Loops, macros, methods of strings and mappings, dates' parts and attributes of a record work."""
    source = (
        "{% macro cell(x) %}[{{ x }}]{% endmacro %}"
        "{% for key, value in mapping.items() %}{{ loop.index }}{{ cell(key.upper()) }}{{ value }}{% endfor %}"
        "{{ holder.name }} {{ '%05d' % 7 }} {{ 2 ** 8 }} {{ '-' * 3 }} {{ 'a,b'.split(',')|join('+') }}"
    )

    shown = templates.render_text(source, {"mapping": {"a": 1}, "holder": Holder("n", Path())})

    assert shown == "1[A]1n 00007 256 --- a+b"


def test_other_failures_pass_through(templates):
    """A time limit that strikes while a template runs is not told as the template's mistake."""

    class Stop(Exception):
        pass

    def slow() -> None:
        raise Stop

    with pytest.raises(Stop):
        templates.render_text("{{ slow() }}", {"slow": slow})

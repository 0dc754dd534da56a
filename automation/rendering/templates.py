"""Templates: files of the project's `templates/` and strings of TOML, rendered with values.

Owns: where templates are found, which documents are escaped, and what a failure tells.
Never: takes a template from data; reads anything outside its folders.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from jinja2 import FileSystemLoader
from jinja2.exceptions import (
    SecurityError,
    TemplateError,
    TemplateNotFound,
    TemplateSyntaxError,
    UndefinedError,
)

from automation.errors import FailureClass, JobFailed
from automation.rendering.sandbox import Sandbox, make_environment
from automation.text import nearest, printable

#: What a template can do wrong while it runs; anything else (a time limit, a stop) is not its failure.
_MISTAKES = (TemplateError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError, RecursionError)
_ESCAPED = (".html", ".htm", ".xhtml", ".xml", ".svg")
_UNDEFINED = re.compile(r"'(\w+)' is undefined")
_TEXT = "<template>"


class Templates:
    """Renders templates: sandboxed, strict about names, escaped where the document is HTML.

    Parameters
    ----------
    folders: searched in this order; the project's own first, then the shipped one.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self.folders = tuple(folders)
        loader = FileSystemLoader([str(folder) for folder in folders], encoding="utf-8")
        self._html = make_environment(loader, escape=True)
        self._text = make_environment(loader, escape=False)

    def render(self, template: str, values: Mapping[str, Any]) -> str:
        """The file of that name rendered; `.html`, `.xml` and `.svg` documents are escaped, whatever they include.

        Raises JobFailed (`config`) with the file and line of what is wrong.
        """
        environment = self._html if template.lower().endswith(_ESCAPED) else self._text
        with explained(environment, template, values):
            return environment.get_template(template).render(values)

    def problem(self, template: str) -> str | None:
        """What is wrong with the file of that name before it is rendered: it is not there, or is no template."""
        try:
            with explained(self._text, template, {}):
                self._text.get_template(template)
        except JobFailed as error:
            return str(error)
        return None

    def render_text(self, source: str, values: Mapping[str, Any], *, html: bool = False, name: str = "") -> str:
        """A template that stands in TOML or in a plugin rendered; it may include files.

        Parameters
        ----------
        source: never data: it is run as a template.
        html: escape every value.
        name: what a failure calls it, such as `subject`.

        Raises JobFailed (`config`) with the line of what is wrong.
        """
        environment = self._html if html else self._text
        with explained(environment, name, values):
            return environment.from_string(source).render(values)


def check_source(source: str) -> str:
    """The template that stands in TOML, as it is. Raises ValueError for what can be seen to be wrong without values."""
    if "{" in source:
        environment = make_environment(FileSystemLoader([]), escape=False)
        try:
            with explained(environment, "", {}):
                environment.parse(source)
        except JobFailed as error:
            raise ValueError(str(error)) from None
    return source


@contextmanager
def explained(environment: Sandbox, name: str, values: Mapping[str, Any]) -> Iterator[None]:
    """Turn what goes wrong in a template into one sentence with its name and line."""
    try:
        yield
    except TemplateNotFound as error:
        raise JobFailed(_not_found(environment, error), FailureClass.CONFIG) from error
    except TemplateSyntaxError as error:
        where = _place(error.name if error.name not in (None, _TEXT) else name, error.lineno)
        raise JobFailed(f"{where}: {_sentence(error)}", FailureClass.CONFIG) from error
    except (UnicodeDecodeError, IsADirectoryError) as error:
        raise JobFailed(f"template {name}: cannot be read as UTF-8 text: {error}", FailureClass.CONFIG) from error
    except _MISTAKES as error:
        file, line = _deepest(error.__traceback__)
        where = _place(file if file not in (None, _TEXT) else name, line)
        raise JobFailed(f"{where}: {_mistake(error, values)}", FailureClass.CONFIG) from error


def _place(name: str | None, line: int | None) -> str:
    shown = f"template {name}" if name else "template"
    return f"{shown}, line {line}" if line else shown


def _sentence(error: TemplateError) -> str:
    return printable((error.message or str(error)).strip().rstrip("."), 300)


def _mistake(error: Exception, values: Mapping[str, Any]) -> str:
    if isinstance(error, UndefinedError):
        found = _UNDEFINED.search(str(error))
        meant = nearest(found.group(1), values) if found else None
        hint = f"did you mean '{meant}'?" if meant else f"there is: {', '.join(sorted(values)) or 'nothing'}"
        return f"{_sentence(error)}; {hint}"
    if isinstance(error, SecurityError):
        return f"{_sentence(error)}; templates may only read plain values"
    if isinstance(error, RecursionError):
        return "it includes or calls itself without end"
    return f"{type(error).__name__}: {printable(str(error), 300)}"


def _not_found(environment: Sandbox, error: TemplateNotFound) -> str:
    known = environment.list_templates()
    meant = nearest(str(error.name), known)
    hint = f"; did you mean '{meant}'?" if meant else f"; there is: {', '.join(known[:20]) or 'no template at all'}"
    return f"There is no template '{printable(str(error.name), 100)}' in templates/{hint}"


def _deepest(trace: TracebackType | None) -> tuple[str | None, int | None]:
    """The innermost template and line that an error passed through; Jinja2 marks such frames."""
    found: tuple[str | None, int | None] = (None, None)
    while trace is not None:
        if "__jinja_exception__" in trace.tb_frame.f_globals:
            path = trace.tb_frame.f_code.co_filename
            found = (path if path == _TEXT else Path(path).name, trace.tb_lineno)
        trace = trace.tb_next
    return found

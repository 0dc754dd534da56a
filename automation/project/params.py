"""A job's parameters against the model of its plugin.

Owns: the check, with the place of each problem inside `params`; unknown names get their nearest.
Never: keeps a resolved value: references are resolved to check them, and then forgotten.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import date, datetime, time
from typing import Any

from pydantic import BaseModel, ValidationError

from automation.ledger.upstream import takings
from automation.project.plain_secrets import PASSWORD_KEYS
from automation.project.values import Notes, Secrets, Table, bounded, shown
from automation.secrets import SecretMissing, references
from automation.text import nearest, printable

#: The database of the data folder, which is there without being declared.
OWN_DATABASE = "data"
_Path = tuple[str | int, ...]
#: A plain value and the path to it.
Leaf = tuple[_Path, Any]
_DATES = (datetime, date, time)
#: Kinds of errors whose place is the key; the second is that of plugins.
_OF_KEY = ("extra_forbidden", "wrong_name")


def leaves(value: Any) -> list[Leaf]:
    """Every plain value inside of tables and lists, with the path to it, in order."""
    found: list[Leaf] = []
    _gather(value, (), found)
    return found


def check_params(table: Table, inside: Sequence[Leaf], model: type[BaseModel], notes: Notes, secrets: Secrets) -> None:
    """Note everything that the plugin would refuse.

    Parameters
    ----------
    inside: the leaves of the table.
    """
    before = len(notes)
    named = [(path, leaf) for path, leaf in inside if type(leaf) is str and any(references(leaf))]
    for path, text in named:
        try:
            secrets.resolve(text)
        except SecretMissing as error:
            notes.at(table, path, str(error))
    if len(notes) > before:
        return
    try:
        values = jsonable(table.values, inside)
        model.model_validate(secrets.resolve(values) if named else values)
    except ValidationError as error:
        for path, message, on_key in refusals(error, table.values, model):
            notes.at(table, path, message, on_key=on_key)
    except Exception as error:
        notes.at(
            table,
            [],
            f"the plugin's own check of its parameters fails: {type(error).__name__}: {printable(str(error))}",
        )


def check_database_names(table: Table, inside: Sequence[Leaf], known: frozenset[str], notes: Notes) -> None:
    """Note every `database` of a shipped plugin's parameters that is neither a URL nor a declared name.

    Parameters
    ----------
    inside: the leaves of the table.
    """
    names = sorted({*known, OWN_DATABASE})
    for path, text in inside:
        if path[-1] != "database" or not isinstance(text, str):
            continue
        if "://" in text or any(references(text)) or text in names:
            continue
        meant = nearest(text, names)
        hint = f"did you mean '{meant}'?" if meant else f'write [databases.{printable(text, 60)}] url = "…" there'
        notes.at(table, path, f"there is no database '{printable(text, 60)}' in automation.toml; {hint}")


def check_mail_names(table: Table, servers: Collection[str], digests: Collection[str], notes: Notes) -> None:
    """Note the `server` and the `digest` of a mail that automation.toml does not declare."""
    for key, what, known, example in (
        ("server", "mail server", servers, '[mail.{}] url = "…"'),
        ("digest", "digest", digests, '[digests.{}] closes = "0 8 * * mon-fri"'),
    ):
        name = table.values.get(key)
        if not isinstance(name, str) or not name or name in known or any(references(name)):
            continue
        shown, meant = printable(name, 60), nearest(name, known)
        hint = f"did you mean '{meant}'?" if meant else f"write {example.format(shown)} there"
        notes.at(table, [key], f"there is no {what} '{shown}' in automation.toml; {hint}")


def check_template_names(
    table: Table, inside: Sequence[Leaf], problem_of: Callable[[str], str | None], notes: Notes
) -> None:
    """Warn of every `template` of a shipped plugin's parameters that no run could render, as its file is now.

    Parameters
    ----------
    inside: the leaves of the table.
    problem_of: what is wrong with the file of a name.
    """
    for path, text in inside:
        if path == ("template",) and isinstance(text, str) and text and not any(references(text)):
            problem = problem_of(text)
            if problem:
                notes.at(table, path, problem, severity="warning")


def jsonable(value: Any, inside: Sequence[Leaf] | None = None) -> Any:
    """The value as JSON can hold it: dates and times in ISO 8601.

    Parameters
    ----------
    inside: its leaves, where they are known: without a date among them it is JSON as it is.
    """
    if inside is not None and not any(isinstance(leaf, _DATES) for _, leaf in inside):
        return value
    if isinstance(value, Mapping):
        return {key: jsonable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [jsonable(item) for item in value]
    return value.isoformat() if isinstance(value, _DATES) else value


def unbounded(inside: Sequence[Leaf]) -> Iterator[_Path]:
    """The path of every number that a run could not keep: `nan`, `inf`, integers beyond 64 bits."""
    for path, leaf in inside:
        if isinstance(leaf, (int, float)) and not bounded(leaf):
            yield path


def _gather(value: Any, path: _Path, found: list[Leaf]) -> None:
    if isinstance(value, dict):
        for key, item in value.items():
            _gather(item, (*path, key), found)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            _gather(item, (*path, number), found)
    else:
        found.append((path, value))


def refusals(
    error: ValidationError, values: Mapping[str, Any], model: type[BaseModel]
) -> Iterator[tuple[_Path, str, bool]]:
    """What a model refuses in these values: path, message and whether the key is what is wrong.

    Of a union's branches only what is said deepest; the message shows the value unless it is a password's.
    """
    found: dict[tuple[_Path, bool], list[str]] = {}
    for one in error.errors(include_url=False, include_context=False, include_input=False):
        path = _path_in(one["loc"], values)
        if _filled_later(values, path):
            continue
        found.setdefault((path, one["type"] in _OF_KEY), []).append(_message(one, path, model))
    paths = [path for path, _ in found]
    for (path, on_key), messages in found.items():
        deeper = any(len(other) > len(path) and other[: len(path)] == path for other in paths)
        if deeper and not all(message.startswith("missing ") for message in messages):
            continue
        yield path, _with_value("; or ".join(dict.fromkeys(messages)), values, path, on_key), on_key


def _filled_later(values: Any, path: _Path) -> bool:
    """Whether this is taken from a run before it, so that nobody knows yet what will stand there."""
    for step in path:
        values = values[step]
    return isinstance(values, str) and bool(takings(values))


def _with_value(message: str, values: Any, path: _Path, on_key: bool) -> str:
    """The message behind the refused value, where it is a plain one, no password, and not in the message already."""
    for step in path:
        values = values[step]
    if on_key or not isinstance(values, (str, int, float)) or str(path[-1]).casefold() in PASSWORD_KEYS:
        return message
    return message if shown(values) in message else f"found {shown(values)}; {message}"


def _path_in(loc: Sequence[str | int], values: Any) -> _Path:
    """The part of pydantic's location that is in the data: it also names branches of unions, and what is missing."""
    path: _Path = ()
    for step in loc:
        if isinstance(values, Mapping) and step in values:
            values = values[str(step)]
        elif isinstance(values, list) and isinstance(step, int) and step < len(values):
            values = values[step]
        else:
            continue
        path = (*path, step)
    return path


def _message(one: Mapping[str, Any], path: _Path, model: type[BaseModel]) -> str:
    if one["type"] == "missing":
        return f"missing '{one['loc'][-1]}'; write {one['loc'][-1]} = {_example(model, one['loc'])}"
    if one["type"] == "extra_forbidden":
        names = _names_at(model, path[:-1])
        meant = nearest(str(path[-1]), names)
        allowed = f"; allowed are: {', '.join(names)}" if names else "; it takes no parameters"
        return f"unknown parameter '{printable(str(path[-1]), 60)}'" + (
            f"; did you mean '{meant}'?" if meant else allowed
        )
    if one["type"] in ("model_type", "dict_type"):
        names = _names_at(model, path) if one["type"] == "model_type" else []
        return f"it should be a table: {{ {', '.join(names) or 'name = …'} }}"
    if one["type"] in ("bool_type", "bool_parsing"):
        return "it should be true or false"
    text = str(one["msg"]).removeprefix("Value error, ").removeprefix("Assertion failed, ")
    return text.replace("Input should", "it should", 1).partition(", unable to parse")[0]


def _names_at(model: type[BaseModel], path: _Path) -> list[str]:
    """The names that a table at this path may have, from every model that could stand there."""
    models = [model]
    for step in path:
        inner: list[type[BaseModel]] = []
        for candidate in models:
            found = candidate.model_fields.get(str(step))
            inner += _models_in(found.annotation) if found else []
        models = inner or models
    return sorted({found.alias or name for candidate in models for name, found in candidate.model_fields.items()})


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in typing.get_args(annotation) for model in _models_in(part)]


def _example(model: type[BaseModel], loc: Sequence[str | int]) -> str:
    """A value that shows how a missing parameter is written."""
    found = model.model_fields.get(str(loc[-1])) if len(loc) == 1 else None
    if found is None:
        return "…"
    if found.examples:
        return f'"{found.examples[0]}"' if isinstance(found.examples[0], str) else str(found.examples[0])
    origin: Any = typing.get_origin(found.annotation) or found.annotation
    return {str: '"…"', int: "1", float: "1.0", bool: "true", list: '["…"]', dict: "{ … }"}.get(origin, "…")

"""Finding plugins: who holds a name, and files that cannot be loaded."""

from __future__ import annotations

import importlib.metadata
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from automation import registry as registry_module
from automation.errors import PluginInvalid, UnknownName
from automation.registry import GROUP, Registry, load_registry, shipped_folder

PLUGIN = 'from automation import plugin\n@plugin("{name}")\ndef work(ctx, days: int = 1):\n    """Say {words}."""\n'
REPLACING = PLUGIN.replace('"{name}"', '"{name}", replace=True')

Load = Callable[..., Registry]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """`load({file: text}, shipped={file: text})`: the registry of a project with these plugin files."""
    monkeypatch.setattr(registry_module, "shipped_folder", lambda name: tmp_path / "shipped" / name)
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: [])
    monkeypatch.setattr(sys, "path", list(sys.path))

    def make(files: dict[str, str], shipped: dict[str, str] | None = None) -> Registry:
        for folder, content in ((tmp_path / "jobs", files), (tmp_path / "shipped" / "jobs", shipped or {})):
            folder.mkdir(parents=True, exist_ok=True)
            for name, text in content.items():
                (folder / name).write_text(text)
        return load_registry(tmp_path)

    return make


def test_plugin_file_of_the_project_is_found(load: Load, tmp_path: Path) -> None:
    """Its name, its help, its parameters and its file are known."""
    registry = load({"rates.py": PLUGIN.format(name="exchange-rates", words="hello")})
    spec = registry.plugin("exchange-rates")

    assert (spec.description, list(spec.parameters.model_fields)) == ("Say hello.", ["days"])
    assert spec.source == tmp_path / "jobs" / "rates.py"
    assert registry.origins["exchange-rates"] == "project"
    assert registry.broken == {}


def test_postponed_annotations_and_models_of_the_file_work(load: Load) -> None:
    """A file may use `from __future__ import annotations` and a pydantic model of its own."""
    text = (
        "from __future__ import annotations\nfrom pydantic import BaseModel\nfrom automation import Context, plugin\n"
    )
    text += "class Field(BaseModel):\n    css: Name\nName = str\n"
    text += "@plugin\ndef my_scrape(ctx: Context, fields: dict[str, Field]) -> dict: ...\n"
    registry = load({"s.py": text})

    assert registry.plugin("my-scrape").parameters.model_validate({"fields": {"a": {"css": "b"}}})


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("\nraise ValueError('boom')\n", 2, "cannot be loaded: ValueError: boom"),
        ("import sys\nsys.exit(3)\n", 2, "ends the process (sys.exit 3)"),
        ("\n\ndef f(:\n", 3, "cannot be loaded: SyntaxError: invalid syntax"),
        ("import nothing_of_that_name\n", 1, "cannot be loaded: ModuleNotFoundError: No module named"),
        ("class Odd(BaseException): ...\nraise Odd('x')\n", 2, "cannot be loaded: Odd: x"),
        ("x = 1\n", 1, "declares no plugin; put @plugin on a function"),
        ("from automation import plugin\n@plugin\ndef f(): ...\n", 2, "the first parameter must be the context"),
        ("from automation import plugin\n@plugin\ndef f(ctx, days): ...\n", 2, "parameter 'days' has no type"),
        ("from automation import plugin\n@plugin('A b')\ndef f(ctx): ...\n", 2, "use lower-case letters"),
        ("x = 1\x00\n", 1, "cannot be loaded"),
        ("raise OSError('postgresql://u:hunter22@h/x')\n", 1, "postgresql://u:***@h/x"),
    ],
)
def test_broken_file_has_its_line_and_reason(load: Load, text: str, line: int, said: str) -> None:
    """Whatever it raises, the others are loaded, and the reason is kept under the file's stem."""
    registry = load({"bad.py": text, "good.py": PLUGIN.format(name="good", words="x")})
    problem = registry.broken["bad"]

    assert (str(problem.path), problem.line) == ("jobs/bad.py", line)
    assert said in problem.message
    assert list(registry.plugins) == ["good"]


def test_broken_file_answers_for_the_names_in_it(load: Load) -> None:
    """Asking for a plugin whose file is broken gives the reason, not "unknown"."""
    registry = load({"bad.py": PLUGIN.format(name="rates", words="x") + "raise ValueError('boom')\n"})

    with pytest.raises(PluginInvalid, match=r"jobs/bad.py:5:1: cannot be loaded: ValueError: boom"):
        registry.plugin("rates")


def test_what_a_file_prints_does_not_mix_with_answers(load: Load, capsys: pytest.CaptureFixture[str]) -> None:
    """Its output goes to standard error."""
    load({"chatty.py": "print('loading')\n" + PLUGIN.format(name="chatty", words="x")})

    assert capsys.readouterr() == ("", "loading\n")


def test_name_of_a_shipped_plugin_is_not_taken_by_chance(load: Load) -> None:
    """The shipped one keeps its name; the message names both files and the way out."""
    registry = load(
        {"mine.py": PLUGIN.format(name="scrape", words="mine")},
        {"scrape.py": PLUGIN.format(name="scrape", words="ours")},
    )
    message = str(registry.broken["mine"])

    assert registry.plugin("scrape").description == "Say ours."
    assert message.startswith(
        "jobs/mine.py:2:1: plugin name 'scrape' is taken by a shipped plugin in shipped/jobs/scrape.py"
    )
    assert "replace=True" in message


def test_shipped_plugin_is_replaced_when_the_file_says_so(load: Load) -> None:
    """`replace=True` gives the project's plugin the name."""
    registry = load(
        {"mine.py": REPLACING.format(name="scrape", words="mine")},
        {"scrape.py": PLUGIN.format(name="scrape", words="ours")},
    )

    assert (registry.plugin("scrape").description, registry.origins["scrape"]) == ("Say mine.", "project")
    assert registry.broken == {}


def test_two_files_of_the_project_do_not_share_a_name(load: Load) -> None:
    """Also `replace=True` takes no name from a file of the same project."""
    registry = load({"a.py": PLUGIN.format(name="x", words="a"), "b.py": REPLACING.format(name="x", words="b")})

    assert registry.plugin("x").description == "Say a."
    assert "taken in jobs/a.py" in registry.broken["b"].message


def test_same_file_is_loaded_once(load: Load, tmp_path: Path) -> None:
    """A copy of a shipped file with its name and bytes, and a link to it, are the file itself."""
    text = PLUGIN.format(name="scrape", words="ours")
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "link.py").symlink_to(tmp_path / "shipped" / "jobs" / "scrape.py")
    registry = load({"scrape.py": text}, {"scrape.py": text})

    assert (list(registry.plugins), registry.broken) == (["scrape"], {})
    assert registry.origins == {"scrape": "shipped"}


def test_files_with_an_underscore_are_for_others_to_import(load: Load) -> None:
    """They are no plugins, and siblings import them by name."""
    files = {
        "_rates_of_a_test.py": "RATE = 7\n",
        "uses.py": "from _rates_of_a_test import RATE\n" + PLUGIN.format(name="uses", words="x"),
    }

    assert list(load(files).plugins) == ["uses"]


def test_changed_file_is_loaded_as_it_is_now(load: Load) -> None:
    """A change within the same second and of the same length is seen."""
    load({"a.py": PLUGIN.format(name="x", words="one")})

    assert load({"a.py": PLUGIN.format(name="x", words="two")}).plugin("x").description == "Say two."


def test_fifo_in_the_folder_is_told_and_not_waited_for(load: Load, tmp_path: Path) -> None:
    """A thing that is no file is a broken plugin."""
    (tmp_path / "jobs").mkdir()
    os.mkfifo(tmp_path / "jobs" / "pipe.py")

    assert "not a regular file" in load({}).broken["pipe"].message


@pytest.mark.parametrize(
    ("value", "found"), [("entry_mod:work", True), ("entry_mod", True), ("entry_mod:nothing", False), ("no_mod", False)]
)
def test_installed_package_brings_plugins(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str, found: bool
) -> None:
    """An entry point is a plugin function or a module with some; anything else is told, and stops nothing."""
    (tmp_path / "entry_mod.py").write_text(PLUGIN.format(name="theirs", words="x"))
    monkeypatch.syspath_prepend(tmp_path)
    entry = importlib.metadata.EntryPoint("theirs", value, GROUP)
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: [entry])
    registry = load({})

    assert ("theirs" in registry.plugins, "theirs" in registry.broken) == (found, not found)
    sys.modules.pop("entry_mod", None)


def test_package_is_asked_for_a_plugin_that_nobody_else_has(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its entry point may be named otherwise; a shipped plugin keeps its name against it, in whatever order they load."""
    text = PLUGIN.format(name="theirs", words="x") + '@plugin("scrape")\ndef other(ctx): ...\n'
    (tmp_path / "entry_both.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    entry = importlib.metadata.EntryPoint("all-of-them", "entry_both", GROUP)
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: [entry])
    registry = load({}, {"scrape.py": PLUGIN.format(name="scrape", words="ours")})

    assert registry.plugin("theirs").description == "Say x."
    assert registry.plugin("scrape").description == "Say ours."
    assert "taken by a shipped plugin in shipped/jobs/scrape.py" in str(list(registry.broken.values()))
    sys.modules.pop("entry_both", None)


def test_unknown_plugin_gets_its_nearest(load: Load) -> None:
    """Asking by a wrong name gives the name that was perhaps meant."""
    with pytest.raises(UnknownName, match="did you mean 'scrape'"):
        load({"a.py": PLUGIN.format(name="scrape", words="x")}).plugin("scarpe")


def test_shipped_plugins_load_without_a_problem(tmp_path: Path) -> None:
    """Every file that is shipped declares plugins under names of their own."""
    registry = load_registry(tmp_path)

    assert {spec.source.parent for spec in registry.plugins.values()} == {shipped_folder("jobs").resolve()}
    assert registry.broken == {}


def test_shipped_files_are_named_after_their_plugins(tmp_path: Path) -> None:
    """A plugin is looked for in the file of its name, so that the others need not be loaded."""
    specs = load_registry(tmp_path).plugins

    assert {name: specs[name].source.stem.replace("_", "-") for name in specs} == {name: name for name in specs}


def test_plugins_that_nobody_asks_for_are_not_loaded(load: Load, capsys: pytest.CaptureFixture[str]) -> None:
    """Of the shipped files only the one asked for runs, once; going through all plugins runs the rest."""
    shipped = {f"{name}.py": f"print('{name}')\n" + PLUGIN.format(name=name, words="x") for name in ("a", "b")}
    registry = load({"mine.py": PLUGIN.format(name="mine", words="x")}, shipped)

    assert (registry.plugin("mine").name, capsys.readouterr().err) == ("mine", "")
    assert (registry.plugin("b").name, "b" in registry.plugins, capsys.readouterr().err) == ("b", True, "b\n")
    assert (list(registry.plugins), capsys.readouterr().err) == (["a", "b", "mine"], "a\n")


def test_broken_shipped_plugin_is_told_when_it_is_asked_for(load: Load) -> None:
    """Asking for it, or for all, says what is wrong; the others are not touched."""
    shipped = {"bad.py": "raise ValueError('boom')\n", "good.py": PLUGIN.format(name="good", words="x")}

    with pytest.raises(PluginInvalid, match=r"bad.py:1:1: cannot be loaded: ValueError: boom"):
        load({}, shipped).plugin("bad")
    registry = load({}, shipped)
    assert (list(registry.plugins), list(registry.broken)) == (["good"], ["bad"])


def test_threads_that_ask_at_once_get_the_same_plugin(load: Load, capsys: pytest.CaptureFixture[str]) -> None:
    """The file runs once."""
    registry = load({}, {"a.py": "print('once')\n" + PLUGIN.format(name="a", words="x")})
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(registry.plugin, ["a"] * 8))

    assert (len(set(map(id, found))), capsys.readouterr().err) == (1, "once\n")

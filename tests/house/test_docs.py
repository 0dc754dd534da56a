"""Documents against code: every command, setting, key and parameter is found in them, and their examples are real."""

from __future__ import annotations

import ast
import re
import runpy
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PAGE_OF_PLUGIN = {
    "scrape": "scraping.md",
    "watch": "watching.md",
    "cleanup": "cleanup.md",
    "report": "reports.md",
    "email": "mail.md",
    "shell": "everyday.md",
    "http": "everyday.md",
    "python": "everyday.md",
    "ping": "pings.md",
}
READS = {
    f"reader.{kind}"
    for kind in ("text", "checked", "number", "duration", "choice", "folder", "flag", "size", "names", "networks")
}
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Example:
    """A fenced block of a document."""

    document: Path
    language: str
    text: str
    line: int

    def __str__(self) -> str:
        return f"{self.document.name}:{self.line}"


def examples(language, documents=DOCUMENTS):
    """Every block of a language."""
    for document in documents:
        text = document.read_text("utf-8")
        for found in _BLOCK.finditer(text):
            if found.group(1) == language:
                yield Example(document, language, found.group(2), text[: found.start()].count("\n") + 1)


def settings_of_the_code():
    """The names that the settings reader asks for."""
    names = set()
    for node in ast.walk(ast.parse((ROOT / "automation" / "settings.py").read_text("utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in READS:
            name = ast.literal_eval(node.args[0])
            names.add(name if any(word.arg == "prefixed" for word in node.keywords) else f"AUTOMATION_{name}")
    return names


def commands(group, above=()):
    """Every command with its words, from the command line's own tree."""
    for name, command in group.commands.items():
        if getattr(command, "commands", None):
            yield from commands(command, (*above, name))
        elif not command.hidden:
            yield " ".join((*above, name)), command


def command_tree():
    """The root command of `automation`."""
    from automation.cli.commands import command_of

    return command_of("")


def page(name):
    """The text of one document."""
    return (ROOT / "docs" / name).read_text("utf-8")


@pytest.fixture
def project_of(tmp_path):
    """`project_of(document, toml)`: a project with the document's plugins, its automation.toml, and these schedules."""

    def make(document, schedules):
        for folder in ("schedules", "jobs", "templates"):
            (tmp_path / folder).mkdir(exist_ok=True)
        for number, example in enumerate(examples("python", [document])):
            if "@plugin" in example.text:
                (tmp_path / "jobs" / f"example_{number}.py").write_text(example.text)
        shared = [one.text for one in examples("toml", [document]) if one.text.startswith("# automation.toml")]
        if shared:
            (tmp_path / "automation.toml").write_text("\n".join(shared))
        for number, text in enumerate(schedules):
            (tmp_path / "schedules" / f"{number}.toml").write_text(text)
        return tmp_path

    return make


def run(arguments, folder):
    """`automation …` as a user runs it."""
    command = [sys.executable, "-m", "automation", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_toml_examples_pass_the_check(document, project_of):
    """Every TOML example of a document is one that `automation check` has nothing to say about, not even a warning."""
    blocks = [example.text for example in examples("toml", [document])]
    schedules = [text for text in blocks if not text.startswith("# automation.toml")]
    if not schedules:
        assert not blocks or "[jobs" not in "".join(blocks)
        return

    from automation.project.load import load_project
    from automation.registry import load_registry

    folder = project_of(document, schedules)

    assert [str(problem) for problem in load_project(folder, load_registry(folder), {}).problems] == []


@pytest.mark.parametrize("example", list(examples("python")), ids=str)
def test_python_examples_run(example, tmp_path):
    """Every Python example can be executed from an empty folder; its tests are collected and pass."""
    path = tmp_path / "test_example.py"
    path.write_text(example.text)
    runs_tests = "def test_" in example.text
    options = (
        ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:valkey", str(path)] if runs_tests else [str(path)]
    )

    done = subprocess.run([sys.executable, *options], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


def test_readme_plugin_and_schedule_work_together(project_of):
    """The README's schedule fires the README's plugin: one run of it, here, succeeds."""
    readme = ROOT / "README.md"
    folder = project_of(readme, [example.text for example in examples("toml", [readme])])

    done = run(["run", "disk", "--here", "-p", "keep_free=0"], folder)

    assert done.returncode == 0, done.stdout + done.stderr


def test_readme_begins_with_what_a_reader_needs():
    """Two commands, a schedule, a plugin and what runs both stand before line 60."""
    top = "\n".join((ROOT / "README.md").read_text("utf-8").splitlines()[:59])
    blocks = [found.group(1) for found in _BLOCK.finditer(top)]

    assert blocks == ["sh", "sh", "toml", "python"]
    assert "automation up" in top


def test_readme_commands_are_pasteable():
    """The first block starts the demo, the second runs the tests; each is one chain that stops at the first failure."""
    demo, tests = list(examples("sh", [ROOT / "README.md"]))[:2]

    assert demo.text.splitlines()[-1].endswith("automation demo")
    assert "pytest" in tests.text.splitlines()[-1]
    for block in (demo, tests):
        assert all(line.endswith("&&") for line in block.text.splitlines()[:-1])
        subprocess.run(["bash", "-n"], input=block.text, text=True, check=True)


def test_every_setting_is_documented():
    """docs/settings.md names each variable that is read, and no other."""
    documented = set(re.findall(r"`(AUTOMATION_[A-Z_]+|PORT)`", page("settings.md")))

    assert documented == settings_of_the_code()


def test_no_document_names_a_setting_that_is_not():
    """A variable in a document is one that the product or its tests read."""
    from automation.settings import RUN_VARIABLES

    known = settings_of_the_code() | {"AUTOMATION_TEST_REQUIRE", *RUN_VARIABLES}
    named = {name for path in DOCUMENTS for name in re.findall(r"\bAUTOMATION_[A-Z_]*[A-Z]", path.read_text("utf-8"))}

    assert named <= known


def test_every_command_is_documented():
    """docs/cli.md has a section for each command, which names its options."""
    sections = dict(
        re.findall(r"^### `automation ([\w -]+?)(?: [A-Z\[].*?)?`\n(.*?)(?=^##|\Z)", page("cli.md"), re.M | re.S)
    )
    missing = []
    for name, command in commands(command_tree()):
        if name not in sections:
            missing.append(f"automation {name}")
            continue
        options = [
            word for param in command.params for word in param.opts if word.startswith("--") and word != "--help"
        ]
        missing += [f"automation {name} {word}" for word in options if f"`{word}" not in sections[name]]

    assert missing == []
    assert set(sections) <= {name for name, _ in commands(command_tree())}


def test_every_key_is_documented():
    """docs/toml.md names each key of a schedule file and of automation.toml."""
    from automation.project import keys

    known = {*keys.JOB, *keys.RETRY, *keys.DEFAULTS, *keys.PROJECT_FILE, *keys.SCHEDULE_FILE, *keys.DATABASE}
    words = set(re.findall(r"[a-z_]+", page("toml.md")))

    assert known <= words


def test_every_parameter_is_documented(house):
    """Each parameter of a shipped plugin stands on its page, between back-ticks."""
    from automation.registry import load_registry

    registry = load_registry(ROOT)
    assert set(registry.plugins) == set(PAGE_OF_PLUGIN)

    missing = {
        f"{name}: {field}"
        for name, spec in registry.plugins.items()
        for field in spec.parameters.model_json_schema()["properties"]
        if f"`{field}`" not in page(PAGE_OF_PLUGIN[name])
    }

    assert missing == set()


def test_the_reference_of_scrape_is_that_of_its_models():
    """Made anew by `python tests/house/scrape_keys.py >docs/scrape-keys.md`; each key of a model says what it is for."""
    made = runpy.run_path(str(ROOT / "tests" / "house" / "scrape_keys.py"))["page"]()

    assert page("scrape-keys.md") == made
    assert [line for line in made.splitlines() if re.fullmatch(r"\| `\w+` \|  \| .*\|", line)] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document):
    """A relative link of a document names a file that is there."""
    text = document.read_text("utf-8")
    targets = [link.partition("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]

    assert [target for target in targets if target and not (document.parent / target).exists()] == []


def test_changelog_speaks_of_effects():
    """The changelog has a section of what was added."""
    assert "### Added" in (ROOT / "CHANGELOG.md").read_text("utf-8")

"""From a folder to a project: all files, all jobs, all problems at once.

Owns: the order of reading, names that are taken twice, what holds for a file and for the project.
Never: raises for what a file says; that is a problem of the project.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

from automation.errors import Problem, ProjectInvalid
from automation.project.channels import Channels, read_channels
from automation.project.databases import read_databases
from automation.project.digests import read_digests
from automation.project.files import SCHEDULES, project_file, schedule_files
from automation.project.jobs import Declared, Surroundings, check_defaults, read_job
from automation.project.keys import AFTER, DEFAULTS, PROJECT_FILE, PROJECT_ONLY, SCHEDULE_FILE, TAG
from automation.project.limits import NamedLimits, check_limits_used, read_limits
from automation.project.lineage import link
from automation.project.mail import read_mail
from automation.project.model import Job, Project, Queue, Webhook
from automation.project.names import check_replaced, check_tags_used, refuse_twice
from automation.project.policies import name_problem
from automation.project.queues import check_queues_used, read_queues
from automation.project.retention import read_retention
from automation.project.shared import File, Tags, read_calendars, read_tags
from automation.project.source import Source, bears_on, parse_source, read_source, read_text
from automation.project.timing import Calendars
from automation.project.values import Notes, Reader, Secrets, Table
from automation.project.webhooks import check_webhooks, read_webhooks
from automation.registry import Registry, shipped_folder


def load_project(root: Path, registry: Registry, environ: Mapping[str, str], *, only: str | None = None) -> Project:
    """What the folder declares, with every problem of every file.

    A job with an error is there with its `problem` set; other jobs are not touched by it. A file that cannot be read
    as a whole brings no job; when it is `automation.toml`, whose defaults all jobs need, they are all disabled.

    Parameters
    ----------
    only: the name of the one job that is asked for. Just it is read, with all that bears on it; what is wrong
        elsewhere is not looked for. Where there is no such job, or it belongs to a flow, the project is the whole one.
    """
    if only is not None:
        loading = _Loading(root, registry, Secrets(environ, root), only)
        project = loading.read()
        if only in project.jobs and not loading.flows:
            return project
    with _all_kept():
        return _Loading(root, registry, Secrets(environ, root)).read()


def load_declared(root: Path, registry: Registry, environ: Mapping[str, str], name: str) -> tuple[Project, Declared]:
    """One job with the tables that it is read from, the nearest first, and the project with this job alone.

    Raises UnknownName, with the nearest name, where there is no such job.
    """
    loading = _Loading(root, registry, Secrets(environ, root), name)
    project = loading.read()
    if name not in loading.declared:
        load_project(root, registry, environ).job(name)
    return project, loading.declared[name]


def load_databases(root: Path) -> Mapping[str, str]:
    """The URLs of `automation.toml` by name, references unresolved. Raises ProjectInvalid when it cannot be read."""
    path = project_file(root)
    tables = read_source(path, root).data.get("databases", {}) if path else {}
    if not isinstance(tables, dict):
        return {}
    urls = {name: table.get("url") for name, table in tables.items() if isinstance(table, dict)}
    return {name: url for name, url in urls.items() if isinstance(url, str)}


def _template_problem(root: Path, name: str) -> str | None:
    """What is wrong with the project's template, or the shipped one, of this name."""
    # Late: it brings Jinja2, which takes longer to import than all the rest, and few jobs name a template.
    from automation.rendering import Templates

    return Templates([root / "templates", shipped_folder("templates")]).problem(name)


def _follows(name: str, values: object, only: str | None) -> bool:
    """Whether the job that is asked for follows others, or this one follows it."""
    if only is None or not isinstance(values, dict):
        return False
    named = [one for key in AFTER if isinstance(values.get(key), list) for one in values[key]]
    return bool(named) and (name == only or only in named)


@contextmanager
def _all_kept() -> Iterator[None]:
    """While all that is made is kept, looking for garbage again and again takes a quarter of the time."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


class _Loading:
    """One reading of all files, or of those that bear on one job."""

    def __init__(self, root: Path, registry: Registry, secrets: Secrets, only: str | None = None) -> None:
        self.root = root
        self.registry = registry
        self.secrets = secrets
        self.only = only
        self.notes = Notes(secrets.redactor)
        self.jobs: dict[str, Job] = {}
        self.declared: dict[str, Declared] = {}
        self.databases: Mapping[str, str] = {}
        self._queues: Mapping[str, Queue] = {}
        self._mail_servers: frozenset[str] = frozenset()
        self._limits: NamedLimits = {}
        self._digests: frozenset[str] = frozenset()
        self._channels: Channels = {}
        self._webhooks: Mapping[str, Webhook] = {}
        self._project: File | None = None
        self._project_block: Problem | None = None
        self._database_names: frozenset[str] = frozenset()
        self._calendars: Calendars = {}
        self._tags: Tags = {}
        self._holders: dict[str, Job] = {}
        self._template_problem = cache(partial(_template_problem, root))
        self.flows = False

    def read(self) -> Project:
        """The project: first what files share, then their jobs."""
        self._project = self._project_file()
        files = [file for path in schedule_files(self.root) if (file := self._schedule_file(path))]
        everywhere = [*([self._project] if self._project else []), *files]
        self._calendars = read_calendars(everywhere, self.notes, self.root)
        self._tags = read_tags(everywhere, self.notes, self._check_tag)
        if self._project:
            self._read_project_file(self._project)
        for file in files:
            self._read_jobs(file)
        if self.only is None:
            self._check_names()
        problems = sorted(self.notes, key=lambda problem: (str(problem.path), problem.line, problem.column))
        return Project(self.root, self.jobs, self.databases, tuple(problems), self._webhooks)

    def _project_file(self) -> File | None:
        """`automation.toml`, if there is one."""
        path = project_file(self.root)
        source = self._read(path) if path else None
        if source is None:
            self._project_block = self.notes.first_error
            return None
        self._check_top(source, PROJECT_FILE, {"jobs": f"jobs belong into a file of {SCHEDULES}/"})
        top = Table(source, (), source.data)
        defaults = top.child("defaults")
        return File(top, (defaults,) if defaults else ())

    def _schedule_file(self, path: Path) -> File | None:
        """One file of `schedules/`; None when it cannot be read, or does not bear on the job that is asked for."""
        source = self._read(path, self.only)
        if source is None:
            return None
        self._check_top(source, SCHEDULE_FILE, {key: f"{key} belong into automation.toml" for key in PROJECT_ONLY})
        top = Table(source, (), source.data)
        defaults = top.child("defaults")
        return File(top, (*((defaults,) if defaults else ()), *(self._project.defaults if self._project else ())))

    def _read_project_file(self, file: File) -> None:
        """Databases, mail servers, queues, limits, and defaults for every file."""
        self._project_block = self._check_defaults(file)
        self._database_names = frozenset(load_databases(self.root))
        allowed = Reader(file.defaults, self.notes.beside(), self.secrets).flag("allow_plain_secrets", False)
        self.databases = read_databases(file.top, self.notes, self.secrets, allowed)
        self._mail_servers = read_mail(file.top, self.notes, self.secrets, allowed)
        self._channels = read_channels(file.top, self.notes, self.secrets, self._mail_servers)
        read_digests(file.top, self.notes, self.secrets)
        # Also one with a mistake, which is told where it stands.
        self._digests = frozenset(found.values if (found := file.top.child("digests")) else ())
        self._webhooks = read_webhooks(file.top, self.notes, self.secrets, allowed)
        self._queues = read_queues(file.top, self.notes, self.secrets)
        self._limits = read_limits(file.top, self.notes, self.secrets)
        # What it says is read by those who delete, each time that they begin; here it is only checked.
        read_retention(file.top, self.notes, self.secrets)

    def _read_jobs(self, file: File) -> None:
        """The jobs of one file."""
        top, block = file.top, self._check_defaults(file)
        allowed = Reader(file.defaults, self.notes.beside(), self.secrets).flag("allow_plain_secrets", False)
        around = Surroundings(
            self.registry,
            self.secrets,
            file.defaults,
            self._database_names,
            allowed,
            self._calendars,
            self._tags,
            self._template_problem,
            self._limits,
            self._queues,
            self._mail_servers,
            self._digests,
            self._channels,
        )
        declared = top.values.get("jobs", {})
        if not isinstance(declared, dict):
            self.notes.at(top, ["jobs"], "found a value; write tables: [jobs.NAME]")
            return
        if not (declared or "calendars" in top.values or "tags" in top.values):
            self.notes.add(Problem(top.source.shown, "no jobs in this file; write a [jobs.NAME]", severity="warning"))
        self.flows = self.flows or any(_follows(name, values, self.only) for name, values in declared.items())
        for name, values in declared.items():
            if self.only is None or name.casefold() == self.only.casefold():
                self._add_job(Table(top.source, ("jobs",), declared), name, values, around, block)

    def _read(self, path: Path, only: str | None = None) -> Source | None:
        try:
            text = read_text(path, self.root)
            return parse_source(path, self.root, text) if only is None or bears_on(text, only) else None
        except ProjectInvalid as error:
            for problem in error.problems:
                self.notes.add(problem)
            return None

    def _check_top(self, source: Source, known: tuple[str, ...], elsewhere: Mapping[str, str]) -> None:
        reader = Reader([], self.notes, self.secrets)
        reader.known_keys(Table(source, (), source.data), known, hint=elsewhere.get)

    def _check_defaults(self, file: File) -> Problem | None:
        """Note what is wrong with `[defaults]`; the problem when there is something else of that name."""
        table = file.top.child("defaults")
        if table is not None:
            check_defaults(table, self.notes, self.secrets, DEFAULTS, self._calendars)
        elif "defaults" in file.top.values:
            own = self.notes.beside()
            Reader([file.top], own, self.secrets).refuse(file.top, "defaults", "write a table")
            self.notes.take(own)
            return own.first_error
        return None

    def _check_tag(self, table: Table, notes: Notes) -> None:
        check_defaults(table, notes, self.secrets, TAG, self._calendars)

    def _add_job(self, jobs: Table, name: str, values: object, around: Surroundings, block: Problem | None) -> None:
        unsafe = name_problem(name)
        if unsafe:
            self.notes.at(jobs, [name], unsafe, on_key=True)
            return
        if not isinstance(values, dict):
            self.notes.at(jobs, [name], f"found a value; write a table: [jobs.{name}]")
            return
        table = Table(jobs.source, (*jobs.path, name), values)
        declared = read_job(table, around)
        job, block = declared.job, block or self._project_block
        holder = self._holders.setdefault(name.casefold(), job)
        if holder is not job:
            problem = refuse_twice(self.root, holder, job, table, self.notes)
            self.jobs[holder.name] = replace(self.jobs[holder.name], problem=str(problem))
            return
        self.notes.take(declared.notes)
        self.jobs[name] = replace(job, problem=str(block)) if block and not job.problem else job
        self.declared[name] = declared

    def _check_names(self) -> None:
        """What only all jobs together show."""
        for problem in dict.fromkeys(self.registry.broken.values()):
            self.notes.add(problem)
        check_tags_used(self._tags, self.jobs, self.notes)
        if self._project:
            check_queues_used(self._project.top, self._queues, self.jobs, self.notes)
            check_limits_used(self._project.top, self._limits, self.jobs, self.notes)
            check_webhooks(self._project.top, self._webhooks, self.jobs, self.registry, self.notes)
        for name, replaced in check_replaced(self.declared, self.notes).items():
            self.jobs[name] = replace(self.jobs[name], problem=self.jobs[name].problem or str(replaced))
        link(self.declared, self.jobs, self.notes)
        if not self.jobs and not self.notes.first_error:
            self.notes.add(Problem(SCHEDULES, "no file declares a job; write a [jobs.NAME]", severity="warning"))

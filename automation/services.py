"""The one place where a process is wired: from a project's folder to all that it works with.

Owns: building each part once, late, and closing it.
Never: holds anything at module level.
"""

from __future__ import annotations

import logging
import socket
import tempfile
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from automation.clock import Clock, SystemClock
from automation.database import database_url, make_engine
from automation.errors import InvalidInput, UnknownName
from automation.events import Bus
from automation.ledger.ledger import Ledger
from automation.ledger.schema import open_engine, require_current, upgrade
from automation.project.digests import Digest, load_digests
from automation.project.load import load_databases, load_project
from automation.project.mail_servers import MailServers
from automation.project.model import Job, Project, Queue
from automation.project.queues import load_queues
from automation.registry import Registry, load_registry, shipped_folder
from automation.secrets import Redactor, resolve
from automation.settings import Settings, environment, read_settings, with_dotenv
from automation.text import nearest

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from automation.limits.hosts import Hosts
    from automation.mail.server import MailServer
    from automation.mail.settings import SmtpSettings
    from automation.net.client import Client
    from automation.rendering import Templates

DATA_DATABASE = "data"


class Services:
    """What one process works with.

    Parameters
    ----------
    environ: what `${env:…}` names: the environment over the project's `.env`.
    forks: the process forks in its one thread: no child inherits a connection.
    """

    def __init__(self, settings: Settings, environ: Mapping[str, str], clock: Clock, *, forks: bool = False) -> None:
        self.settings, self.environ, self.clock = settings, environ, clock
        self.redactor = Redactor()
        for secret in (settings.secret_key, settings.broker_url, settings.redis_url, settings.database_url):
            if secret and (secret == settings.secret_key or "@" in secret):
                self.redactor.learn(secret)
        if settings.smtp_url:
            self.redactor.learn(settings.smtp_url)
        self.bus = Bus()
        self._forks = forks
        self._engines: dict[tuple[str, bool], Engine] = {}

    @cached_property
    def registry(self) -> Registry:
        """The plugins."""
        return load_registry(self.settings.project)

    @cached_property
    def project(self) -> Project:
        """What the project declares, as it was at the first look."""
        return self.read_project()

    def job(self, name: str) -> Job:
        """The job of this name, read alone where the project was not read yet. Raises UnknownName."""
        read: Project | None = self.__dict__.get("project")
        return (read or self.read_project(only=name)).job(name)

    def read_project(self, *, only: str | None = None) -> Project:
        """What the project declares now; with `only`, and where there is such a job, that one alone."""
        return load_project(self.settings.project, self.registry, self.environ, only=only)

    @cached_property
    def ledger(self) -> Ledger:
        """The ledger, its schema checked. Raises LedgerUnavailable."""
        ledger = self.ledger_unchecked
        require_current(ledger.engine)
        return ledger

    @cached_property
    def ledger_unchecked(self) -> Ledger:
        """The ledger as it is, for those who upgrade or examine it."""
        return Ledger(open_engine(self.settings.database_url, forks=self._forks), self.clock)

    def upgraded_ledger(self) -> Ledger:
        """The ledger, made or upgraded first: for `run --here`, which needs nothing else. Raises LedgerUnavailable."""
        upgrade(self.ledger_unchecked.engine)
        return self.ledger

    @cached_property
    def templates(self) -> Templates:
        """The project's templates over the shipped ones."""
        from automation.rendering import Templates

        return Templates([self.settings.project / "templates", shipped_folder("templates")])

    @cached_property
    def database_urls(self) -> Mapping[str, str]:
        """The databases of automation.toml by name, references unresolved."""
        return load_databases(self.settings.project)

    @cached_property
    def queues(self) -> Mapping[str, Queue]:
        """What automation.toml says of queues, by name; most have nothing."""
        return load_queues(self.settings.project)

    def database(self, name: str | None, read_only: bool = False) -> Engine:
        """The engine of a named database or of an SQLAlchemy URL; None is `data.db` in the data folder.

        Raises UnknownName for a name that automation.toml does not have, SecretMissing, InvalidInput.
        """
        url = self._database_url(name)
        key = (url, read_only)
        if key not in self._engines:
            parsed = database_url(url, self.settings.project)
            self._engines[key] = make_engine(parsed, forks=self._forks, read_only=read_only)
        return self._engines[key]

    def _database_url(self, name: str | None) -> str:
        if name is None or (name == DATA_DATABASE and name not in self.database_urls):
            self.settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
            return f"sqlite:///{self.settings.data / 'data.db'}"
        if "://" not in name:
            if name not in self.database_urls:
                hint = f'; declare it in automation.toml: [databases.{name}] url = "…"'
                raise UnknownName("database", name, nearest(name, [*self.database_urls, DATA_DATABASE]), hint)
            name = self.database_urls[name]
        return str(resolve(name, self.environ, self.redactor, self.settings.project))

    @cached_property
    def mail(self) -> MailServers:
        """The mail servers by name: that of AUTOMATION_SMTP_URL, and those of automation.toml."""
        return MailServers(self.settings, self.environ, self.redactor, self.clock)

    @cached_property
    def digests(self) -> Mapping[str, Digest]:
        """Those of automation.toml, by name."""
        return load_digests(self.settings.project)

    def mail_server(self, name: str = "default") -> MailServer | None:
        """The server, or None where its mails are captured. Raises UnknownName, SettingsInvalid, SecretMissing."""
        return self.mail.find(name)

    @property
    def smtp(self) -> SmtpSettings:
        """The default mail server. Raises InvalidInput when there is none, or it cannot be used."""
        server = self.mail_server()
        if server is None:
            raise InvalidInput(
                "AUTOMATION_SMTP_URL is not set; write smtp://user:password@host:587?from=you@example.com"
            )
        return server.smtp

    def mail_sender(self, server: str = "default") -> str:
        """Who a mail without `from` comes from, through this server."""
        found = self.mail_server(server)
        return (found.smtp.sender if found else "") or f"automation@{socket.gethostname()}"

    @cached_property
    def hosts(self) -> Hosts:
        """Turns at hosts, shared with every worker of the project: in Redis while it answers, else in the ledger."""
        from automation.broker.endpoints import endpoints
        from automation.ledger.hosts import LedgerHosts
        from automation.limits.shared_hosts import SharedHosts

        def in_redis() -> Hosts:
            from automation.limits.redis_hosts import RedisHosts

            return RedisHosts(endpoints(self.settings).redis_url, self.settings.key_prefix)

        # An embedded broker runs only while `up` does; that `run --here` does without it is no news.
        told = logging.DEBUG if self.settings.embedded_broker else logging.INFO
        return SharedHosts(in_redis, lambda: LedgerHosts(self.ledger.engine, self.clock), self.clock, told=told)

    def http_client(self) -> Client:
        """A client for one attempt; whoever asked closes it."""
        from automation.net.client import Client

        return Client(clock=self.clock, proxy=self.settings.http_proxy)

    def workdir(self) -> tempfile.TemporaryDirectory[str]:
        """A folder for one attempt, in the data folder, so that finished files move without a copy."""
        folder = self.settings.data / "work"
        folder.mkdir(parents=True, exist_ok=True)
        return tempfile.TemporaryDirectory(dir=folder, ignore_cleanup_errors=True)

    def close(self) -> None:
        """Give back every connection."""
        for engine in self._engines.values():
            engine.dispose()
        self._engines.clear()
        if "ledger_unchecked" in self.__dict__:
            self.ledger_unchecked.close()


def build_services(
    root: Path, *, clock: Clock | None = None, environ: Mapping[str, str] | None = None, forks: bool = False
) -> Services:
    """The services for the project in this folder. Raises SettingsInvalid."""
    environ = environment() if environ is None else environ
    settings = read_settings(root, environ)
    return Services(settings, with_dotenv(root, environ), clock or SystemClock(), forks=forks)

"""A real mail server for tests: Debian's exim4 on loopback, with a folder, a user and a port of its own."""

from __future__ import annotations

import email
import email.policy
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

CONFIGURATION = """
primary_hostname = localhost
spool_directory = {folder}/spool
log_file_path = {folder}/log/%slog
pid_file_path = {folder}/exim.pid
exim_user = {user}
exim_group = {group}
deliver_drop_privilege = true
keep_environment =
local_interfaces = 127.0.0.1
daemon_smtp_ports = {port}
rfc1413_query_timeout = 0s
host_lookup =
tls_advertise_hosts =
smtputf8_advertise_hosts = *
queue_only = true
acl_smtp_rcpt = accept
acl_smtp_data = accept
begin routers
all:
  driver = accept
  transport = box
begin transports
box:
  driver = appendfile
  directory = {folder}/mail/${{lookup{{$local_part@$domain}}dsearch,filter=dir{{{folder}/mail}}}}
  maildir_format
"""


class Exim:
    """A server that takes mail, and puts it into one folder for each address when it is told to.

    Parameters
    ----------
    addresses: who has a mailbox.
    """

    def __init__(self, program: str, addresses: Iterable[str]) -> None:
        self._program = program
        self.folder = Path(tempfile.mkdtemp(prefix="exim-"))
        # Run by root it works as Debian's own user for it; by anybody else as they are.
        self._who: dict[str, Any] = {}
        user = group = str(os.getuid())
        if os.getuid() == 0:
            user = group = "Debian-exim"
            self._who = {"user": user, "group": group, "extra_groups": []}
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        for name in ("spool", "log", *(f"mail/{address}" for address in addresses)):
            (self.folder / name).mkdir(parents=True)
        text = CONFIGURATION.format(folder=self.folder, user=user, group=group, port=self.port)
        (self.folder / "conf").write_text(text)
        if self._who:
            for path in (self.folder, *self.folder.rglob("*")):
                shutil.chown(path, user, group)
        self._daemon: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Listen."""
        command = [self._program, "-C", str(self.folder / "conf"), "-bdf"]
        self._daemon = subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL, **self._who)
        until = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                assert time.monotonic() < until, "exim4 does not listen"
                time.sleep(0.05)
            else:
                return

    def kill(self) -> None:
        """End it and all its sessions by force."""
        if self._daemon is not None:
            os.killpg(self._daemon.pid, signal.SIGKILL)
            self._daemon.wait()
            self._daemon = None

    @property
    def taken(self) -> int:
        """How many mails lie in the queue, whole."""
        return len(list((self.folder / "spool" / "input").rglob("*-H")))

    def flush(self) -> None:
        """Deliver what was taken."""
        command = [self._program, "-C", str(self.folder / "conf"), "-qff"]
        subprocess.run(command, check=True, capture_output=True, timeout=120, **self._who)

    def mailbox(self, address: str) -> list[Any]:
        """The mails of an address."""
        files = sorted((self.folder / "mail" / address / "new").glob("*"))
        return [email.message_from_bytes(path.read_bytes(), policy=email.policy.default) for path in files]

    def close(self) -> None:
        """End it, and remove all that it has."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

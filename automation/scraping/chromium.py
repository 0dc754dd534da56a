"""The system's Chromium, spoken to over a pipe (its DevTools protocol), with no way to the network of its own.

Its proxy is an address where nobody answers, so that what this process does not fetch for it is fetched by nobody: page,
script, frame, worker, socket. The pipe is its life: when this process dies, it ends.

Owns: finding and starting the browser, its messages, its end.
Never: fetches anything; knows what a page is for.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from typing import Any

from automation.errors import FailureClass, JobFailed

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_FLAGS = (
    "--headless=new", "--remote-debugging-pipe", "--disable-gpu", "--no-first-run", "--no-default-browser-check",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
    "--disable-dev-shm-usage", "--disable-quic", "--disable-default-apps", "--disable-breakpad", "--mute-audio",
    "--metrics-recording-only", "--no-pings", "--hide-scrollbars", "--disable-features=IsolateOrigins,site-per-process",
    "--proxy-server=http://127.0.0.1:9", "--proxy-bypass-list=<-loopback>", "--host-resolver-rules=MAP * ~NOTFOUND",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
)  # fmt: skip
#: The browser reads from descriptor 3 and writes to 4; nobody else can put them there.
_START = (
    "import os,sys;r,w=os.dup(int(sys.argv[1])),os.dup(int(sys.argv[2]));os.dup2(r,3);os.dup2(w,4);"
    "os.set_inheritable(3,True);os.set_inheritable(4,True);"
    "os.execv(sys.argv[3],sys.argv[3:])"
)
_LARGEST = 64_000_000
_PATIENCE = 30.0
Event = Callable[[str, dict[str, Any], str | None], None]


def find_chromium() -> str:
    """The browser's path. Raises JobFailed (CONFIG) where there is none."""
    for name in _NAMES:
        if found := shutil.which(name):
            return found
    raise JobFailed(
        "render needs Chromium, and this machine has none on its PATH; install it (Debian: apt install chromium)",
        FailureClass.CONFIG,
        code="render",
    )


class Chromium(asyncio.Protocol):
    """One browser; `tell` is called with each event: method, parameters, session."""

    def __init__(self, tell: Event) -> None:
        self._tell = tell
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._number = 0
        self._buffer = bytearray()
        self._process: subprocess.Popen[bytes] | None = None
        self._writer: asyncio.WriteTransport | None = None
        self._reader: asyncio.ReadTransport | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    async def start(self) -> None:
        """Start it. Raises JobFailed where it cannot be."""
        program = find_chromium()
        self._folder = tempfile.TemporaryDirectory(prefix="automation-chromium-", ignore_cleanup_errors=True)
        its_read, our_write = os.pipe()
        our_read, its_write = os.pipe()
        flags = [*_FLAGS, f"--user-data-dir={self._folder.name}", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
        command = [
            sys.executable,
            "-I",
            "-S",
            "-c",
            _START,
            str(its_read),
            str(its_write),
            program,
            *flags,
            "about:blank",
        ]
        try:
            self._process = subprocess.Popen(  # noqa: S603, ASYNC220 - a program of this machine; starting it does not wait
                command, pass_fds=(its_read, its_write), start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
        finally:
            os.close(its_read)
            os.close(its_write)
        loop = asyncio.get_running_loop()
        self._reader, _ = await loop.connect_read_pipe(lambda: self, os.fdopen(our_read, "rb", 0))
        self._writer, _ = await loop.connect_write_pipe(asyncio.Protocol, os.fdopen(our_write, "wb", 0))
        await self.ask("Browser.getVersion")

    async def ask(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        """Send a command and wait for its answer. Raises JobFailed when it is refused, or the browser is gone."""
        if self._writer is None or self._writer.is_closing():
            raise _gone(method)
        self._number += 1
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[self._number] = answer
        message = {
            "id": self._number,
            "method": method,
            "params": params,
            **({"sessionId": session} if session else {}),
        }
        self._writer.write(json.dumps(message).encode() + b"\0")
        try:
            async with asyncio.timeout(_PATIENCE):
                return await answer
        except TimeoutError:
            raise _gone(method) from None

    def data_received(self, data: bytes) -> None:
        """A piece of its messages, each ended by a zero."""
        self._buffer += data
        if len(self._buffer) > _LARGEST:
            self.connection_lost(None)
            return
        while (end := self._buffer.find(0)) >= 0:
            message, self._buffer = self._buffer[:end], self._buffer[end + 1 :]
            self._take(json.loads(message))

    def connection_lost(self, _error: Exception | None) -> None:
        """It is gone: nobody waits for it any more."""
        waiting, self._waiting = self._waiting, {}
        for answer in waiting.values():
            if not answer.done():
                answer.set_exception(_gone("its pipe"))
        if self._writer is not None:
            self._writer.close()

    def _take(self, message: dict[str, Any]) -> None:
        if "id" not in message:
            self._tell(message["method"], message.get("params", {}), message.get("sessionId"))
            return
        answer = self._waiting.pop(message["id"], None)
        if answer is None or answer.done():
            return
        if "error" in message:
            answer.set_exception(
                JobFailed(f"Chromium: {message['error'].get('message')}", FailureClass.TRANSPORT, code="render")
            )
        else:
            answer.set_result(message["result"])

    async def close(self) -> None:
        """End it and all of its processes, and wait for that."""
        for transport in (self._writer, self._reader):
            if transport is not None:
                transport.close()
        process = self._process
        if process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            await asyncio.to_thread(process.wait)
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None
        self._process = None


def _gone(what: str) -> JobFailed:
    return JobFailed(f"Chromium does not answer ({what})", FailureClass.TRANSPORT, code="render")

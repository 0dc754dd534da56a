"""A mail server that does to each recipient what it is told: refuses, puts off, or hangs up at any step."""

from __future__ import annotations

import socketserver
import threading
from collections import defaultdict
from email import message_from_bytes
from typing import Any

#: At which command it hangs up without a word; `taken` after it has kept the mail.
STEPS = ("connect", "ehlo", "mail", "rcpt", "data", "text", "taken")


class Tormentor(socketserver.ThreadingTCPServer):
    """Deeds of a recipient are used up one by one; who has none left is served well.

    A deed is a reply for RCPT (`451 later`), one for the end of the text (`text 554 no`), or `drop STEP`. `offers` is
    `pipelining`, or `lax pipelining`: the same, and DATA without a recipient is answered with 354, as RFC 2920 has it.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        self.deeds: dict[str, list[str]] = {}
        self.session_deeds: list[str] = []
        self.kept: dict[str, list[str]] = defaultdict(list)
        self.heard: list[str] = []
        self.offers = ""
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def close(self) -> None:
        self.shutdown()
        self.server_close()
        self._thread.join()


class _Session(socketserver.StreamRequestHandler):
    server: Tormentor

    def handle(self) -> None:
        deed = self.server.session_deeds.pop(0) if self.server.session_deeds else ""
        if deed == "drop connect":
            return
        self._say("220 hi" if not deed or deed.startswith("drop") else deed)
        target, deed_of_mail = "", ""
        while line := self.rfile.readline().decode().strip():
            self.server.heard.append(line)
            word = line.split(" ")[0].split(":")[0].lower()
            if word == "rcpt":
                target = line[line.index("<") + 1 : line.index(">")]
                deed_of_mail = self._deed(target)
            if deed == f"drop {word}" or (deed_of_mail == f"drop {word}" and word in ("rcpt", "data")):
                return
            if word == "data":
                if not self._take(target, deed_of_mail):
                    return
            elif word == "rcpt" and deed_of_mail[:1].isdigit():
                self._say(deed_of_mail)
            else:
                offer = "250-PIPELINING\r\n" if self.server.offers else ""
                self._say({"ehlo": f"250-hi\r\n{offer}250 8BITMIME", "quit": "221 bye"}.get(word, "250 ok"))

    def _take(self, target: str, deed: str) -> bool:
        refused = deed[:1].isdigit()
        if refused and not self.server.offers.startswith("lax"):
            self._say("503 no recipient")
            return True
        self._say("354 go")
        if deed == "drop text":
            return False
        lines: list[bytes] = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line)
        if refused:
            assert not lines, "a text for nobody"
            self._say("554 no recipient")
            return True
        if deed.startswith("text "):
            self._say(deed.removeprefix("text "))
            return True
        self.server.kept[target].append(str(message_from_bytes(b"".join(lines))["Message-ID"]))
        if deed == "drop taken":
            return False
        self._say("250 kept")
        return True

    def _deed(self, target: str) -> str:
        left = self.server.deeds.get(target, [])
        return left.pop(0) if left else ""

    def _say(self, text: Any) -> None:
        self.wfile.write(f"{text}\r\n".encode())

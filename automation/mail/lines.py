"""Several sessions with one mail server, each in a thread of its own, sending from one queue.

Owns: how many are open, what waits to be sent, and what was answered.
Never: decides what follows an answer; sends a message twice.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from threading import Condition, Lock, Thread
from typing import Generic, Self, TypeVar

from automation.mail.server import MailServer
from automation.mail.wire import Answer, Smtp

Tag = TypeVar("Tag")


@dataclass(frozen=True)
class Piece(Generic[Tag]):
    """A message to one recipient; `tag` comes back with its answer."""

    tag: Tag
    sender: str
    recipient: str
    message: bytes


class Lines(Generic[Tag]):
    """Open sessions.

    Parameters
    ----------
    wanted: so many at most; the server's own limit counts too.
    make: makes a session, not yet open.
    stopping: asked before each message; when it says yes, none is begun any more.
    begins: asked in the session's thread just before the text goes; what it says is why it may not go.
    answered: told there of each answer, before anybody else.
    """

    def __init__(
        self,
        server: MailServer,
        wanted: int,
        make: Callable[[MailServer], Smtp],
        stopping: Callable[[], bool],
        begins: Callable[[Tag], str],
        answered: Callable[[Tag, Answer], None],
    ) -> None:
        self._server, self._stopping, self._begins, self._answered = server, stopping, begins, answered
        self._sessions = [make(server) for _ in range(max(1, min(wanted, server.connections)))]
        self._threads = [Thread(target=self._work, args=(one,), daemon=True, name="mail") for one in self._sessions]
        lock = Lock()
        self._work_waits, self._changed = Condition(lock), Condition(lock)
        self._few = 0
        self._queue: deque[Piece[Tag]] = deque()
        self._answers: list[tuple[Tag, Answer]] = []
        self._at_work = 0
        self._ended = self._troubled = False
        self._error: BaseException | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._ended = True
            self._work_waits.notify_all()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()
        for session in self._sessions:
            session.__exit__()

    def open(self) -> Answer | None:
        """Open the first session, and begin to open the others; why there is none, or None."""
        problem = self._sessions[0].connect()
        if problem is None:
            for thread in self._threads:
                thread.start()
        return problem

    @property
    def size(self) -> int:
        """How many sessions there are to be."""
        return len(self._sessions)

    @property
    def waiting(self) -> int:
        """How many messages nobody has begun."""
        return len(self._queue)

    @property
    def halted(self) -> bool:
        """Whether none of them is begun any more."""
        return self._ended or self._troubled

    @property
    def busy(self) -> bool:
        """Whether an answer is still to come, or to be fetched."""
        with self._changed:
            return bool(self._queue or self._at_work or self._answers)

    def send(self, piece: Piece[Tag]) -> None:
        """Queue a message; `answers` gives its end."""
        with self._changed:
            self._queue.append(piece)
            self._work_waits.notify()

    def recall(self) -> list[Tag]:
        """Take back what nobody has begun."""
        with self._changed:
            found = [piece.tag for piece in self._queue]
            self._queue.clear()
        return found

    def answers(self, seconds: float, few: int) -> list[tuple[Tag, Answer]]:
        """What was answered since the last call.

        Waits until no more than `few` messages wait for their turn, or with `few` below zero for the last answer; so long
        at most, and no longer once nothing more is begun.
        """
        with self._changed:
            self._few = few
            self._changed.wait_for(self._is_time, seconds)
            if self._error is not None:
                raise self._error
            found, self._answers = self._answers, []
        return found

    def _is_time(self) -> bool:
        idle = not (self._queue or self._at_work)
        done = self.halted and not self._at_work
        return idle or done or self._error is not None or len(self._queue) <= self._few

    def _work(self, session: Smtp) -> None:
        """One session's thread. A server that takes fewer sessions than we asked for is no failure."""
        if session.connect() is not None:
            return
        while (piece := self._next()) is not None:
            try:
                answer = self._say(session, piece)
                self._answered(piece.tag, answer)
            except BaseException as error:
                with self._changed:
                    self._error = error
                    self._changed.notify()
                return
            with self._changed:
                self._at_work -= 1
                self._answers.append((piece.tag, answer))
                if answer.of_server:
                    self._troubled = True
                    self._work_waits.notify_all()
                # Whoever waits for many answers is not woken for each.
                if self._is_time():
                    self._changed.notify()

    def _next(self) -> Piece[Tag] | None:
        with self._changed:
            self._work_waits.wait_for(lambda: self._queue or self.halted)
            if not self.halted and self._stopping():
                self._ended = True
                self._changed.notify()
            if self.halted:
                return None
            self._at_work += 1
            return self._queue.popleft()

    def _say(self, session: Smtp, piece: Piece[Tag]) -> Answer:
        try:
            signed = self._server.signed(piece.message)
        except ValueError as error:
            return Answer("temporary", None, str(error), of_server=True)
        return session.send(piece.sender, piece.recipient, signed, lambda: self._begins(piece.tag))

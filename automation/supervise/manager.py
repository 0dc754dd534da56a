"""The supervisor: one loop that starts, reads, restarts and stops processes.

Owns: the order of starts, readiness, restarts, the stop within its grace, the exit code.
Never: knows what runs; starts a thread (a child dies with the thread that forked it).
"""

from __future__ import annotations

import selectors
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from automation.clock import Clock
from automation.supervise.printer import Printer
from automation.supervise.process import Order, Process, Spec, ending
from automation.supervise.renewal import Renewal, Watch
from automation.supervise.restart import Pace, is_hopeless, timetable
from automation.supervise.signals import Signals
from automation.supervise.tether import Tether
from automation.text import format_duration

SYSTEM = "up"
_TURN = 0.5
_PROBE = 0.05
_SLOW = 15.0
_KILLED = 1.0


@dataclass(eq=False)
class _Slot:
    """What the supervisor knows of one process over all its starts."""

    spec: Spec
    process: Process | None = None
    started_at: float = 0.0
    starts_at: float | None = None
    in_a_row: int = 0
    ready: bool = False
    ever_ran: bool = False
    code: int | None = None
    renewing: bool = False
    kill_at: float | None = None


class Supervisor:
    """Runs processes until it is told to stop.

    Parameters
    ----------
    specs: what runs; one of order RELEASE runs first, once, and must end with 0.
    grace: seconds from a signal until nothing is left.
    ready: called once, when all have been started.
    watch: asked what has to begin anew while everything runs.
    hang_up_ends: whether SIGHUP asks for the end, and not for a look by the watch.
    """

    def __init__(
        self,
        specs: Sequence[Spec],
        clock: Clock,
        printer: Printer,
        *,
        grace: float = 5.0,
        pace: Pace | None = None,
        ready: Callable[[], None] = lambda: None,
        watch: Watch | None = None,
        hang_up_ends: bool = True,
    ) -> None:
        self._slots = [_Slot(spec) for spec in sorted(specs, key=lambda spec: spec.order)]
        self._clock, self._printer, self._grace, self._pace = clock, printer, grace, pace or Pace()
        self._announce, self._watch = ready, watch
        self._signals = Signals(hang_up_ends=hang_up_ends or watch is None)
        self._selector = selectors.DefaultSelector()
        self._stop_code: int | None = None
        self._asked = 0

    def run(self) -> int:
        """Start everything in order, keep it running, stop it in reverse; returns the exit code.

        0 after a signal, the release's code if that failed, 2 or 3 if a process said so before it ever ran.
        Call it in the main thread. Raises InvalidInput before anything starts if a program is missing.
        """
        for slot in self._slots:
            slot.spec.program()
        with self._signals, Tether() as self._tether, self._selector:
            self._selector.register(self._signals, selectors.EVENT_READ)
            try:
                self._release()
                self._start()
                while self._stop_code is None:
                    self._turn(_TURN)
                    self._look()
            finally:
                self._stop()
        return self._stop_code or 0

    def _say(self, sentence: str) -> None:
        self._printer.line(SYSTEM, sentence)

    def _release(self) -> None:
        """Run what runs once; without its success nothing else starts."""
        for slot in self._of(Order.RELEASE):
            self._spawn(slot)
            while slot.code is None and self._stop_code is None:
                self._turn(_TURN)
            if slot.code and self._stop_code is None:
                self._say(f"{slot.spec.title} {ending(slot.code)}; nothing else was started")
                self._stop_code = slot.code if slot.code > 0 else 1
            self._slots.remove(slot)

    def _look(self) -> None:
        """Let begin anew what the watch says is old."""
        asked, self._signals.look = self._signals.look, False
        renewal = self._watch.look(asked=asked) if self._watch and self._stop_code is None else None
        if renewal is None or (renewal.first and not self._succeeds(renewal)):
            return
        slots = [slot for slot in self._slots if slot.spec.name in renewal.specs]
        names = ", ".join(slot.spec.title for slot in slots)
        self._say(renewal.why + (f"; {names} begin{'s' * (len(slots) == 1)} anew" if slots else ""))
        for slot in slots:
            self._renew(slot, renewal.specs[slot.spec.name])
        if self._watch and slots:
            self._watch.took()

    def _succeeds(self, renewal: Renewal) -> bool:
        """Run what stands before a renewal, while everything else goes on."""
        assert renewal.first is not None
        slot = _Slot(renewal.first)
        self._slots.append(slot)
        self._spawn(slot)
        while slot.code is None and self._stop_code is None:
            self._turn(_TURN)
        if self._stop_code is not None:  # the stop ends it with the others
            return False
        self._slots.remove(slot)
        if slot.code:
            self._say(f"{renewal.why}; {slot.spec.title} {ending(slot.code)}, so everything runs on as it is")
        return not slot.code

    def _renew(self, slot: _Slot, spec: Spec) -> None:
        slot.spec = spec
        now = self._clock.monotonic()
        if slot.process is None:
            slot.starts_at = now
            return
        # It ran: if it cannot start again, that is no reason to stop everything.
        slot.renewing, slot.ever_ran, slot.kill_at = True, True, now + self._grace
        slot.process.terminate()

    def _start(self) -> None:
        """Start those of one order after the other; the next ones wait until these are ready."""
        for order in Order:
            for slot in self._of(order):
                if self._stop_code is None:
                    self._spawn(slot)
            self._await_ready(self._of(order))
        if self._stop_code is None:
            self._announce()

    def _await_ready(self, slots: list[_Slot]) -> None:
        patience = self._clock.monotonic() + _SLOW
        while self._stop_code is None and not all(map(self._is_ready, slots)):
            self._turn(_PROBE)
            if self._clock.monotonic() >= patience:
                names = ", ".join(slot.spec.title for slot in slots if not slot.ready)
                self._say(f"{names} is not ready after {format_duration(_SLOW)}; the others wait for it")
                patience = float("inf")

    def _is_ready(self, slot: _Slot) -> bool:
        if not slot.ready and slot.process is not None and (slot.spec.ready is None or slot.spec.ready()):
            slot.ready = True
            slot.ever_ran = slot.spec.ready is not None
        return slot.ready

    def _of(self, order: Order) -> list[_Slot]:
        return [slot for slot in self._slots if slot.spec.order == order]

    def _spawn(self, slot: _Slot) -> None:
        slot.starts_at, slot.started_at = None, self._clock.monotonic()
        try:
            slot.process = Process(slot.spec, self._tether)
        except OSError as error:
            self._say(f"{slot.spec.title} cannot be started: {error.strerror}")
            return self._later(slot)
        self._selector.register(slot.process.output, selectors.EVENT_READ, slot)
        return None

    def _turn(self, longest: float) -> None:
        """Wait for output, an end or a signal, at most so many seconds; then do what has become due."""
        now = self._clock.monotonic()
        due = [slot.starts_at - now for slot in self._slots if slot.starts_at is not None]
        for key, _ in self._selector.select(max(0.0, min([longest, *due]))):
            if isinstance(key.data, _Slot):
                self._read(key.data)
        asked = self._signals.taken() + (self._printer.broken and not self._asked)
        self._asked += asked
        if asked and self._stop_code is None:
            self._stop_code = 0
        for slot in list(self._slots):
            self._reap(slot)
            if slot.kill_at is not None and slot.process and self._clock.monotonic() >= slot.kill_at:
                self._end(slot)
            if self._stop_code is None and slot.starts_at is not None and self._clock.monotonic() >= slot.starts_at:
                self._spawn(slot)

    def _read(self, slot: _Slot) -> None:
        if slot.process is None:
            return
        for line in slot.process.lines():
            self._printer.line(slot.spec.title, line)
        if slot.process.silent:
            self._selector.unregister(slot.process.output)

    def _reap(self, slot: _Slot) -> None:
        """Note an end: print what is left to say, and decide whether it starts again."""
        code = None if slot.process is None else slot.process.poll()
        if slot.process is None or code is None:
            return
        for line in slot.process.last_lines():
            self._printer.line(slot.spec.title, line)
        if slot.process.output in self._selector.get_map():
            self._selector.unregister(slot.process.output)
        slot.process.output.close()
        slot.process, slot.code = None, code
        renewing, slot.renewing, slot.kill_at = slot.renewing, False, None
        if self._stop_code is not None or slot.spec.order is Order.RELEASE:
            return
        if renewing:
            slot.in_a_row = 0
            self._spawn(slot)
        else:
            self._again(slot, code)

    def _again(self, slot: _Slot, code: int) -> None:
        lived = self._clock.monotonic() - slot.started_at
        if lived >= self._pace.steady:
            slot.ever_ran, slot.in_a_row = True, 0
        if is_hopeless(code, ever_ran=slot.ever_ran):
            self._say(f"{slot.spec.title} {ending(code)} before it ran; everything stops")
            self._stop_code = code
            return
        self._later(slot, f"{slot.spec.title} {ending(code)}; ")

    def _later(self, slot: _Slot, why: str = "") -> None:
        slot.in_a_row += 1
        delay = self._pace.delay(slot.in_a_row)
        slot.starts_at = self._clock.monotonic() + delay
        self._say(f"{why}it starts again in {format_duration(delay)}")

    def _stop(self) -> None:
        """Stop in reverse order, each order with its time; a second request kills at once."""
        begin, times = self._clock.monotonic(), timetable(self._grace)
        if self._stop_code is None:  # an error is on its way up
            self._stop_code = 1
        if any(slot.process for slot in self._slots):
            self._say("stopping")
        for order in sorted(Order, reverse=True):
            for slot in self._of(order):
                if slot.process is not None:
                    slot.process.terminate()
            self._gone_by(lambda order=order: self._running(order), begin + times[order])  # type: ignore[misc]
            if order <= Order.WORKER:
                self._kill(order)

    def _running(self, least: Order) -> list[_Slot]:
        return [slot for slot in self._slots if slot.process is not None and slot.spec.order >= least]

    def _gone_by(self, left: Callable[[], list[_Slot]], deadline: float) -> None:
        while left() and self._asked < 2 and self._clock.monotonic() < deadline:
            self._turn(min(_TURN, max(0.0, deadline - self._clock.monotonic())))

    def _kill(self, least: Order) -> None:
        """End those of this order and above that did not go in time."""
        for slot in self._running(least):
            self._end(slot)
        deadline = self._clock.monotonic() + _KILLED
        while self._running(least) and self._clock.monotonic() < deadline:
            self._turn(_PROBE)

    def _end(self, slot: _Slot) -> None:
        """Kill what had its time to go."""
        assert slot.process is not None
        self._say(f"{slot.spec.title} did not stop in time and is killed")
        slot.kill_at = None
        slot.process.kill()

"""Ends a workflow file for a time limit or a request, while the head waits for it."""

from __future__ import annotations

import signal
import threading
import time
from typing import TYPE_CHECKING

from scalable_cli.engine.control import LOOK_EVERY_S, stop_request
from scalable_cli.engine.limits import Guard, Limits, Spent

if TYPE_CHECKING:
    from scalable_cli.engine.limits import Halt
    from scalable_cli.engine.rundir import RunDirectory


class Watchdog:
    """Interrupts the main thread, as Ctrl-C would, when a run must end; `halt` says why.

    A workflow's own steps cannot be held back, so it is interrupted whatever the mode.
    `started` is monotonic. Without a main thread that takes signals it does nothing.
    """

    def __init__(self, run: RunDirectory, limits: Limits, started: float) -> None:
        self.halt: Halt | None = None
        self._run, self._started = run, started
        self._guard = Guard(Limits(duration_s=limits.duration_s))
        self._done = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def __enter__(self) -> Watchdog:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        with self._lock:
            self._done.set()

    def _watch(self) -> None:
        while not self._done.wait(LOOK_EVERY_S):
            elapsed = time.monotonic() - self._started
            limit, _ = self._guard.check(Spent(None, elapsed, 0))
            halt = stop_request(self._run) or limit
            if halt is not None:
                self._interrupt(halt)
                return

    def _interrupt(self, halt: Halt) -> None:
        main = threading.main_thread().ident
        number = next(
            (n for n in (signal.SIGTERM, signal.SIGINT) if callable(signal.getsignal(n))), None
        )
        with self._lock:
            if number is None or main is None or self._done.is_set():
                return
            self.halt = halt
            signal.pthread_kill(main, number)

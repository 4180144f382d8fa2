"""How a run goes on: live lines on a terminal, plain lines elsewhere."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TextIO

from scalable_cli.model.units import show_duration
from scalable_cli.ui.columns import clip, count_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from scalable_cli.model.run import TaskProgress
    from scalable_cli.ui.terminal import Look

LIVE_EVERY_S = 0.1
PLAIN_EVERY_S = 10.0
TICK_S = 1.0
_BAR = 20
_MOST_LINES = 12
_ENOUGH = 3  # steps that must have ended before a time is guessed


@dataclass
class Progress:
    """Writes to `stream`; on a terminal (`live`) it owns the lines below the cursor.

    The counters are asked for only when something is drawn. Between events of a slow run a
    thread moves the clock on, which began `ago_s` before the first update.
    """

    stream: TextIO
    look: Look
    live: bool
    now: Callable[[], float] = time.monotonic
    ago_s: float = 0.0
    _drawn: int = 0
    _told: set[str] = field(default_factory=set)
    _next: float = 0.0
    _started: float | None = None
    _before: int = 0
    _tasks: Sequence[TaskProgress] = ()
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _closed: threading.Event = field(default_factory=threading.Event)

    def update(self, tasks: Callable[[], Sequence[TaskProgress]]) -> None:
        """Draw, unless that was done a moment ago."""
        now = self.now()
        if self._started is None:
            self._start(tasks(), now)
        if now < self._next:
            return
        with self._lock:
            self._tasks = tasks()
            self._show(now)
            # Counting the steps of a large run takes a while; drawing stays a small part of it.
            took = self.now() - now
            self._next = now + max(LIVE_EVERY_S if self.live else PLAIN_EVERY_S, 20 * took)

    def say(self, text: str) -> None:
        """Write a line that stays, above what is live."""
        with self._lock:
            self._erase()
            self._write(f"{text}\n")

    def close(self, tasks: Sequence[TaskProgress]) -> None:
        """Draw for the last time and leave it on the screen; once is enough."""
        if self._closed.is_set():
            return
        self._closed.set()
        with self._lock:
            if self.live:
                self._draw(list(_lines(tasks, self.look)))
            else:
                self._tell_ended(tasks)
            self._drawn = 0

    def _start(self, tasks: Sequence[TaskProgress], now: float) -> None:
        self._started, self._tasks = now, tasks
        self._next = now if self.live else now + PLAIN_EVERY_S
        self._before = sum(task.ended for task in tasks)
        if self.live:
            threading.Thread(target=self._tick, name="progress", daemon=True).start()

    def _tick(self) -> None:
        while not self._closed.wait(TICK_S):
            with self._lock:
                if not self._closed.is_set():
                    self._show(self.now())

    def _show(self, now: float) -> None:
        if self.live:
            self._draw([*_lines(self._tasks, self.look), self._left(now)])
        else:
            self._tell_ended(self._tasks)
            self._write(f"{_sum(self._tasks)}, {self._left(now).strip()}\n")

    def _tell_ended(self, tasks: Sequence[TaskProgress]) -> None:
        for task in tasks:
            if task.steps and task.ended == task.steps and task.task not in self._told:
                self._told.add(task.task)
                self._write(f"{task.task}: {_counts(task)}\n")

    def _left(self, now: float) -> str:
        """How long it has taken, and how long it may still take at this pace."""
        elapsed = now - (now if self._started is None else self._started)
        ended = sum(task.ended for task in self._tasks)
        rest = sum(task.steps for task in self._tasks) - ended
        since = ended - self._before
        text = f"  {show_duration(int(elapsed + self.ago_s))}"
        if rest and since >= _ENOUGH and elapsed >= 1:
            text += f", about {show_duration(max(1, round(elapsed * rest / since)))} left"
        return text

    def _draw(self, lines: Sequence[str]) -> None:
        up = f"\x1b[{self._drawn}A\x1b[J" if self._drawn else ""
        self._write(up + "".join(f"{line}\n" for line in lines))
        self._drawn = len(lines)

    def _erase(self) -> None:
        if self._drawn:
            self._write(f"\x1b[{self._drawn}A\x1b[J")
            self._drawn = 0

    def _write(self, text: str) -> None:
        self.stream.write(text)
        self.stream.flush()


def _lines(tasks: Sequence[TaskProgress], look: Look) -> Iterator[str]:
    """One line a task; of many tasks those that are being worked on."""
    shown = list(tasks)
    if len(shown) > _MOST_LINES:
        shown = [task for task in tasks if 0 < task.ended < task.steps or task.running]
        shown = shown[:_MOST_LINES] or list(tasks[-_MOST_LINES:])
    width = max((len(task.task) for task in shown), default=0)
    digits = max((len(f"{task.steps:,}") for task in shown), default=0)
    for task in shown:
        count = f"{task.ended:>{digits},}/{task.steps:<{digits},}"
        head = f"  {task.task:<{width}}  "
        tail = f"  {count}  {_counts(task)}"
        room = (look.columns or 80) - 1
        text = clip(tail, room - len(head) - _BAR)
        yield head + _bar(task, look) + (look.red(text) if task.failed else text)
    if len(shown) < len(tasks):
        yield f"  and {count_of(len(tasks) - len(shown), 'more task')}"


def _bar(task: TaskProgress, look: Look) -> str:
    full = _BAR * task.ended // task.steps if task.steps else 0
    return look.green("#" * full) + look.dim("." * (_BAR - full))


def _counts(task: TaskProgress) -> str:
    numbers = (
        (task.done, "done"),
        (task.cached, "cached"),
        (task.running, "running"),
        (task.retried, "retried"),
        (task.skipped, "skipped"),
        (task.failed, "failed"),
    )
    return ", ".join(f"{number:,} {word}" for number, word in numbers if number) or "waiting"


def _sum(tasks: Sequence[TaskProgress]) -> str:
    ended, steps = sum(task.ended for task in tasks), sum(task.steps for task in tasks)
    failed = sum(task.failed for task in tasks)
    return f"{ended:,} of {count_of(steps, 'step')}" + (f", {failed:,} failed" if failed else "")

"""Trying again what may go well the next time: pauses that grow, and an end."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from scalable_cli.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to go on: pauses double from `first_s` to `most_s` until `total_s` have passed."""

    first_s: float = 0.05
    most_s: float = 15.0
    total_s: float = 600.0


def wait(seconds: float) -> bool:
    """Pause; False, because nobody asks to give up."""
    time.sleep(seconds)
    return False


class Tries:
    """The tries of one operation. `pause` waits, and tells whether to give up.

    Time is monotonic: a clock that jumps neither shortens nor prolongs it.
    """

    def __init__(self, patience: Patience, pause: Callable[[float], bool] = wait) -> None:
        self._patience, self._pause = patience, pause
        self._next_s = patience.first_s
        self._until: float | None = None

    def again(self, error: StorageError) -> None:
        """Wait before the next try; raises `error` when there is none."""
        now = time.monotonic()
        if self._until is None:
            self._until = now + self._patience.total_s
        if error.lasting or now >= self._until:
            raise error
        # Spread by the clock's fraction, so that many workers do not come back together.
        seconds = self._next_s * (0.5 + time.monotonic() % 0.5)
        if self._pause(min(seconds, self._until - now)):
            raise error
        self._next_s = min(2 * self._next_s, self._patience.most_s)


def persist(
    action: Callable[[], T],
    patience: Patience | None = None,
    pause: Callable[[float], bool] = wait,
) -> T:
    """What `action` gives; tried again after a StorageError that may pass."""
    tries = Tries(patience or Patience(), pause)
    while True:
        try:
            return action()
        except StorageError as error:
            tries.again(error)

"""When to try again: exponential backoff with full jitter."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from scalable_cli.store.faults import ExpiredError, TransientError

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

# New credentials that are refused too will not get better.
_EXPIRED_TRIES = 3


@dataclass(frozen=True)
class Backoff:
    """How often, and how long apart at most; both providers advise jitter.

    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """

    tries: int = 8
    first_s: float = 0.2
    most_s: float = 20.0

    def call(self, work: Callable[[], T]) -> T:
        """What `work` returns; a TransientError is tried again, the last one is raised."""
        expired = 0
        for attempt in range(self.tries):
            try:
                return work()
            except TransientError as error:
                expired += isinstance(error, ExpiredError)
                if attempt + 1 == self.tries or expired == _EXPIRED_TRIES:
                    raise
                time.sleep(max(error.after_s, self.pause_s(attempt)))
        raise AssertionError("unreachable")

    def pause_s(self, attempt: int) -> float:
        """How long to wait after the try numbered `attempt`, from 0."""
        longest: float = min(self.most_s, self.first_s * 2**attempt)
        return random.uniform(0.5, 1) * longest  # noqa: S311

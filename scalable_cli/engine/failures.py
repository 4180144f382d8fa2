"""What follows from a failure: another try or the end of the step."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from scalable_cli.model.run import FailureKind

if TYPE_CHECKING:
    from scalable_cli.model.manifest import Retry

MAX_LOSSES = 5
MAX_PAUSE_S = 30.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a step is tried again, and after how many seconds."""

    again: bool
    wait_s: float = 0.0


@dataclass
class Failures:
    """Counts each step's failures by kind.

    A step's own count against its `retries`; a lost worker does not, but `MAX_LOSSES` of
    them end the step, since it may be what kills the workers, and only the first is tried
    again at once; permanent ones end it.
    One that ran out of memory gets more where the task says so.
    """

    spread: random.Random = field(default_factory=random.Random)
    _tries: dict[int, int] = field(default_factory=dict)
    _losses: dict[int, int] = field(default_factory=dict)
    _memory: dict[int, Decimal] = field(default_factory=dict)

    def memory_factor(self, index: int) -> Decimal:
        """How many times its component's memory a step's next attempt gets."""
        return self._memory.get(index, Decimal(1))

    def judge(
        self, index: int, kind: FailureKind, retry: Retry, *, out_of_memory: bool = False
    ) -> Verdict:
        """Count a failure and decide; pauses double and vary by a quarter."""
        if kind is FailureKind.PERMANENT:
            return Verdict(again=False)
        if kind is FailureKind.INFRASTRUCTURE:
            losses = self._losses[index] = self._losses.get(index, 0) + 1
            wait = 0.0 if losses == 1 else min(MAX_PAUSE_S, 0.5 * 2 ** (losses - 2))
            return Verdict(losses <= MAX_LOSSES, wait)
        tries = self._tries[index] = self._tries.get(index, 0) + 1
        if out_of_memory:
            self._memory[index] = self._memory.get(index, Decimal(1)) * retry.memory_factor
        wait = retry.backoff_s * 2 ** (tries - 1) * self.spread.uniform(0.75, 1.25)
        return Verdict(tries <= retry.retries, wait)

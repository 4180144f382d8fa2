"""How many steps to send, and how many of them in one Dask task."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scalable_cli.launchers.local import Shape

# Steps shorter than this travel several at a time, and more of them are sent ahead.
SHORT_S = 0.2
MAX_BATCH = 16


@dataclass
class Supply:
    """Keeps the workers fed, and little more: what is sent ahead cannot be balanced."""

    shape: Shape
    _mean_s: dict[int, float] = field(default_factory=dict)

    def learn(self, task: int, seconds: float) -> None:
        """A step of the task took so long."""
        self._mean_s[task] = 0.8 * self._mean_s.get(task, seconds) + 0.2 * seconds

    def fits(
        self, task: int, needs: Mapping[str, float], used: Mapping[str, float], in_flight: int
    ) -> bool:
        """Whether one more Dask task is wanted, given what those under way take."""
        ahead = 2 if self._is_short(task) else 1
        workers = self.shape.workers * ahead
        return (
            in_flight < self.shape.slots * ahead
            and used["cpus"] + needs["cpus"] <= float(self.shape.cpus) * workers
            and used["memory"] + needs["memory"] <= self.shape.memory_bytes * workers
        )

    def batch_size(self, task: int, ready: int) -> int:
        """How many steps of the task go together; one where they are long or few."""
        if not self._is_short(task):
            return 1
        share = ready // (4 * self.shape.slots)
        return max(1, min(MAX_BATCH, share, int(SHORT_S / max(self._mean_s[task], 1e-3))))

    def _is_short(self, task: int) -> bool:
        return self._mean_s.get(task, SHORT_S) < SHORT_S

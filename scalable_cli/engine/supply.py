"""How many steps to send, and how many of them in one Dask task."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from scalable_cli.engine.dispatch import stop_by_call

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from scalable_cli.engine.adapt import Demand
    from scalable_cli.model.launcher import Shape
    from scalable_cli.model.manifest import Component

# Steps shorter than this travel several at a time, and more of them are sent ahead.
SHORT_S = 0.2
MAX_BATCH = 16


@dataclass
class Supply:
    """Keeps the workers fed, and little more: what is sent ahead cannot be balanced."""

    _mean_s: dict[int, float] = field(default_factory=dict)

    def learn(self, task: int, seconds: float) -> None:
        """A step of the task took so long."""
        self._mean_s[task] = 0.8 * self._mean_s.get(task, seconds) + 0.2 * seconds

    def mean_s(self, task: int, assumed: float) -> float:
        """How long a step of the task takes, as far as is known here."""
        return self._mean_s.get(task, assumed)

    def fits(
        self,
        task: int,
        shape: Shape,
        needs: Mapping[str, float],
        used: Mapping[str, float],
        in_flight: int,
    ) -> bool:
        """Whether one more Dask task is wanted, given what those under way take."""
        ahead = 2 if self._is_short(task) else 1
        workers = shape.workers * ahead
        return in_flight < shape.slots * ahead and all(
            used.get(name, 0.0) + needs[name] <= amount * workers
            for name, amount in shape.resources.items()
        )

    def batch_size(self, task: int, shape: Shape, ready: int) -> int:
        """How many steps of the task go together; one where they are long or few."""
        if not self._is_short(task):
            return 1
        share = ready // (4 * shape.slots)
        return max(1, min(MAX_BATCH, share, int(SHORT_S / max(self._mean_s[task], 1e-3))))

    def _is_short(self, task: int) -> bool:
        return self._mean_s.get(task, SHORT_S) < SHORT_S


class Crew(Protocol):
    """The workers of a run: their pools, their present size, and what makes them more or fewer."""

    def pool_of(self, component: Component) -> str:
        """The pool that serves the component."""

    def shape(self, pool: str) -> Shape:
        """The pool's workers that can be given something now."""

    def largest(self, pool: str) -> Shape:
        """The pool's workers when there are as many as there may be."""

    def stop_steps(self, client: Any) -> None:
        """End the steps that run in other processes."""

    def steer(self, demand: Callable[[], Mapping[str, Demand]]) -> None:
        """Adapt the pools to what there is to do; raises ProviderError when workers fail."""


@dataclass(frozen=True, slots=True)
class FixedCrew:
    """Workers that are there from the beginning to the end, and serve all components."""

    workers: Shape
    are_processes: bool = False

    def pool_of(self, component: Component) -> str:  # noqa: ARG002 - of any component
        """The only pool."""
        return self.workers.pool

    def shape(self, pool: str) -> Shape:  # noqa: ARG002 - the only pool's
        """All workers."""
        return self.workers

    def largest(self, pool: str) -> Shape:
        """All workers."""
        return self.shape(pool)

    def stop_steps(self, client: Any) -> None:
        """Call each worker; threads of this process have heard already."""
        if self.are_processes:
            stop_by_call(client)

    def steer(self, demand: Callable[[], Mapping[str, Demand]]) -> None:
        """Nothing changes."""

"""What starts heads and workers on a provider, and what it is told about them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from scalable_cli.model.manifest import Component, Target
    from scalable_cli.model.problem import Problem


@dataclass(frozen=True, slots=True)
class Shape:
    """Workers that are all alike; `cpus` and `memory_bytes` are those of one worker.

    A named pool's resources carry its name, so that its steps run on its workers only.
    """

    workers: int
    threads: int
    cpus: Decimal
    memory_bytes: int
    pool: str = ""

    @property
    def slots(self) -> int:
        """How many steps may run at once at the most."""
        return self.workers * self.threads

    @property
    def resources(self) -> dict[str, float]:
        """What one worker has, by the names of Dask's resources."""
        return self._named(self.cpus, self.memory_bytes)

    def needs(self, component: Component, factor: Decimal = Decimal(1)) -> dict[str, float]:
        """What one step takes of a worker, with `factor` times its component's memory.

        What is larger than a worker takes all of it.
        """
        memory = int(component.memory_bytes * factor)
        return self._named(min(component.cpus, self.cpus), min(memory, self.memory_bytes))

    def _named(self, cpus: Decimal, memory_bytes: int) -> dict[str, float]:
        suffix = f".{self.pool}" if self.pool else ""
        return {f"cpus{suffix}": float(cpus), f"memory{suffix}": float(memory_bytes)}


@dataclass(frozen=True, slots=True)
class Pool:
    """Workers that are started alike, between `minimum` and `maximum` of them.

    `shape.workers` is `maximum`. It serves the components that are named, or all.
    `start_s` is how long one takes to start, as far as is known before.
    """

    shape: Shape
    minimum: int
    maximum: int
    components: tuple[str, ...] = ()
    image: str | None = None
    start_s: float = 5.0

    @property
    def name(self) -> str:
        """The pool's name, which its workers give as `--pool`."""
        return self.shape.pool


@dataclass(frozen=True, slots=True)
class Workers:
    """How Dask's SpecCluster starts one worker: `cls(scheduler_address, name=…, **options)`.

    An instance of `cls` is awaited to start it, which must not wait for it to connect, and
    has an async `close(at_once=False)` that ends it whatever state it is in and returns when
    it is gone (`at_once`: it may be frozen, and its steps were given to others), a `status` of
    Dask's, and `ended`: why the worker ended by itself, None while it has not.
    """

    cls: Any
    options: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a provider can do. `inbound`: whether the head can connect into workers."""

    detached_heads: bool = False
    adaptive: bool = True
    inbound: bool = True


@dataclass(frozen=True, slots=True)
class Resource:
    """Something at a provider that carries our tags and costs money while it is there."""

    kind: str
    id: str
    tags: tuple[tuple[str, str], ...]


class WorkerLauncher(Protocol):
    """Starts workers."""

    @property
    def listen(self) -> str | None:
        """The address at which workers reach the head; None for the machine's own."""

    def workers(self, pool: Pool, run: str) -> Workers:
        """How workers of a pool are started for the run at the address `run`."""


class Launcher(WorkerLauncher, Protocol):
    """Starts heads and workers on a provider, and finds and releases what it started."""

    @property
    def can(self) -> Capabilities:
        """What the provider can do."""

    def check(self, target: Target) -> tuple[Problem, ...]:
        """What is wrong with a target, as far as can be told without a connection."""

    def preflight(self, target: Target) -> tuple[Problem, ...]:
        """What is wrong with a target and this account; asks the provider, changes nothing."""

    def start_head(self, run: str) -> Resource:
        """Start the head of the run at the address `run`; once, however often it is called."""

    def find(self, tags: Mapping[str, str]) -> Iterable[Resource]:
        """What is there that carries all of these tags."""

    def release(self, resource: Resource) -> None:
        """End or delete it; one that is gone is fine, one without our tags is refused."""

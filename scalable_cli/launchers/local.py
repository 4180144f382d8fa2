"""Workers on this machine: a Dask LocalCluster shaped by the target and the machine."""

from __future__ import annotations

import contextlib
import logging
import sys
import tempfile
from dataclasses import dataclass
from decimal import Decimal
from math import ceil, floor
from typing import TYPE_CHECKING, Any

from scalable_cli.errors import RefusedError
from scalable_cli.model.manifest import LocalOptions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from scalable_cli.model.manifest import Component, Target


@dataclass(frozen=True, slots=True)
class Shape:
    """Workers that are all alike; `cpus` and `memory_bytes` are those of one worker."""

    workers: int
    threads: int
    cpus: Decimal
    memory_bytes: int

    @property
    def slots(self) -> int:
        """How many steps may run at once at the most."""
        return self.workers * self.threads

    def needs(self, component: Component, factor: Decimal = Decimal(1)) -> dict[str, float]:
        """What one step takes of a worker, with `factor` times its component's memory.

        What is larger than a worker takes all of it.
        """
        memory = int(component.memory_bytes * factor)
        return {
            "cpus": float(min(component.cpus, self.cpus)),
            "memory": float(min(memory, self.memory_bytes)),
        }


def shape(
    options: LocalOptions, components: Sequence[Component], cpus: int, memory_bytes: int
) -> Shape:
    """As many workers as the target asks for, fewer and larger ones where a component needs it.

    The user's `max_workers` x `threads_per_worker` may exceed the machine's processors;
    a component that exceeds the machine gets all of it.
    """
    slots = options.max_workers * options.threads_per_worker
    capacity = Decimal(max(cpus, slots))
    largest_cpus = min(max((c.cpus for c in components), default=Decimal(1)), capacity)
    largest_memory = min(max((c.memory_bytes for c in components), default=1), memory_bytes)
    workers = min(
        options.max_workers, floor(capacity / largest_cpus), memory_bytes // largest_memory
    )
    workers = max(1, workers)
    return Shape(workers, ceil(slots / workers), capacity / workers, memory_bytes // workers)


def options_of(target: Target) -> LocalOptions:
    """The target's options; raises RefusedError for what this version cannot do."""
    if not isinstance(target.options, LocalOptions):
        raise TypeError(target.provider)
    if target.options.containers != "none":
        raise RefusedError(
            f'this version does not run containers on the local target ("{target.name}")',
            hint="set containers: none",
        )
    return target.options


@contextlib.contextmanager
def open_client(options: LocalOptions, shape: Shape) -> Iterator[Any]:
    """A Dask client whose cluster ends with the block and leaves no file."""
    import dask
    from distributed import Client, LocalCluster

    # Worker processes are forked from one that has imported Dask, and do not each import it:
    # four are up in 2.7 s instead of 8.2 s (2 cores). The bundled program cannot do that.
    method = "spawn" if getattr(sys, "frozen", False) else "forkserver"
    # What goes wrong with workers is in the journal; Dask would print it over the screen.
    logging.getLogger("distributed").setLevel(logging.CRITICAL + 1)
    settings = {
        "distributed.worker.multiprocessing-method": method,
        # Dask would limit every step to one OpenMP thread.
        "distributed.nanny.pre-spawn-environ": {},
        "distributed.worker.profile.enabled": False,
        "distributed.admin.system-monitor.interval": "5s",
        "distributed.scheduler.work-stealing": False,
        "distributed.worker.memory.target": False,
        "distributed.worker.memory.spill": False,
        "distributed.worker.memory.pause": False,
        "distributed.worker.memory.terminate": False,
    }
    with (
        dask.config.set(settings),
        tempfile.TemporaryDirectory(prefix="scalable-") as folder,
        LocalCluster(
            n_workers=shape.workers,
            threads_per_worker=shape.threads,
            processes=options.processes,
            # Threads of this process need no socket; processes talk over loopback.
            host="127.0.0.1" if options.processes else None,
            # None would mean port 8787 on every address.
            dashboard_address="127.0.0.1:0",
            worker_dashboard_address="127.0.0.1:0",
            memory_limit=0,
            local_directory=folder,
            resources={"cpus": float(shape.cpus), "memory": float(shape.memory_bytes)},
            silence_logs=logging.CRITICAL,
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield client

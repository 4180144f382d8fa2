"""Workers on this machine: a Dask LocalCluster shaped by the target and the machine."""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
from dataclasses import dataclass
from decimal import Decimal
from math import ceil, floor
from typing import TYPE_CHECKING, Any

from scalable_cli.errors import RefusedError
from scalable_cli.host.process import removed_if_killed, temporary_folder
from scalable_cli.launchers.settings import dask_settings
from scalable_cli.model.launcher import Pool, Shape, Workers
from scalable_cli.model.manifest import LocalOptions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from scalable_cli.model.manifest import Adaptive, Component, Target


LOOK_EVERY_S = 3.0


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
def open_client(
    options: LocalOptions, shape: Shape, security: Any = None, *, losses: int = 3
) -> Iterator[Any]:
    """A Dask client whose cluster ends with the block and leaves no file.

    `security` is for workers that are processes: others on this machine can reach their
    sockets. A task survives the loss of `losses` workers.
    """
    import dask
    from distributed import Client, LocalCluster

    # Worker processes are forked from one that has imported Dask, and do not each import it:
    # four are up in 2.7 s instead of 8.2 s (2 cores). The bundled program cannot do that.
    method = "spawn" if getattr(sys, "frozen", False) else "forkserver"
    # What goes wrong with workers is in the journal; Dask would print it over the screen.
    logging.getLogger("distributed").setLevel(logging.CRITICAL + 1)
    settings = dask_settings(losses=losses)
    with (
        temporary_folder() as folder,
        _server_folder() if options.processes else contextlib.nullcontext(),
        dask.config.set(
            settings
            | {"distributed.worker.multiprocessing-method": method, "temporary-directory": folder}
        ),
        LocalCluster(
            n_workers=shape.workers,
            threads_per_worker=shape.threads,
            processes=options.processes,
            # Threads of this process need no socket; processes talk over loopback.
            host="127.0.0.1" if options.processes else None,
            security=security if options.processes else None,
            # None would mean port 8787 on every address.
            dashboard_address="127.0.0.1:0",
            worker_dashboard_address="127.0.0.1:0",
            memory_limit=0,
            local_directory=folder,
            resources=shape.resources,
            silence_logs=logging.CRITICAL,
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
        _kept_up(cluster, shape.workers) if options.processes else contextlib.nullcontext(),
    ):
        yield client


@contextlib.contextmanager
def _kept_up(cluster: Any, workers: int) -> Iterator[None]:
    """Start a worker anew that Dask has given up.

    A worker process that ends is started again by its nanny; but one that is on its way back
    for the second time when `distributed.deploy.lost-worker-timeout` of the first has passed is
    taken for lost, with its nanny, and SpecCluster replaces it only when asked to scale.
    """
    done = threading.Event()

    def look() -> None:
        while not done.wait(LOOK_EVERY_S):
            cluster.scale(workers)

    thread = threading.Thread(target=look, name="workers", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _server_folder() -> contextlib.AbstractContextManager[None]:
    """Where multiprocessing keeps the socket of its fork server: nobody else would remove it."""
    from multiprocessing.util import get_temp_dir

    return removed_if_killed(get_temp_dir())


@dataclass(frozen=True)
class LocalWorkers:
    """Starts worker processes on this machine, with `environ`; they listen on loopback only."""

    argv: tuple[str, ...]
    environ: Mapping[str, str]
    folder: Path

    @property
    def listen(self) -> str:
        """Loopback."""
        return "127.0.0.1"

    def workers(self, pool: Pool, run: str) -> Workers:
        """A process of this program for each worker."""
        from scalable_cli.launchers.machines import ProcessMachine

        argv = [*self.argv, "worker", run]
        argv += [f"--pool={pool.name}"] if pool.name else []
        return Workers(
            ProcessMachine, {"argv": argv, "environ": self.environ, "folder": self.folder}
        )


def pool_of(adaptive: Adaptive, shape: Shape) -> Pool:
    """The only pool of an adaptive local target: workers of that shape for all components."""
    return Pool(shape, min(adaptive.minimum, shape.workers), shape.workers, start_s=3.0)

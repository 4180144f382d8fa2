"""A worker process: joins the head of a run, runs its steps, and leaves with it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scalable_cli.engine.dispatch import running_batches
from scalable_cli.engine.lease import last_claim, read_holder
from scalable_cli.engine.tls import worker_security
from scalable_cli.engine.worker import STOP
from scalable_cli.errors import ProviderError, StorageError, UsageError
from scalable_cli.host.process import GRACE_S, temporary_folder
from scalable_cli.launchers.settings import dask_settings
from scalable_cli.model.codec import decode

if TYPE_CHECKING:
    from scalable_cli.engine.rundir import RunDirectory

HEAD = "head.json"
# What the head sends on the stream of each worker to end the steps that run there.
STOP_STEPS = "stop-steps"
# How long to try to reach a head, and how long one may go without renewing its lease.
PATIENCE_S = 60.0
LOOK_EVERY_S = 5.0
_LAST_NEWS_S = 2.0


@dataclass(frozen=True, slots=True)
class Station:
    """Where the head of a run can be reached, and what a worker of each pool has.

    `pools` are (name, threads, resources as (name, amount)).
    """

    generation: int
    address: str
    pools: tuple[tuple[str, int, tuple[tuple[str, float], ...]], ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Which worker of a run a process is to be; SIGTERM leaves it `grace_s` to go."""

    pool: str | None = None
    name: str | None = None
    grace_s: float = GRACE_S + 5.0


def serve(run: RunDirectory, place: Place) -> None:
    """Work for the run's head until it or a signal ends this worker.

    Raises ProviderError when there is no head to be reached, UsageError for an unknown pool.
    """
    import dask
    import distributed  # sets up the loggers

    logging.getLogger(distributed.__name__).setLevel(logging.WARNING)
    with dask.config.set(dask_settings()):
        asyncio.run(_serve(run, place))


async def _serve(run: RunDirectory, place: Place) -> None:
    from distributed import Worker

    station, security = await _find_head(run)
    threads, resources = _pool(station, place.pool)
    with temporary_folder() as folder:
        try:
            worker = await Worker(
                station.address,
                name=place.name,
                nthreads=threads,
                memory_limit=0,
                resources=resources,
                local_directory=folder,
                security=security,
                protocol="tls",
                dashboard_address="127.0.0.1:0",
                dashboard=False,
                death_timeout=PATIENCE_S,
            )
        except (OSError, RuntimeError, TimeoutError) as error:
            raise ProviderError(
                f"the head of {run.id} does not answer at {station.address}",
                hint="it must be reachable from this machine",
            ) from error
        await _Service(run, station, worker, place.grace_s).stay()


async def _find_head(run: RunDirectory) -> tuple[Station, Any]:
    """The head's address and the keys, waiting a while for one that is about to start."""
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            return decode(Station, run.read_json(HEAD)), worker_security(run)
        except (StorageError, ValueError, TypeError, KeyError) as error:
            if time.monotonic() > until or _is_over(run):
                raise ProviderError(
                    f"{run.id} has no head to work for", hint=f"scalable resume {run.id}"
                ) from error
        await asyncio.sleep(0.5)


def _is_over(run: RunDirectory) -> bool:
    """Whether the run has had a head and has none now."""
    generation, holder = last_claim(run)
    return generation > 0 and (holder is None or not holder.alive(time.time()))


def _pool(station: Station, name: str | None) -> tuple[int, dict[str, float]]:
    for pool, threads, resources in station.pools:
        if name is None or name == pool:
            return threads, dict(resources)
    known = ", ".join(f'"{pool}"' for pool, _, _ in station.pools)
    raise UsageError(f'the run has no pool "{name}"', hint=f"its pools: {known}")


@dataclass
class _Service:
    """One worker's time with its head."""

    run: RunDirectory
    station: Station
    worker: Any
    grace_s: float

    async def stay(self) -> None:
        """Until the head lets it go or is gone, or a signal comes."""
        loop = asyncio.get_running_loop()
        asked = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, asked.set)
        self.worker.stream_handlers[STOP_STEPS] = _stop_steps
        ends = [
            loop.create_task(coroutine)
            for coroutine in (asked.wait(), self._let_go(), self._without_head())
        ]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        for task in ends:
            task.cancel()
        await asyncio.gather(*ends, return_exceptions=True)
        await self._leave(graceful=asked.is_set())

    async def _let_go(self) -> None:
        """Until Dask closes the worker: the scheduler said so, or the connection broke."""
        from distributed.core import Status

        while self.worker.status in (Status.running, Status.paused, Status.closing_gracefully):
            await asyncio.sleep(0.1)

    async def _without_head(self) -> None:
        """Until the run has another head or none; a head that is frozen has none either."""
        renewed, seen_at = None, time.monotonic()
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                generation, _ = await asyncio.to_thread(last_claim, self.run)
                holder = await asyncio.to_thread(read_holder, self.run)
            except StorageError:
                continue  # the connection tells, too
            if generation != self.station.generation:
                return
            if holder != renewed:
                renewed, seen_at = holder, time.monotonic()
            elif time.monotonic() - seen_at > PATIENCE_S:
                return

    async def _leave(self, *, graceful: bool) -> None:
        """Take nothing new, let steps finish while there is time, end the rest, report, go."""
        from distributed.core import Status

        until = time.monotonic() + self.grace_s
        if graceful and self.worker.status is Status.running:
            # Tells the scheduler, on the worker's own stream, to send nothing more.
            self.worker.status = Status.closing_gracefully
            while running_batches() and time.monotonic() < until - GRACE_S:
                await asyncio.sleep(0.05)
        STOP.set()
        while running_batches() and time.monotonic() < until:
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.05)  # for the last news to get into the stream
        # A scheduler that is gone, or has let this worker go meanwhile, needs to hear nothing.
        with contextlib.suppress(asyncio.TimeoutError, OSError, RuntimeError):
            if graceful:
                await asyncio.wait_for(self._sign_off(), _LAST_NEWS_S)
            await asyncio.wait_for(self.worker.close(executor_wait=False), _LAST_NEWS_S)

    async def _sign_off(self) -> None:
        """Steps that were sent here and not begun go elsewhere, and nothing counts as lost."""
        await self.worker.scheduler.unregister(
            address=self.worker.contact_address,
            expected=True,
            close=False,
            stimulus_id="worker-leaves",
        )


async def _stop_steps(**_: object) -> None:
    STOP.set()

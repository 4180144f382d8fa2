"""Pools of worker processes on a provider: started, counted, adapted, replaced when lost."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from scalable_cli.engine.adapt import Bounds, Demand, Pace, Size, decide
from scalable_cli.engine.lease import last_claim
from scalable_cli.engine.server import HEAD, STOP_STEPS, Station
from scalable_cli.engine.tls import secured
from scalable_cli.errors import ProviderError
from scalable_cli.host.process import temporary_folder
from scalable_cli.launchers.settings import SILENT_S, dask_settings
from scalable_cli.model.codec import encode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from scalable_cli.engine.rundir import RunDirectory
    from scalable_cli.model.launcher import Pool, Shape, WorkerLauncher
    from scalable_cli.model.manifest import Component

STEER_EVERY_S = 0.5
# A pool whose workers end so often before they have connected will not get better by itself.
MAX_FAILED_STARTS = 3
START_TIMEOUT_S = 900.0


@dataclass
class _Machine:
    """One worker that was asked for."""

    name: str
    asked_at: float
    joined_at: float | None = None


@dataclass
class _State:
    """What is known of a pool; touched by the thread of Dask's event loop only."""

    pool: Pool
    size: Size
    start_s: float
    machines: dict[str, _Machine] = field(default_factory=dict)
    count: int = 0
    failed_starts: int = 0

    def working(self) -> int:
        """How many workers are connected."""
        return sum(1 for machine in self.machines.values() if machine.joined_at is not None)


@dataclass
class Pools:
    """The workers of a run: one scheduler here, and for each pool between its bounds.

    `lifetime_s` is how long the certificates must hold.
    """

    launcher: WorkerLauncher
    pools: Sequence[Pool]
    run: RunDirectory
    now: Callable[[], float]
    lifetime_s: float | None = None
    pace: Pace = field(default_factory=Pace)
    silent_s: float = SILENT_S
    _cluster: Any = None
    _states: dict[str, _State] = field(default_factory=dict)
    _closing: set[asyncio.Task[None]] = field(default_factory=set)
    _active_at: dict[str, float] = field(default_factory=dict)
    _trouble: str | None = None
    _steered_at: float = 0.0

    # As the head sees them

    @contextlib.contextmanager
    def open(self) -> Iterator[Any]:
        """A Dask client; everything that was started ends with the block."""
        import dask

        logging.getLogger("distributed").setLevel(logging.CRITICAL + 1)
        settings = dask_settings(losses=0) | {"distributed.scheduler.worker-ttl": self.silent_s}
        with (
            temporary_folder() as folder,
            dask.config.set(settings | {"temporary-directory": folder}),
            secured(self.run, self.now(), self.lifetime_s) as security,
            self._scheduler(security) as cluster,
        ):
            self._cluster = cluster
            cluster.scheduler.add_plugin(_activity(self._active_at))
            self._announce(cluster.scheduler.address)
            try:
                cluster.sync(self._adapt, {})
                with _client(cluster) as client:
                    yield client
            finally:
                self.run.store.delete(self.run.key(HEAD))
                cluster.sync(self._end_all)
                self._cluster = None

    def pool_of(self, component: Component) -> str:
        """The first pool that serves the component."""
        for pool in self.pools:
            if not pool.components or component.name in pool.components:
                return pool.name
        raise KeyError(component.name)

    def shape(self, pool: str) -> Shape:
        """The pool's workers that are connected now."""
        state = self._states[pool]
        return replace(state.pool.shape, workers=state.working())

    def largest(self, pool: str) -> Shape:
        """The pool's workers when there are as many as there may be."""
        return next(p.shape for p in self.pools if p.name == pool)

    def stop_steps(self, client: Any) -> None:  # noqa: ARG002 - not through the client
        """Tell every worker on the stream that it has to the scheduler."""
        self._cluster.sync(self._broadcast, {"op": STOP_STEPS})

    def steer(self, demand: Callable[[], Mapping[str, Demand]]) -> None:
        """Adapt the pools, every half second at the most.

        Raises ProviderError when the workers of a pool keep ending before they connect.
        """
        now = time.monotonic()
        if now - self._steered_at >= STEER_EVERY_S:
            self._steered_at = now
            self._cluster.sync(self._adapt, demand())
        if self._trouble is not None:
            raise ProviderError(self._trouble, hint="scalable worker RUN on one of its machines")

    # The scheduler

    def _scheduler(self, security: Any) -> Any:
        from distributed import Scheduler, SpecCluster

        options = {
            "host": self.launcher.listen,
            "port": 0,
            "protocol": "tls://",
            "security": security,
            # None would mean port 8787 on every address.
            "dashboard_address": "127.0.0.1:0",
        }
        scheduler = {"cls": Scheduler, "options": options}
        self._states = {
            pool.name: _State(pool, Size(pool.minimum), pool.start_s) for pool in self.pools
        }
        return SpecCluster(
            workers={}, scheduler=scheduler, security=security, silence_logs=logging.CRITICAL
        )

    def _announce(self, address: str) -> None:
        """Say in the run directory where workers find the head."""
        generation, _ = last_claim(self.run)
        known = [(p.name, p.shape.threads, tuple(p.shape.resources.items())) for p in self.pools]
        self.run.write_json(HEAD, encode(Station(generation, address, tuple(known))))

    async def _broadcast(self, message: dict[str, object]) -> None:
        scheduler = self._cluster.scheduler
        for address in list(scheduler.workers):
            scheduler.worker_send(address, message)

    # Adapting, in the thread of the event loop

    async def _adapt(self, demands: Mapping[str, Demand]) -> None:
        now = time.monotonic()
        for name, state in self._states.items():
            workers = self._look(state, now)
            self._drop_lost(state, workers, now)
            idle = self._idle(state, workers, now)
            demand = replace(demands.get(name, Demand()), idle_s=tuple(idle.values()))
            pool = state.pool
            bounds = Bounds(pool.minimum, pool.maximum, float(pool.shape.cpus))
            pace = replace(self.pace, start_s=state.start_s)
            state.size = decide(state.size, demand, bounds, pace, now)
            if len(state.machines) > state.size.workers:
                await self._retire(state, workers, idle)
            if self._trouble is None:
                self._ask(state, now)
        # Starts what is in the specification and not there yet.
        self._cluster.scale(len(self._cluster.worker_spec))

    def _look(self, state: _State, now: float) -> dict[str, Any]:
        """The pool's connected workers, as the scheduler knows them; notes who has joined."""
        known = {ws.name: ws for ws in self._cluster.scheduler.workers.values()}
        workers = {name: known[name] for name in state.machines if name in known}
        for name in workers:
            machine = state.machines[name]
            if machine.joined_at is None:
                machine.joined_at = now
                state.failed_starts = 0
                took = now - machine.asked_at
                state.start_s = 0.5 * state.start_s + 0.5 * took
        return workers

    def _drop_lost(self, state: _State, workers: Mapping[str, Any], now: float) -> None:
        """Give up machines whose worker was there and is not, or never came."""
        for machine in list(state.machines.values()):
            if machine.name in workers:
                continue
            started = self._cluster.workers.get(machine.name)
            ended = started.ended if started is not None else None
            if machine.joined_at is None:
                if ended is None and now - machine.asked_at < START_TIMEOUT_S:
                    continue
                ended = ended or f"did not connect within {START_TIMEOUT_S:.0f} s"
                self._note_failed_start(state, ended)
            self._let_go(state, machine.name, at_once=True)

    def _note_failed_start(self, state: _State, ended: str) -> None:
        state.failed_starts += 1
        if state.failed_starts >= MAX_FAILED_STARTS and state.working() == 0:
            pool = f' of pool "{state.pool.name}"' if state.pool.name else ""
            self._trouble = f"workers{pool} end before they connect: {ended}"

    def _idle(self, state: _State, workers: Mapping[str, Any], now: float) -> dict[str, float]:
        """For how long each worker without a task has had none, the longest first.

        One that still holds a result is not idle: Dask would run its task again elsewhere.
        """
        idle = {}
        for name, worker in workers.items():
            if not worker.processing and not worker.has_what:
                joined_at = state.machines[name].joined_at or now
                idle[name] = now - max(joined_at, self._active_at.get(worker.address, 0.0))
        return dict(sorted(idle.items(), key=lambda pair: -pair[1]))

    async def _retire(
        self, state: _State, workers: Mapping[str, Any], idle: Mapping[str, float]
    ) -> None:
        """Let workers that have nothing to do go, as many as are too many."""
        too_many = len(state.machines) - state.size.workers
        for name in list(idle)[:too_many]:
            # On the worker's own stream; Dask's retire_workers would connect into the worker.
            await self._cluster.scheduler.remove_worker(
                workers[name].address, expected=True, stimulus_id="retired"
            )
            self._let_go(state, name)

    def _ask(self, state: _State, now: float) -> None:
        """Put the workers that are missing into the cluster's specification."""
        workers = self.launcher.workers(state.pool, self.run.uri)
        while len(state.machines) < state.size.workers:
            state.count += 1
            name = f"{state.pool.name or 'worker'}-{state.count}"
            state.machines[name] = _Machine(name, now)
            spec = {"cls": workers.cls, "options": dict(workers.options)}
            self._cluster.worker_spec[name] = spec

    def _let_go(self, state: _State, name: str, *, at_once: bool = False) -> None:
        """End a machine without waiting for it: others may have to start meanwhile."""
        del state.machines[name]
        self._cluster.worker_spec.pop(name, None)
        started = self._cluster.workers.pop(name, None)
        if started is not None:
            task = asyncio.get_running_loop().create_task(started.close(at_once=at_once))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    async def _end_all(self) -> None:
        """Let every worker go, and wait for those that were let go before."""
        scheduler, now = self._cluster.scheduler, time.monotonic()
        for state in self._states.values():
            self._drop_lost(state, self._look(state, now), now)
        for address in list(scheduler.workers):
            await scheduler.remove_worker(address, expected=True, stimulus_id="run-ended")
        for state in self._states.values():
            for name in list(state.machines):
                self._let_go(state, name)
        await asyncio.gather(*self._closing, return_exceptions=True)


def _activity(seen: dict[str, float]) -> Any:
    """Notes in `seen` when each worker, by its address, last ended a task."""
    from distributed.diagnostics.plugin import SchedulerPlugin

    class Activity(SchedulerPlugin):  # type: ignore[misc] # Dask calls many methods of a plugin
        name = "activity"

        def transition(self, key: Any, start: str, finish: str, *args: Any, **values: Any) -> None:  # noqa: ARG002
            if start == "processing" and "worker" in values:
                seen[values["worker"]] = time.monotonic()

    return Activity()


def _client(cluster: Any) -> Any:
    from distributed import Client

    return Client(cluster, set_as_default=False)

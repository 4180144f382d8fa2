"""Between the head and Dask: batches of steps go out, results come back on the worker's stream."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from scalable_cli.engine.steps import StepResult, StepSpec
from scalable_cli.engine.worker import STOP, run_batch
from scalable_cli.model.codec import decode, encode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from scalable_cli.model.store import Store


@dataclass(frozen=True, slots=True)
class Started:
    """A step that has been running for a moment."""

    index: int


@dataclass(frozen=True, slots=True)
class Lost:
    """A Dask task that ended without a result for each of its steps."""

    specs: tuple[StepSpec, ...]
    text: str


Message = StepResult | Started | Lost


@dataclass
class _Flight:
    specs: dict[int, StepSpec]
    future: Any
    pool: str
    needs: Mapping[str, float]


@dataclass
class Dispatcher:
    """Hands steps to a Dask client. Messages arrive on `messages`, whatever thread they come from.

    Results travel as events on the stream that each worker already has to the scheduler, so
    no connection into a worker is needed. `stop_workers` tells other processes to end their
    steps.
    """

    client: Any
    store: Store
    run: str
    stop_workers: Callable[[Any], None] | None = None
    messages: queue.SimpleQueue[Message] = field(default_factory=queue.SimpleQueue)
    _flights: dict[str, _Flight] = field(default_factory=dict)
    _flight_of: dict[int, str] = field(default_factory=dict)
    _count: int = 0
    used: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    busy: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.client.subscribe_topic(self.run, self._hear)

    @property
    def in_flight(self) -> int:
        """How many Dask tasks are under way."""
        return len(self._flights)

    def submit(self, specs: Sequence[StepSpec], needs: Mapping[str, float], pool: str = "") -> None:
        """Send steps to run one after another in one Dask task on a worker of the pool."""
        self._count += 1
        name = f"{self.run}-{self._count}"
        future = self.client.submit(
            run_on_worker,
            self.store,
            self.run,
            tuple(specs),
            key=name,
            resources=dict(needs),
            pure=False,
            retries=0,
        )
        self._flights[name] = _Flight({s.index: s for s in specs}, future, pool, needs)
        self._flight_of |= {s.index: name for s in specs}
        self.busy[pool] += 1
        for resource, amount in needs.items():
            self.used[resource] += amount
        future.add_done_callback(lambda done: self._on_done(name, done))

    def settle(self, message: Message) -> None:
        """Take note that a message has been dealt with (called by the head's thread)."""
        if isinstance(message, Lost):
            for spec in message.specs:
                self._end(spec.index, spec.attempt)
        elif isinstance(message, StepResult):
            self._end(message.index, message.attempt)

    def interrupt(self) -> None:
        """Ask every running step to end."""
        STOP.set()
        if self._flights and self.stop_workers is not None:
            self.stop_workers(self.client)

    def _end(self, index: int, attempt: int) -> None:
        name = self._flight_of.get(index)
        flight = self._flights.get(name) if name is not None else None
        # What is late may be about an attempt before the one that is under way.
        if flight is None or name is None or flight.specs[index].attempt != attempt:
            return
        del self._flight_of[index], flight.specs[index]
        if not flight.specs:
            del self._flights[name]
            flight.future.release()
            self.busy[flight.pool] -= 1
            for resource, amount in flight.needs.items():
                self.used[resource] -= amount

    def _hear(self, event: tuple[float, Any]) -> None:
        _, message = event
        if isinstance(message, int):
            self.messages.put(Started(message))
        else:
            self.messages.put(decode(StepResult, message[0]))

    def _on_done(self, name: str, future: Any) -> None:
        # The results travelled ahead of this on the same stream; only what they lack is lost.
        flight = self._flights.get(name)
        if flight is None:
            return
        text = f"the worker was lost ({future.status})"
        if future.status == "finished":
            text = "the worker was told to go"
        elif future.status == "error":
            text = _loss_of(future.exception())
        self.messages.put(Lost(tuple(flight.specs.values()), text))


def _loss_of(error: Any) -> str:
    """Why Dask gave a task up."""
    worker = getattr(error, "last_worker", None)
    if worker is None:
        return f"the worker failed: {error!r}"
    return f"the worker {worker.name} was lost"


_batches_lock = threading.Lock()
_batches = [0]


def running_batches() -> int:
    """How many Dask tasks of ours run in this process."""
    return _batches[0]


@contextlib.contextmanager
def _counted() -> Iterator[None]:
    with _batches_lock:
        _batches[0] += 1
    try:
        yield
    finally:
        with _batches_lock:
            _batches[0] -= 1


def run_on_worker(store: Store, run: str, specs: tuple[StepSpec, ...]) -> None:
    """What a Dask worker executes."""
    from distributed import get_worker

    worker = get_worker()

    def report(news: StepResult | int) -> None:
        # In a list, because the scheduler adds keys of its own to an event that is a mapping.
        worker.log_event(run, news if isinstance(news, int) else [encode(news)])

    with _counted():
        run_batch(store, run, specs, report)


def stop_by_call(client: Any) -> None:
    """End the steps on workers that can be connected to."""
    client.run(_stop_here, on_error="ignore")


def _stop_here() -> None:
    STOP.set()

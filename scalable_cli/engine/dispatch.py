"""Between the head and Dask: batches of steps go out, results come back on the worker's stream."""

from __future__ import annotations

import queue
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from scalable_cli.engine.steps import StepResult, StepSpec
from scalable_cli.engine.worker import STOP, run_batch
from scalable_cli.model.codec import decode, encode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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
    needs: Mapping[str, float]


@dataclass
class Dispatcher:
    """Hands steps to a Dask client. Messages arrive on `messages`, whatever thread they come from.

    Results travel as events on the stream that each worker already has to the scheduler, so
    no connection into a worker is needed.
    """

    client: Any
    store: Store
    run: str
    messages: queue.SimpleQueue[Message] = field(default_factory=queue.SimpleQueue)
    _flights: dict[str, _Flight] = field(default_factory=dict)
    _flight_of: dict[int, str] = field(default_factory=dict)
    _count: int = 0
    used: dict[str, float] = field(default_factory=lambda: {"cpus": 0.0, "memory": 0.0})

    def __post_init__(self) -> None:
        self.client.subscribe_topic(self.run, self._hear)

    @property
    def in_flight(self) -> int:
        """How many Dask tasks are under way."""
        return len(self._flights)

    def submit(self, specs: Sequence[StepSpec], needs: Mapping[str, float]) -> None:
        """Send steps to run one after another in one Dask task."""
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
        self._flights[name] = _Flight({s.index: s for s in specs}, future, needs)
        self._flight_of |= {s.index: name for s in specs}
        for resource, amount in needs.items():
            self.used[resource] += amount
        future.add_done_callback(lambda done: self._on_done(name, done))

    def settle(self, message: Message) -> None:
        """Take note that a message has been dealt with (called by the head's thread)."""
        if isinstance(message, Lost):
            for spec in message.specs:
                self._end(spec.index)
        elif isinstance(message, StepResult):
            self._end(message.index)

    def interrupt(self) -> None:
        """Ask every running step to end."""
        STOP.set()
        if self._flights:
            self.client.run(_stop_here, on_error="ignore")

    def _end(self, index: int) -> None:
        name = self._flight_of.pop(index, None)
        flight = self._flights.get(name) if name is not None else None
        if flight is None or name is None:
            return
        flight.specs.pop(index, None)
        if not flight.specs:
            del self._flights[name]
            flight.future.release()
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
        if future.status == "finished":
            return
        flight = self._flights.get(name)
        if flight is not None:
            text = f"the worker was lost ({future.status})"
            if future.status == "error":
                text = f"the worker failed: {future.exception()!r}"
            self.messages.put(Lost(tuple(flight.specs.values()), text))


def run_on_worker(store: Store, run: str, specs: tuple[StepSpec, ...]) -> None:
    """What a Dask worker executes."""
    from distributed import get_worker

    worker = get_worker()

    def report(news: StepResult | int) -> None:
        # In a list, because the scheduler adds keys of its own to an event that is a mapping.
        worker.log_event(run, news if isinstance(news, int) else [encode(news)])

    run_batch(store, run, specs, report)


def _stop_here() -> None:
    """What a worker runs to end its steps: a function, because an event cannot travel."""
    STOP.set()

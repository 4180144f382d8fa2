"""The head: takes steps that are ready to Dask, writes down what became of them."""

from __future__ import annotations

import contextlib
import heapq
import queue
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from scalable_cli.engine.adapt import Demand, useful_workers
from scalable_cli.engine.control import LOOK_EVERY_S, stop_request
from scalable_cli.engine.dispatch import Dispatcher, Lost, Started
from scalable_cli.engine.failures import Failures
from scalable_cli.engine.ledger import usage_of
from scalable_cli.engine.limits import Guard, Halt, Limits, Mode, Spent
from scalable_cli.engine.ready import Dependencies
from scalable_cli.engine.reuse import Reuse
from scalable_cli.engine.steps import StepResult, log_name
from scalable_cli.engine.supply import Supply
from scalable_cli.engine.worker import start_afresh, sweep
from scalable_cli.errors import StorageError
from scalable_cli.journal.events import Kind
from scalable_cli.journal.fold import decode_refs
from scalable_cli.model.run import FailureKind, RunState, StepState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from scalable_cli.engine.compose import Composer
    from scalable_cli.engine.ledger import Ledger
    from scalable_cli.engine.steps import StepSpec
    from scalable_cli.engine.supply import Crew
    from scalable_cli.model.artifact import ArtifactRef
    from scalable_cli.model.launcher import Shape
    from scalable_cli.model.plan import Plan

STOP_GRACE_S = 15.0
# What a step takes of which nothing is known; more workers are there soon if it takes longer.
ASSUMED_S = 60.0
TICK_S = 0.5


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended; `reason` where it was stopped."""

    state: RunState
    reason: str | None = None


@dataclass
class Head:
    """Executes a plan with a crew of workers. Used once, by one thread."""

    plan: Plan
    ledger: Ledger
    composer: Composer
    crew: Crew
    open_client: Callable[[], contextlib.AbstractContextManager[object]]
    keep_going: bool = False
    limits: Limits = field(default_factory=Limits)
    cost: Callable[[], Decimal | None] = lambda: Decimal(0)
    _failures: Failures = field(default_factory=Failures)
    _fresh: deque[int] = field(default_factory=deque)
    _ready: dict[str, deque[int]] = field(default_factory=dict)
    _later: list[tuple[float, int]] = field(default_factory=list)
    _attempt: dict[int, int] = field(default_factory=dict)
    _flying: set[int] = field(default_factory=set)
    # How many steps of each task are ready or under way.
    _open: Counter[int] = field(default_factory=Counter)
    _trouble: StorageError | None = None
    _closing: bool = False
    _interrupted: bool = False
    _halt: Halt | None = None
    _looked_at: float = 0.0

    def __post_init__(self) -> None:
        self._supply = Supply()
        self._pools = [self.crew.pool_of(planned.component) for planned in self.plan.tasks]
        self._ready.update({pool: deque() for pool in self._pools})
        self._depend = Dependencies(self.plan.steps)
        self._reuse = Reuse(self.ledger, self.composer)
        self._guard = Guard(self.limits)
        self._started = time.monotonic()

    def execute(self) -> Ended:
        """Run to the end; KeyboardInterrupt and SystemExit end it cleanly and go on up."""
        start_afresh()
        self._fresh.extend(self._depend.free())
        self._recall()
        self._look_up()
        if self._waiting:
            run = self.ledger.run
            try:
                with self.open_client() as client:
                    self._work(Dispatcher(client, run.store, run.id, self.crew.stop_steps))
            finally:
                sweep()
        self.ledger.flush(force=True)
        done = all(self.ledger.has_result(index) for index in range(len(self.plan.steps)))
        if done:
            return Ended(RunState.DONE)
        if self._halt is not None:
            return Ended(RunState.STOPPED, self._halt.reason)
        return Ended(RunState.FAILED)

    # What was known before

    def _recall(self) -> None:
        """Take over from the journal what has ended well; what failed gets another chance."""
        fold = self.ledger.fold
        for index, step in enumerate(self.plan.steps):
            facts = fold.steps.get(step.id)
            if facts is None:
                continue
            self._attempt[index] = facts.attempt
            if facts.state in (StepState.DONE, StepState.CACHED):
                self._note_result(index, decode_refs(facts.outputs), facts.key)
            else:
                facts.move(StepState.WAITING)
        fold.failures.clear()

    def _note_result(self, index: int, outputs: tuple[ArtifactRef, ...], key: str) -> None:
        self.composer.note(index, outputs)
        self.ledger.keys[index] = key
        self._fresh.extend(self._depend.end(index))

    def _look_up(self) -> None:
        """Use the results of earlier runs for freed steps that have one; the others must run."""
        while self._fresh:
            index = self._fresh.popleft()
            if self.ledger.has_result(index):
                continue
            record = self._reuse.result(index)
            if record is None:
                self._queue(index)
                continue
            self.ledger.record_cached(index, record)
            self._note_result(index, record.outputs, record.key)
        self._reuse.sum_up()
        self.ledger.flush()

    # The loop

    def _work(self, dispatcher: Dispatcher) -> None:
        try:
            self._submit(dispatcher)
            while dispatcher.in_flight or self._waiting or self._later:
                self._hear(dispatcher)
                if self._trouble is not None:
                    raise self._trouble
                self._look_up()
                self.crew.steer(self._demand)
                self._submit(dispatcher)
                self.ledger.flush()
                self._check_limits(dispatcher)
                if self._closing and not dispatcher.in_flight:
                    break
        except BaseException:
            self._stop(dispatcher)
            raise

    def _check_limits(self, dispatcher: Dispatcher) -> None:
        """End early when a limit is reached or somebody asked for it."""
        now = time.monotonic()
        if now - self._looked_at < LOOK_EVERY_S:
            return
        self._looked_at = now
        spent = Spent(self.cost(), now - self._started, len(self.ledger.fold.failures))
        halt, warnings = self._guard.check(spent)
        for text in warnings:
            self.ledger.record(Kind.NOTE, text=text)
        halt = stop_request(self.ledger.run) or halt
        if halt is None or (self._halt is not None and self._halt.mode is halt.mode):
            return
        self._halt = halt
        self.ledger.record(Kind.NOTE, text=halt.reason)
        self._close()
        if halt.mode is Mode.NOW:
            self._interrupt(dispatcher)

    def _interrupt(self, dispatcher: Dispatcher) -> None:
        """End the running steps."""
        self._interrupted = True
        dispatcher.interrupt()

    def _close(self) -> None:
        """Start nothing more."""
        self._closing = True
        for queue_ in self._ready.values():
            queue_.clear()
        self._open = Counter(self.plan.steps[index].task for index in self._flying)
        self._later.clear()

    def _hear(self, dispatcher: Dispatcher) -> None:
        """Wait for news, then take all that there is."""
        wait = TICK_S
        if self._later:
            wait = min(wait, max(0.0, self._later[0][0] - time.monotonic()))
        with contextlib.suppress(queue.Empty):
            message = dispatcher.messages.get(timeout=wait)
            while True:
                self._take(message)
                dispatcher.settle(message)
                message = dispatcher.messages.get_nowait()
        while self._later and self._later[0][0] <= time.monotonic():
            # First, because what fell behind may be what others wait for.
            self._queue(heapq.heappop(self._later)[1], first=True)

    def _take(self, message: StepResult | Started | Lost) -> None:
        if isinstance(message, Started):
            attempt = self._attempt.get(message.index, 1)
            self.ledger.record(Kind.STEP_STARTED, message.index, attempt=attempt)
        elif isinstance(message, Lost):
            for spec in message.specs:
                if self._lands(spec):
                    self._lose(spec, message.text)
        elif self._lands(message):
            self._end(message)

    def _lands(self, news: StepSpec | StepResult) -> bool:
        """Whether this is the first word of the end of a step's latest attempt.

        A worker may be lost when its results are on their way, and a lost one may still speak.
        """
        first = news.index in self._flying and news.attempt == self._attempt[news.index]
        if first:
            self._flying.discard(news.index)
            self._open[self.plan.steps[news.index].task] -= 1
        return first

    @property
    def _waiting(self) -> bool:
        """Whether steps are ready to be sent."""
        return any(self._ready.values())

    def _queue(self, index: int, *, first: bool = False) -> None:
        task = self.plan.steps[index].task
        ready = self._ready[self._pools[task]]
        self._open[task] += 1
        if first:
            ready.appendleft(index)
        else:
            ready.append(index)

    def _submit(self, dispatcher: Dispatcher) -> None:
        for pool, ready in self._ready.items():
            shape = self.crew.shape(pool)
            while ready and not self._closing:
                index = ready[0]
                task = self.plan.steps[index].task
                factor = self._failures.memory_factor(index)
                needs = shape.needs(self.plan.tasks[task].component, factor)
                busy = dispatcher.busy[pool]
                if not self._supply.fits(task, shape, needs, dispatcher.used, busy):
                    break
                batch = self._next_batch(ready, task, factor, shape)
                dispatcher.submit(batch, needs, pool)

    def _next_batch(
        self, ready: deque[int], task: int, factor: Decimal, shape: Shape
    ) -> list[StepSpec]:
        """The next ready steps of a task: several when they are short and many."""
        batch: list[StepSpec] = []
        size = self._supply.batch_size(task, shape, len(ready))
        memory = int(self.plan.tasks[task].component.memory_bytes * factor)
        while ready and len(batch) < size:
            index = ready[0]
            same = self.plan.steps[index].task == task
            if not same or self._failures.memory_factor(index) != factor:
                break
            ready.popleft()
            self._attempt[index] = self._attempt.get(index, 0) + 1
            self._flying.add(index)
            batch.append(self.composer.spec(index, self._attempt[index], memory))
        return batch

    def _demand(self) -> dict[str, Demand]:
        """What there is to do for each pool, with what is under way."""
        demand = dict.fromkeys(self._ready, Demand())
        for task, count in self._open.items():
            planned, pool = self.plan.tasks[task], self._pools[task]
            declared = planned.task.declared.duration_s
            assumed = ASSUMED_S if declared is None else float(declared)
            largest = self.crew.largest(pool)
            useful = useful_workers(planned.component, count, largest)
            # A step that leaves no room for another takes all of its worker's processors.
            cpu_seconds = useful * float(largest.cpus) * self._supply.mean_s(task, assumed)
            demand[pool] = demand[pool].plus(cpu_seconds, useful)
        return demand

    # What became of a step

    def _end(self, result: StepResult) -> None:
        index = result.index
        if result.text is None:
            self.ledger.record_done(index, result)
            self._supply.learn(self.plan.steps[index].task, result.seconds)
            self._note_result(index, result.outputs, self.ledger.keys[index])
        elif result.stopped:
            if not self._interrupted:
                self._lose(result, "its worker was told to go")
        else:
            usage = {**usage_of(result), "text": result.text, "exit": result.exit_code}
            self._judge(index, kind_of(result), usage, out_of_memory=result.out_of_memory)
            if result.ends_run and self._trouble is None:
                self._trouble = StorageError(result.text, hint=result.hint, lasting=True)

    def _lose(self, spec: StepSpec | StepResult, text: str) -> None:
        """A worker went away with a step."""
        usage = {"attempt": spec.attempt, "exit": None}
        self._judge(spec.index, FailureKind.INFRASTRUCTURE, {**usage, "text": text})

    def _judge(
        self,
        index: int,
        kind: FailureKind,
        usage: Mapping[str, object],
        *,
        out_of_memory: bool = False,
    ) -> None:
        step = self.plan.steps[index]
        log = log_name(step.id, self._attempt[index])
        values = {**usage, "class": kind.value, "log": log}
        retry = self.plan.task_of(step).task.retry
        verdict = self._failures.judge(index, kind, retry, out_of_memory=out_of_memory)
        if verdict.again:
            wait = round(verdict.wait_s, 3)
            self.ledger.record(Kind.STEP_RETRIED, index, **values, wait=wait)
            heapq.heappush(self._later, (time.monotonic() + verdict.wait_s, index))
        else:
            self.ledger.record(Kind.STEP_FAILED, index, **values)
            self._give_up(index)

    def _give_up(self, index: int) -> None:
        """Start nothing more, or, when told to keep going, nothing that needs this step."""
        if not self.keep_going:
            self._close()
            return
        because = self.plan.steps[index].id
        for behind in self._depend.behind(index):
            if self.ledger.state(behind) is StepState.WAITING:
                self.ledger.record(Kind.STEP_SKIPPED, behind, because=because)

    def _stop(self, dispatcher: Dispatcher) -> None:
        """End running steps and keep what still arrives, for a short while."""
        self._closing = True
        self._interrupt(dispatcher)
        until = time.monotonic() + STOP_GRACE_S
        while dispatcher.in_flight and time.monotonic() < until:
            self._hear(dispatcher)
        self.ledger.flush(force=True)


def kind_of(result: StepResult) -> FailureKind:
    """Who is to blame for a failed attempt."""
    if result.infrastructure:
        return FailureKind.INFRASTRUCTURE
    return FailureKind.PERMANENT if result.permanent else FailureKind.STEP

"""The head: takes steps that are ready to Dask, writes down what became of them."""

from __future__ import annotations

import contextlib
import heapq
import queue
import random
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from scalable_cli.engine.dispatch import Dispatcher, Lost, Started
from scalable_cli.engine.ready import Dependencies
from scalable_cli.engine.steps import StepResult, log_name
from scalable_cli.engine.worker import STOP
from scalable_cli.journal.events import Event, Kind
from scalable_cli.journal.fold import Fold, decode_refs, encode_refs
from scalable_cli.model.cache import PastStep, StepRecord, TaskHistory
from scalable_cli.model.plan import Why
from scalable_cli.model.run import FailureKind, RunState, StepState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from scalable_cli.engine.compose import Composer
    from scalable_cli.engine.rundir import RunDirectory
    from scalable_cli.engine.steps import StepSpec
    from scalable_cli.journal.writer import JournalWriter
    from scalable_cli.launchers.local import Shape
    from scalable_cli.model.artifact import ArtifactRef
    from scalable_cli.model.plan import Plan
    from scalable_cli.store.cache import StepCache

MAX_INFRASTRUCTURE_LOSSES = 5
STATUS_EVERY_S = 2.0
STOP_GRACE_S = 15.0
# Steps shorter than this travel several at a time, and more of them are sent ahead.
SHORT_S = 0.2
MAX_BATCH = 16
TICK_S = 0.5


class Observer(Protocol):
    """Sees each event as it happens, with the state it leads to."""

    def on_event(self, event: Event, fold: Fold) -> None:
        """Show it; must be quick."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended."""

    state: RunState
    fold: Fold


@dataclass
class Head:
    """Executes a plan on one machine's workers. Used once, by one thread."""

    plan: Plan
    run: RunDirectory
    cache: StepCache
    journal: JournalWriter
    composer: Composer
    fold: Fold
    shape: Shape
    open_client: Callable[[], contextlib.AbstractContextManager[object]]
    keep_going: bool = False
    observer: Observer | None = None
    now: Callable[[], float] = time.time
    _fresh: deque[int] = field(default_factory=deque)
    _ready: deque[int] = field(default_factory=deque)
    _later: list[tuple[float, int]] = field(default_factory=list)
    _attempt: dict[int, int] = field(default_factory=dict)
    _tries: dict[int, int] = field(default_factory=dict)
    _losses: dict[int, int] = field(default_factory=dict)
    _keys: dict[int, str] = field(default_factory=dict)
    _inputs: dict[int, Mapping[str, str]] = field(default_factory=dict)
    _mean_s: dict[int, float] = field(default_factory=dict)
    _seconds: dict[int, float] = field(default_factory=dict)
    _closing: bool = False
    _status_at: float = 0.0

    def execute(self) -> Outcome:
        """Run to the end; KeyboardInterrupt and SystemExit end it cleanly and go on up."""
        STOP.clear()
        self._depend = Dependencies(self.plan.steps)
        self._fresh.extend(self._depend.free())
        self._recall()
        self._look_up()
        if self._ready or self._later:
            with self.open_client() as client:
                self._work(Dispatcher(client, self.run.store, self.run.id))
        self._flush(force=True)
        failed = self.fold.failures or any(
            self._state(i) is not StepState.CACHED and self._state(i) is not StepState.DONE
            for i in range(len(self.plan.steps))
        )
        return Outcome(RunState.FAILED if failed else RunState.DONE, self.fold)

    def remember(self) -> None:
        """Tell the next plan what each task was made of, so that it can say what changed."""
        for number, task in enumerate(self.plan.tasks):
            past = []
            for index in task.steps:
                if not self._has_ended(index):
                    continue
                step = self.plan.steps[index]
                past.append(
                    PastStep(
                        tuple(value.text for value in step.values),
                        self._keys.get(index) or step.key or "",
                        tuple(sorted(self._inputs.get(index, {}).items())),
                        self._seconds.get(index),
                    )
                )
            if past:
                self.cache.write_history(self._history(number, tuple(past)))

    def _history(self, number: int, past: tuple[PastStep, ...]) -> TaskHistory:
        task = self.plan.tasks[number]
        code = tuple((file.path, file.digest) for file in task.code)
        name, names = task.task.name, task.task.matrix_names
        if len(past) < len(task.steps):
            before = self.cache.history(name)
            if before is not None and before.names == names:
                known = {step.values for step in past}
                past += tuple(step for step in before.steps if step.values not in known)
        return TaskHistory(name, self.run.id, names, task.parts, code, past)

    # What was known before

    def _recall(self) -> None:
        """Take over what the journal says has ended, then what the plan found in the cache."""
        for index, step in enumerate(self.plan.steps):
            facts = self.fold.steps.get(step.id)
            if facts is None:
                continue
            self._attempt[index] = facts.attempt
            if facts.state in (StepState.DONE, StepState.CACHED):
                self._note_outputs(index, decode_refs(facts.outputs), facts.key)
            elif facts.state in (StepState.FAILED, StepState.SKIPPED):
                facts.state = StepState.WAITING
        self.fold.failures.clear()

    def _has_ended(self, index: int) -> bool:
        return self._state(index) in (StepState.DONE, StepState.CACHED)

    def _state(self, index: int) -> StepState:
        facts = self.fold.steps.get(self.plan.steps[index].id)
        return StepState.WAITING if facts is None else facts.state

    def _note_outputs(self, index: int, outputs: tuple[ArtifactRef, ...], key: str) -> None:
        self.composer.outputs[index] = outputs
        if key:
            self._keys[index] = key
        self._fresh.extend(self._depend.end(index))

    def _look_up(self) -> None:
        """Use the results of earlier runs for freed steps that have one; the others must run."""
        while self._fresh:
            index = self._fresh.popleft()
            if self._has_ended(index):
                continue
            record = self._known_result(index)
            if record is None:
                self._ready.append(index)
                continue
            self.composer.reuse(record)
            self._seconds[index] = record.seconds
            self._record(
                Kind.STEP_CACHED,
                step=self.plan.steps[index].id,
                key=record.key,
                outputs=encode_refs(record.outputs),
            )
            self._note_outputs(index, record.outputs, record.key)
        self._flush()

    def _known_result(self, index: int) -> StepRecord | None:
        step = self.plan.steps[index]
        key, inputs = self.composer.key(index)
        self._keys[index], self._inputs[index] = key, inputs
        if step.record is not None and self.cache.present(step.record):
            return step.record
        forced = step.reason is not None and step.reason.why is Why.FORCED
        if forced or not self.plan.task_of(step).task.cache:
            return None
        record = self.cache.record(key)
        return record if record is not None and self.cache.present(record) else None

    # The loop

    def _work(self, dispatcher: Dispatcher) -> None:
        try:
            self._submit(dispatcher)
            while dispatcher.in_flight or self._ready or self._later:
                self._hear(dispatcher)
                self._look_up()
                self._submit(dispatcher)
                self._flush()
                if self._closing and not dispatcher.in_flight:
                    break
        except BaseException:
            self._stop(dispatcher)
            raise

    def _hear(self, dispatcher: Dispatcher) -> None:
        """Wait for news, then take all that there is."""
        wait = TICK_S
        if self._later:
            wait = min(wait, max(0.0, self._later[0][0] - time.monotonic()))
        with contextlib.suppress(queue.Empty):
            message = dispatcher.messages.get(timeout=wait)
            while True:
                self._take(dispatcher, message)
                message = dispatcher.messages.get_nowait()
        while self._later and self._later[0][0] <= time.monotonic():
            self._ready.append(heapq.heappop(self._later)[1])

    def _take(self, dispatcher: Dispatcher, message: StepResult | Started | Lost) -> None:
        if isinstance(message, Started):
            step = self.plan.steps[message.index]
            self._record(
                Kind.STEP_STARTED, step=step.id, attempt=self._attempt.get(message.index, 1)
            )
        elif isinstance(message, Lost):
            for spec in message.specs:
                self._lose(spec, message.text)
        elif message.attempt == self._attempt.get(message.index):
            self._end(message)
        dispatcher.settle(message)

    def _submit(self, dispatcher: Dispatcher) -> None:
        """Keep the workers fed, and little more: what is sent ahead cannot be balanced."""
        if self._closing:
            return
        put_back = []
        while self._ready:
            index = self._ready[0]
            task = self.plan.steps[index].task
            needs = self.shape.needs(self.plan.tasks[task].component)
            mean = self._mean_s.get(task)
            short = mean is not None and mean < SHORT_S
            if not self._fits(dispatcher, needs, 2 if short else 1):
                break
            batch = self._next_batch(task, mean if short else None)
            if not batch:
                put_back.append(self._ready.popleft())
                continue
            dispatcher.submit(batch, needs)
        self._ready.extendleft(reversed(put_back))

    def _fits(self, dispatcher: Dispatcher, needs: Mapping[str, float], ahead: int) -> bool:
        shape = self.shape
        if dispatcher.in_flight >= shape.slots * ahead:
            return False
        cpus = dispatcher.used["cpus"] + needs["cpus"]
        memory = dispatcher.used["memory"] + needs["memory"]
        workers = shape.workers * ahead
        return cpus <= float(shape.cpus) * workers and memory <= shape.memory_bytes * workers

    def _next_batch(self, task: int, mean_s: float | None) -> list[StepSpec]:
        """The next ready steps of a task: several when they are short and many."""
        size = 1
        if mean_s is not None:
            share = len(self._ready) // (4 * self.shape.slots)
            size = max(1, min(MAX_BATCH, share, int(SHORT_S / max(mean_s, 1e-3))))
        batch: list[StepSpec] = []
        while self._ready and len(batch) < size:
            index = self._ready[0]
            if self.plan.steps[index].task != task:
                break
            self._ready.popleft()
            self._attempt[index] = self._attempt.get(index, 0) + 1
            batch.append(self.composer.spec(index, self._attempt[index]))
        return batch

    # What became of a step

    def _end(self, result: StepResult) -> None:
        index = result.index
        step = self.plan.steps[index]
        usage: dict[str, object] = {
            "attempt": result.attempt,
            "started": result.started,
            "seconds": result.seconds,
            "cpu": result.cpu_seconds,
            "peak": result.peak_memory_bytes,
            "worker": result.worker,
        }
        if result.text is None:
            key = self._keys[index]
            self._record(
                Kind.STEP_DONE,
                step=step.id,
                key=key,
                **usage,
                outputs=encode_refs(result.outputs),
            )
            mean = self._mean_s.get(step.task, result.seconds)
            self._seconds[index] = result.seconds
            self._mean_s[step.task] = 0.8 * mean + 0.2 * result.seconds
            if self.plan.task_of(step).task.cache:
                self.cache.write(
                    StepRecord(
                        key,
                        step.id,
                        self.run.id,
                        result.outputs,
                        result.seconds,
                        result.cpu_seconds,
                        result.peak_memory_bytes,
                    )
                )
            self._note_outputs(index, result.outputs, key)
            return
        if result.stopped:
            return
        kind = FailureKind.PERMANENT if result.permanent else FailureKind.STEP
        self._tries[index] = self._tries.get(index, 0) + 1
        usage |= {
            "text": result.text,
            "exit": result.exit_code,
            "class": kind.value,
            "log": log_name(step.id, result.attempt),
        }
        retry = self.plan.task_of(step).task.retry
        if kind is FailureKind.STEP and self._tries[index] <= retry.retries:
            wait = retry.backoff_s * 2 ** (self._tries[index] - 1) * random.uniform(0.75, 1.25)  # noqa: S311
            self._retry(index, usage, wait)
        else:
            self._fail(index, usage)

    def _lose(self, spec: StepSpec, text: str) -> None:
        """A worker went away with a step: not the step's fault, so not counted against it."""
        self._losses[spec.index] = self._losses.get(spec.index, 0) + 1
        usage: dict[str, object] = {
            "attempt": spec.attempt,
            "text": text,
            "exit": None,
            "class": FailureKind.INFRASTRUCTURE.value,
            "log": log_name(spec.id, spec.attempt),
        }
        if self._losses[spec.index] <= MAX_INFRASTRUCTURE_LOSSES:
            self._retry(spec.index, usage, 0.0)
        else:
            self._fail(spec.index, usage)

    def _retry(self, index: int, usage: Mapping[str, object], wait: float) -> None:
        self._record(
            Kind.STEP_RETRIED, step=self.plan.steps[index].id, **usage, wait=round(wait, 3)
        )
        heapq.heappush(self._later, (time.monotonic() + wait, index))

    def _fail(self, index: int, usage: Mapping[str, object]) -> None:
        step = self.plan.steps[index]
        self._record(Kind.STEP_FAILED, step=step.id, **usage)
        if not self.keep_going:
            self._closing = True
            self._ready.clear()
            self._later.clear()
            return
        for behind in self._depend.behind(index):
            if self._state(behind) is StepState.WAITING:
                self._record(Kind.STEP_SKIPPED, step=self.plan.steps[behind].id, because=step.id)

    def _stop(self, dispatcher: Dispatcher) -> None:
        """End running steps and keep what still arrives, for a short while."""
        self._closing = True
        dispatcher.interrupt()
        until = time.monotonic() + STOP_GRACE_S
        while dispatcher.in_flight and time.monotonic() < until:
            self._hear(dispatcher)
        self._flush(force=True)

    # Writing down

    def _record(self, kind: Kind, **values: object) -> None:
        event = self.journal.add(kind, **values)
        self.fold.take(event)
        if self.observer is not None:
            self.observer.on_event(event, self.fold)

    def _flush(self, *, force: bool = False) -> None:
        self.journal.flush(final=force)
        if force or time.monotonic() - self._status_at >= STATUS_EVERY_S:
            self._status_at = time.monotonic()
            self.run.write_json("status.json", status_of(self.fold, self.now()))


def status_of(fold: Fold, now: float) -> dict[str, object]:
    """The snapshot that `status.json` holds."""
    tasks: Sequence[object] = [
        {
            "task": t.task,
            "steps": t.steps,
            "running": t.running,
            "done": t.done,
            "cached": t.cached,
            "failed": t.failed,
            "skipped": t.skipped,
        }
        for t in fold.progress()
    ]
    return {
        "schema": "scalable.status/1",
        "at": round(now, 3),
        "state": fold.state.value,
        "tasks": tasks,
    }

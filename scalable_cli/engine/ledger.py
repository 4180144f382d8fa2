"""The head's book-keeping: journal, state, step cache, snapshot and history of one run."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from scalable_cli.engine.rundir import RunDirectory
from scalable_cli.errors import StorageError
from scalable_cli.journal.events import Kind
from scalable_cli.journal.fold import encode_refs
from scalable_cli.journal.snapshot import snapshot_of
from scalable_cli.model.cache import PastStep, StepRecord, TaskHistory
from scalable_cli.model.run import StepState
from scalable_cli.store.patient import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from scalable_cli.engine.steps import StepResult
    from scalable_cli.journal.events import Event
    from scalable_cli.journal.fold import Fold
    from scalable_cli.journal.writer import JournalWriter
    from scalable_cli.model.plan import Plan
    from scalable_cli.store.cache import StepCache

STATUS_EVERY_S = 2.0
KEEP_EVERY_S = 10.0


class Observer(Protocol):
    """Sees each event as it happens, with the state it leads to."""

    def on_event(self, event: Event, fold: Fold) -> None:
        """Show it; must be quick."""

    def on_output(self) -> None:
        """A workflow is about to write to the terminal itself."""


@dataclass
class Ledger:
    """Writes down what happens to a plan's steps. The journal is the truth, the rest follows.

    `keys` and `inputs` (input name to digest) are what this head came to know, by step index.
    """

    plan: Plan
    run: RunDirectory
    cache: StepCache
    journal: JournalWriter
    fold: Fold
    observer: Observer | None = None
    now: Callable[[], float] = time.time
    keys: dict[int, str] = field(default_factory=dict)
    inputs: dict[int, Mapping[str, str]] = field(default_factory=dict)
    _seconds: dict[int, float] = field(default_factory=dict)
    _status_at: float = 0.0
    _refusal_told: bool = False
    _unkept: list[StepRecord] = field(default_factory=list)
    _kept_at: float = 0.0

    def state(self, index: int) -> StepState:
        """Where a step is."""
        facts = self.fold.steps.get(self.plan.steps[index].id)
        return StepState.WAITING if facts is None else facts.state

    def has_result(self, index: int) -> bool:
        """Whether a step ended well, here or in an earlier run."""
        return self.state(index) in (StepState.DONE, StepState.CACHED)

    def record(self, kind: Kind, index: int | None = None, **values: object) -> None:
        """Record an event, of a step where `index` says which."""
        if index is not None:
            values = {"step": self.plan.steps[index].id, **values}
        event = self.journal.add(kind, **values)
        self.fold.take(event)
        if self.observer is not None:
            self.observer.on_event(event, self.fold)

    def record_cached(self, index: int, record: StepRecord) -> None:
        """A step's result of an earlier run is used."""
        self._seconds[index] = record.seconds
        self.record(Kind.STEP_CACHED, index, key=record.key, outputs=encode_refs(record.outputs))

    def record_done(self, index: int, result: StepResult) -> None:
        """A step ended well: in the journal first, then in the cache for later runs."""
        key = self.keys[index]
        self._seconds[index] = result.seconds
        self.record(
            Kind.STEP_DONE,
            index,
            key=key,
            **usage_of(result),
            outputs=encode_refs(result.outputs),
        )
        if self.plan.task_of(self.plan.steps[index]).task.cache:
            self._keep(
                StepRecord(
                    key,
                    self.plan.steps[index].id,
                    self.run.id,
                    result.outputs,
                    result.seconds,
                    result.cpu_seconds,
                    result.peak_memory_bytes,
                )
            )

    def flush(self, *, force: bool = False) -> None:
        """Make what was recorded durable, and refresh the snapshot when it is due.

        Raises StorageError for the journal alone; a snapshot can be missed, and what the
        cache does not take is offered again.
        """
        if self.cache.refused and not self._refusal_told:
            self._refusal_told = True
            text = f'cannot write to the cache "{self.run.store.uri}/cache": '
            self.record(Kind.NOTE, text=f"{text}its results are used, none are added")
        self.journal.flush(final=force)
        if force or time.monotonic() - self._status_at >= STATUS_EVERY_S:
            self._status_at = time.monotonic()
            snapshot = RunDirectory(plain(self.run.store), self.run.id)
            with contextlib.suppress(StorageError):
                self.journal.verify()
                position = self.journal.position
                snapshot.write_json("status.json", snapshot_of(self.fold, self.now(), position))
        if self._unkept and (force or time.monotonic() - self._kept_at >= KEEP_EVERY_S):
            self._keep_again()

    def _keep(self, record: StepRecord) -> None:
        """Keep a result for later runs, now or later: this run has it in its journal."""
        try:
            self.cache.write(record)
        except StorageError as error:
            if not self._unkept:
                self.record(Kind.NOTE, text=f"a result is not in the cache yet: {error.text}")
                self._kept_at = time.monotonic()
            self._unkept.append(record)

    def _keep_again(self) -> None:
        self._kept_at = time.monotonic()
        while self._unkept:
            try:
                self.cache.write(self._unkept[-1])
            except StorageError:
                return
            self._unkept.pop()

    def remember(self) -> None:
        """Tell the next plan what each task was made of, so that it can say what changed."""
        self.cache.save()
        for number, task in enumerate(self.plan.tasks):
            past = tuple(self._past(index) for index in task.steps if self.has_result(index))
            if past:
                self.cache.write_history(self._history(number, past))

    def _past(self, index: int) -> PastStep:
        step = self.plan.steps[index]
        return PastStep(
            tuple(value.text for value in step.values),
            self.keys.get(index) or step.key or "",
            tuple(sorted(self.inputs.get(index, {}).items())),
            self._seconds.get(index),
        )

    def _history(self, number: int, past: tuple[PastStep, ...]) -> TaskHistory:
        """A task as it is now; steps that did not get that far stay as they were."""
        task = self.plan.tasks[number]
        code = tuple((file.path, file.digest) for file in task.code)
        name, names = task.task.name, task.task.matrix_names
        if len(past) < len(task.steps):
            before = self.cache.history(name)
            if before is not None and before.names == names:
                known = {step.values for step in past}
                past += tuple(step for step in before.steps if step.values not in known)
        return TaskHistory(name, self.run.id, names, task.parts, code, past)


def usage_of(result: StepResult) -> dict[str, object]:
    """What an attempt took, as the journal holds it."""
    return {
        "attempt": result.attempt,
        "started": result.started,
        "seconds": result.seconds,
        "cpu": result.cpu_seconds,
        "peak": result.peak_memory_bytes,
        "worker": result.worker,
    }

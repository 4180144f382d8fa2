"""From events to the state of a run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scalable_cli.journal.events import Event, Kind, parse_segment
from scalable_cli.model.artifact import ArtifactRef
from scalable_cli.model.run import (
    ArtifactEvent,
    Failure,
    FailureKind,
    RunState,
    StepState,
    TaskProgress,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scalable_cli.model.store import Store


@dataclass(slots=True)
class TaskFacts:
    """A task's counters while folding; `counts` are of its steps that were heard of."""

    component: str
    steps: int
    counts: dict[StepState, int] = field(default_factory=lambda: dict.fromkeys(StepState, 0))
    retried: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_memory_bytes: int = 0
    longest_s: float = 0.0


@dataclass(slots=True)
class StepFacts:
    """The latest of one step."""

    task: TaskFacts
    state: StepState = StepState.WAITING
    attempt: int = 0
    key: str = ""
    outputs: list[object] = field(default_factory=list)
    at: float = 0.0

    def move(self, state: StepState) -> None:
        """Go over to a state, and be counted there."""
        self.task.counts[self.state] -= 1
        self.task.counts[state] += 1
        self.state = state


class Fold:
    """Takes events in order; what it knows so far can be read at any time."""

    def __init__(self) -> None:
        self.state = RunState.RUNNING
        self.reason: str | None = None
        self.ended: float | None = None
        self.cost: str | None = None
        self.head: str | None = None
        self.generation = 0
        self.tasks: dict[str, TaskFacts] = {}
        self.steps: dict[str, StepFacts] = {}
        self.failures: dict[str, Failure] = {}
        self.artifacts: dict[str, ArtifactEvent] = {}
        self.busy_s = 0.0
        self._declared: dict[str, int] = {}
        self._added: set[str] = set()

    def declare(self, task: str, component: str, steps: int) -> None:
        """Say how many steps a task has."""
        self.tasks[task] = TaskFacts(component, steps)

    def take(self, event: Event) -> None:
        """Fold one event."""
        if event.kind in _OF_STEPS:
            self._take_step(event)
            return
        match event.kind:
            case Kind.RUN_STARTED:
                self.state, self.reason, self.ended = RunState.RUNNING, None, None
                self.head = event.text("head") or None
                self.generation = int(event.number("generation"))
                if not event.values.get("continued"):
                    self._forget_workflow()
                for facts in self.steps.values():
                    if facts.state is StepState.RUNNING:
                        facts.move(StepState.WAITING)
            case Kind.RUN_ENDED:
                self.state = RunState(event.text("state"))
                self.reason = event.text("reason") or None
                self.cost = event.text("cost") or None
                self.ended = event.at
            case Kind.TASK_DECLARED:
                self._declare_more(event)
            case Kind.ARTIFACT:
                path = event.text("path")
                self.artifacts[path] = ArtifactEvent(
                    path, event.text("uri"), event.text("digest"), int(event.number("size"))
                )
            case _:  # a note
                pass

    def progress(self) -> tuple[TaskProgress, ...]:
        """The counters of every task, in the order they were declared."""
        return tuple(
            TaskProgress(
                name,
                task.component,
                task.steps,
                running=task.counts[StepState.RUNNING],
                done=task.counts[StepState.DONE],
                cached=task.counts[StepState.CACHED],
                failed=task.counts[StepState.FAILED],
                skipped=task.counts[StepState.SKIPPED],
                retried=task.retried,
                seconds=task.seconds,
                cpu_seconds=task.cpu_seconds,
                peak_memory_bytes=task.peak_memory_bytes,
                longest_s=task.longest_s,
            )
            for name, task in self.tasks.items()
        )

    def workflow_steps(self) -> dict[str, int]:
        """How many steps the workflow has announced, by task."""
        return dict(self._declared)

    def _declare_more(self, event: Event) -> None:
        task, steps = event.text("task"), int(event.number("steps"))
        self._declared[task] = self._declared.get(task, 0) + steps
        if task not in self.tasks:
            self._added.add(task)
            self.declare(task, event.text("component"), 0)
        self.tasks[task].steps += steps

    def _forget_workflow(self) -> None:
        """A workflow starts from its beginning and announces its steps anew."""
        for task, steps in self._declared.items():
            self.tasks[task].steps -= steps
        for step in [step for step in self.steps if task_of(step) in self._declared]:
            facts = self.steps.pop(step)
            facts.task.counts[facts.state] -= 1
            self.failures.pop(step, None)
        for task in self._added:
            del self.tasks[task]
        self._declared.clear()
        self._added.clear()

    def _take_step(self, event: Event) -> None:
        values = event.values
        step = event.text("step")
        facts = self.steps.get(step) or self._new_step(step)
        attempt = values.get("attempt")
        if isinstance(attempt, int) and attempt > facts.attempt:
            facts.attempt = attempt
        facts.at = event.at
        facts.move(_OF_STEPS[event.kind])
        if event.kind is Kind.STEP_DONE or event.kind is Kind.STEP_CACHED:
            facts.key = event.text("key")
            outputs = values.get("outputs")
            facts.outputs = outputs if isinstance(outputs, list) else []
            if self.failures:
                self.failures.pop(step, None)
        elif event.kind is Kind.STEP_RETRIED:
            facts.task.retried += 1
        elif event.kind is Kind.STEP_FAILED:
            self.failures[step] = _failure(step, facts.attempt, event)
        if event.kind in _TOOK_TIME:
            self._add_usage(facts.task, event)

    def _new_step(self, step: str) -> StepFacts:
        name = task_of(step)
        task = self.tasks.get(name)
        if task is None:
            task = self.tasks[name] = TaskFacts("", 0)
        facts = self.steps[step] = StepFacts(task)
        task.counts[facts.state] += 1
        return facts

    def _add_usage(self, task: TaskFacts, event: Event) -> None:
        seconds = event.number("seconds")
        self.busy_s += seconds
        task.seconds += seconds
        task.cpu_seconds += event.number("cpu")
        task.peak_memory_bytes = max(task.peak_memory_bytes, int(event.number("peak")))
        task.longest_s = max(task.longest_s, seconds)


_OF_STEPS = {
    Kind.STEP_STARTED: StepState.RUNNING,
    Kind.STEP_DONE: StepState.DONE,
    Kind.STEP_CACHED: StepState.CACHED,
    Kind.STEP_RETRIED: StepState.WAITING,
    Kind.STEP_FAILED: StepState.FAILED,
    Kind.STEP_SKIPPED: StepState.SKIPPED,
}
_TOOK_TIME = frozenset({Kind.STEP_DONE, Kind.STEP_RETRIED, Kind.STEP_FAILED})


def _failure(step: str, attempt: int, event: Event) -> Failure:
    code = event.values.get("exit")
    return Failure(
        step,
        attempt,
        FailureKind(event.text("class") or "step"),
        event.text("text"),
        code if isinstance(code, int) else None,
        event.text("log") or None,
    )


def read_events(store: Store, run: str, after: str = "") -> Iterator[Event]:
    """Every event of a run in order, or of the segments behind the one with the key `after`.

    A torn last line (a head killed while writing) is dropped. One segment is in memory at once.
    """
    for entry in store.scan(f"{run}/journal/"):
        if entry.key > after:
            yield from parse_segment(store.read(entry.key))


def task_of(step: str) -> str:
    """The task of a step id ("simulate[scenario=1]" -> "simulate")."""
    return step.partition("[")[0]


def encode_refs(refs: tuple[ArtifactRef, ...]) -> list[list[object]]:
    """Artifact references as the journal holds them: [path, digest, size] or with the files."""
    return [
        [r.path, r.digest, r.size] + ([[list(f) for f in r.files]] if r.files is not None else [])
        for r in refs
    ]


def decode_refs(values: list[object]) -> tuple[ArtifactRef, ...]:
    """What `encode_refs` wrote; raises ValueError or TypeError when it is not."""
    refs = []
    for value in values:
        if not isinstance(value, list) or len(value) not in (3, 4):
            raise ValueError("an artifact is [path, digest, size] or [path, digest, size, files]")
        files = tuple((str(p), str(d), int(s)) for p, d, s in value[3]) if value[3:] else None
        refs.append(ArtifactRef(str(value[0]), str(value[1]), int(value[2]), files=files))
    return tuple(refs)

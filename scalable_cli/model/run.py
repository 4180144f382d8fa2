"""A run as its journal tells it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class RunState(Enum):
    """Where a run is. LOST: the head is gone and did not say goodbye."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"
    LOST = "lost"

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen by itself."""
        return self is not RunState.RUNNING


class StepState(Enum):
    """Where a step is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    CACHED = "cached"
    FAILED = "failed"
    SKIPPED = "skipped"

    # Enum's own is Python code, and counting steps asks for it all the time.
    __hash__ = object.__hash__


class FailureKind(Enum):
    """Who is to blame: the step itself, the machines, or something that no retry mends."""

    STEP = "step"
    INFRASTRUCTURE = "infrastructure"
    PERMANENT = "permanent"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt failed; `log` is the key of its log in the run directory."""

    step: str
    attempt: int
    kind: FailureKind
    text: str
    exit_code: int | None
    log: str | None


@dataclass(frozen=True, slots=True)
class TaskProgress:
    """Counts of a task's steps, and what the finished ones took."""

    task: str
    component: str
    steps: int
    running: int = 0
    done: int = 0
    cached: int = 0
    failed: int = 0
    skipped: int = 0
    retried: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_memory_bytes: int = 0
    longest_s: float = 0.0

    @property
    def ended(self) -> int:
        """Steps that need nothing more."""
        return self.done + self.cached + self.failed + self.skipped


@dataclass(frozen=True, slots=True)
class ArtifactEvent:
    """Something that a workflow stored; `uri` is where."""

    path: str
    uri: str
    digest: str
    size: int


@dataclass(frozen=True, slots=True)
class Run:
    """A run folded from its directory. Times in seconds since the epoch.

    `cost` and `estimated` are decimal strings in USD, None where unknown.
    """

    id: str
    uri: str
    project: str
    target: str
    provider: str
    manifest: str
    manifest_lock: str
    state: RunState
    created: float
    ended: float | None
    version: str
    tasks: tuple[TaskProgress, ...]
    failures: tuple[Failure, ...]
    artifacts: tuple[ArtifactEvent, ...] = ()
    cost: str | None = None
    estimated: str | None = None
    estimated_s: str | None = None
    head: str | None = None
    reason: str | None = None

    @property
    def results(self) -> str:
        """Where its results are: what a workflow stores lies in the run itself."""
        return self.uri if self.artifacts else f"{self.uri}/artifacts"

    @property
    def steps(self) -> int:
        """How many steps the run has."""
        return sum(task.steps for task in self.tasks)

    def count(self, state: StepState) -> int:
        """How many steps are in `state`."""
        if state is StepState.WAITING:
            return sum(t.steps - t.ended - t.running for t in self.tasks)
        return sum(getattr(task, state.value) for task in self.tasks)

    @property
    def retried(self) -> int:
        """How many attempts were made again."""
        return sum(task.retried for task in self.tasks)

"""What a run would do: every step in order, which are cached, and why the others must run."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scalable_cli.model.cache import StepRecord
    from scalable_cli.model.manifest import Component, Manifest, Task, Value


class Why(Enum):
    """Why a step must run."""

    NEW = "new"
    COMMAND = "command changed"
    CODE = "code changed"
    COMPONENT = "component changed"
    PARAMETER = "parameter"
    INPUT = "input"
    OUTPUTS = "outputs changed"
    MISSING = "output missing"
    FORCED = "forced"
    UPSTREAM = "upstream runs"
    UNCACHED = "cache is off"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a step runs, as the user reads it: "parameter scenario 10 -> 11"."""

    why: Why
    text: str


@dataclass(frozen=True, slots=True)
class CodeFile:
    """A file of the project that travels with the run; `path` relative, `mode` as in stat."""

    path: str
    digest: str
    size: int
    mode: int


@dataclass(frozen=True, slots=True)
class FileInput:
    """A project file that a step reads."""

    name: str
    path: str
    digest: str


@dataclass(frozen=True, slots=True)
class StepInput:
    """Outputs of other steps that a step reads.

    `steps` index `Plan.steps`; `output` is the position in the upstream task's outputs.
    One object is shared by all steps that read the same.
    """

    name: str
    steps: Sequence[int]
    output: int
    label: str  # "prepare.grid"


InputRef = FileInput | StepInput


@dataclass(frozen=True, slots=True)
class Step:
    """One task instance.

    `id` is "task" or "task[name=value,…]"; `needs` index `Plan.steps` (each sequence may be
    shared); `outputs` are artifact paths in the order of the task's outputs. `key` is None
    while the digest of an input is not known yet. `record` is set when the step is cached,
    `reason` when it must run.
    """

    id: str
    task: int
    values: tuple[Value, ...]
    needs: tuple[Sequence[int], ...]
    inputs: tuple[InputRef, ...]
    outputs: tuple[str, ...]
    key: str | None = None
    record: StepRecord | None = None
    reason: Reason | None = None

    @property
    def cached(self) -> bool:
        """Whether the result of an earlier run is used."""
        return self.record is not None


@dataclass(frozen=True, slots=True)
class PlannedTask:
    """A task with its component, the range of its steps, and what its steps' keys share.

    `parts` and `code` have the form of `TaskHistory`; `base` is the digest of both.
    """

    task: Task
    component: Component
    steps: range
    base: str
    parts: tuple[tuple[str, str], ...]
    code: tuple[CodeFile, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """Every step of a run; upstream steps come before those that need them.

    `workflow` is the Python file that does the tasks without a command, if there are any.
    `code` are all project files that any step sees, sorted by path.
    """

    manifest: Manifest
    tasks: tuple[PlannedTask, ...]
    steps: tuple[Step, ...]
    code: tuple[CodeFile, ...]
    code_digest: str
    workflow: str | None = None

    def task_of(self, step: Step) -> PlannedTask:
        """The planned task that `step` belongs to."""
        return self.tasks[step.task]

    @property
    def to_run(self) -> int:
        """How many steps are not cached."""
        return sum(1 for step in self.steps if step.record is None)

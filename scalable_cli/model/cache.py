"""What is remembered about steps that succeeded, so that they need not run again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from scalable_cli.model.artifact import ArtifactRef


@dataclass(frozen=True, slots=True)
class StepRecord:
    """A step that succeeded: its key, outputs in the order of the task, and what it took."""

    key: str
    step: str
    run: str
    outputs: tuple[ArtifactRef, ...]
    seconds: float
    cpu_seconds: float
    peak_memory_bytes: int


@dataclass(frozen=True, slots=True)
class PastStep:
    """What a step of an earlier run was made of; `values` as texts, `inputs` name to digest."""

    values: tuple[str, ...]
    key: str
    inputs: tuple[tuple[str, str], ...]
    seconds: float | None


@dataclass(frozen=True, slots=True)
class TaskHistory:
    """A task as it was in the last run that had it.

    `parts` are the named ingredients of its steps' keys that do not vary by step, each as
    a text or digest ("command", "image", "env", "python", "outputs", "resources", …);
    `code` is path to SHA-256.
    """

    task: str
    run: str
    names: tuple[str, ...]
    parts: tuple[tuple[str, str], ...]
    code: tuple[tuple[str, str], ...]
    steps: tuple[PastStep, ...]


class Known(Protocol):
    """What planning may ask about earlier runs; reads only."""

    def has(self, key: str) -> bool:
        """Whether a step with this key succeeded before (its outputs may be gone since)."""

    def record(self, key: str) -> StepRecord | None:
        """The record of `key`; None when there is none or it cannot be read."""

    def present(self, record: StepRecord) -> bool:
        """Whether every output of the record is still stored with its size."""

    def history(self, task: str) -> TaskHistory | None:
        """The task as the last run had it."""

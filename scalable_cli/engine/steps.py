"""What the head tells a worker about a step, and what it hears back."""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scalable_cli.model.artifact import ArtifactRef

_UNSAFE = re.compile(r"[^A-Za-z0-9._=,+-]")
MAX_NAME = 120


@dataclass(frozen=True, slots=True)
class TaskContext:
    """What all steps of a task share; `code` None means all files of the bundle."""

    name: str
    env: tuple[tuple[str, str], ...]
    timeout_s: float | None
    cpus: str
    memory_limited: bool
    checkpoint: str | None
    code: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class RunContext:
    """What all steps of a run share; `scratch` and `code_cache` are folders of the machine."""

    run: str
    scratch: str
    code_cache: str
    code_digest: str
    code: tuple[str, ...]
    tasks: tuple[TaskContext, ...]


@dataclass(frozen=True, slots=True)
class StagedFile:
    """A file that appears in the working folder: its path there, and the store's key."""

    path: str
    key: str


@dataclass(frozen=True, slots=True)
class StepSpec:
    """One attempt of a step, which may take `memory_bytes`.

    `command` is for `sh -c` (str) or an argument list; `call` is the JSON that a Python task
    is called with. `lists` are files of paths, one a line. `outputs` are artifact paths.
    """

    index: int
    id: str
    task: int
    attempt: int
    command: str | tuple[str, ...]
    inputs: tuple[StagedFile, ...]
    lists: tuple[tuple[str, tuple[str, ...]], ...]
    outputs: tuple[tuple[str, str], ...]
    memory_bytes: int
    call: str | None = None


@dataclass(frozen=True, slots=True)
class StepResult:
    """How an attempt ended; `text` says what went wrong, None when it went well.

    `infrastructure` blames the machine or the store. With `ends_run` no other attempt can do
    better before somebody acts on `hint`.
    """

    index: int
    attempt: int
    exit_code: int | None
    text: str | None
    permanent: bool
    out_of_memory: bool
    stopped: bool
    started: float
    seconds: float
    cpu_seconds: float
    peak_memory_bytes: int
    outputs: tuple[ArtifactRef, ...]
    worker: str
    infrastructure: bool = False
    ends_run: bool = False
    hint: str | None = None


def log_name(step: str, attempt: int) -> str:
    """Where an attempt's log lies in the run directory: logs/<task>/<step>/<attempt>.log."""
    task, _, values = step.partition("[")
    return f"logs/{task}/{file_name(values.rstrip(']') or task)}/{attempt}.log"


def file_name(text: str) -> str:
    """A file name for any text; texts that would collide get a digest."""
    safe = _UNSAFE.sub("_", text)
    if safe == text and len(safe) <= MAX_NAME and not safe.startswith("."):
        return safe
    return f"{safe[: MAX_NAME - 13].lstrip('.')}-{sha256(text.encode()).hexdigest()[:12]}"

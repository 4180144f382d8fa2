"""What a fold amounts to, without its steps: read instead of a long journal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scalable_cli.journal.fold import Fold
from scalable_cli.model.run import ArtifactEvent, Failure, FailureKind, RunState, StepState

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEMA = "scalable.status/1"
# With more failures or artifacts than this the journal itself is read.
MANY = 1000
_COUNTED = tuple(state for state in StepState if state is not StepState.WAITING)
_USAGE = ("retried", "seconds", "cpu_seconds", "peak_memory_bytes", "longest_s")


@dataclass(frozen=True, slots=True)
class Position:
    """How far a journal was read or written: the key of a segment, and its bytes."""

    key: str
    size: int


def snapshot_of(fold: Fold, now: float, position: Position | None = None) -> dict[str, object]:
    """What `status.json` holds; `position` if the fold has taken all of the journal until there."""
    whole = position is not None and max(len(fold.failures), len(fold.artifacts)) <= MANY
    return {
        "schema": SCHEMA,
        "at": round(now, 3),
        "state": fold.state.value,
        "tasks": [
            {
                "task": name,
                "component": task.component,
                "steps": task.steps,
                **{state.value: task.counts[state] for state in _COUNTED},
                **{field: getattr(task, field) for field in _USAGE},
            }
            for name, task in fold.tasks.items()
        ],
        **(_rest(fold, position) if whole and position is not None else {}),
    }


def _rest(fold: Fold, position: Position) -> dict[str, object]:
    """What a report tells beyond the counters."""
    return {
        "reason": fold.reason,
        "ended": fold.ended,
        "cost": fold.cost,
        "head": fold.head,
        "generation": fold.generation,
        "busy_s": fold.busy_s,
        "failures": [
            (f.step, f.attempt, f.kind.value, f.text, f.exit_code, f.log)
            for f in fold.failures.values()
        ],
        "artifacts": [(a.path, a.uri, a.digest, a.size) for a in fold.artifacts.values()],
        "journal": [position.key, position.size],
    }


def read_snapshot(document: Mapping[str, Any]) -> tuple[Fold, float, Position] | None:
    """A fold without steps, when it was made and of how much; None where it says too little."""
    try:
        if document["schema"] != SCHEMA or "journal" not in document:
            return None
        fold = Fold()
        fold.state = RunState(document["state"])
        fold.reason, fold.cost, fold.head = (document[n] for n in ("reason", "cost", "head"))
        fold.ended, fold.busy_s = document["ended"], document["busy_s"]
        fold.generation = document["generation"]
        for row in document["tasks"]:
            fold.declare(row["task"], row["component"], row["steps"])
            task = fold.tasks[row["task"]]
            for state in _COUNTED:
                task.counts[state] = row[state.value]
            for field in _USAGE:
                setattr(task, field, row[field])
        for step, attempt, kind, *others in document["failures"]:
            fold.failures[step] = Failure(step, attempt, FailureKind(kind), *others)
        for fields in document["artifacts"]:
            fold.artifacts[fields[0]] = ArtifactEvent(*fields)
        return fold, float(document["at"]), Position(*document["journal"])
    except (KeyError, ValueError, TypeError, AttributeError):
        return None

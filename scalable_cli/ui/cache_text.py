"""Why the steps of a task run again, or do not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scalable_cli.ui.columns import align, count_of
from scalable_cli.ui.terminal import PLAIN

if TYPE_CHECKING:
    from scalable_cli.model.plan import PlannedTask, Step
    from scalable_cli.ui.terminal import Look

_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Explained:
    """A task and those of its steps that are asked about."""

    task: PlannedTask
    steps: tuple[Step, ...]


def explain_text(explained: Explained, most: int, look: Look = PLAIN) -> str:
    """Each step's result or reason, steps that run first; then what the keys are made of."""
    planned, steps = explained.task, sorted(explained.steps, key=lambda step: step.cached)
    cached = sum(1 for step in steps if step.cached)
    head = f"{look.bold(planned.task.name)}: {count_of(len(steps), 'step')}"
    lines = [f"{head}, {cached:,} cached, {len(steps) - cached:,} to run"]
    lines += [f"  {line}" for line in align([_row(step) for step in steps[:most]])]
    if len(steps) > most:
        lines.append(f"  and {len(steps) - most:,} more; --verbose shows all")
    lines.append("A step runs again when one of these changes:")
    parts = [(name, _short(value)) for name, value in planned.parts if name != "outputs"]
    parts.append(("outputs", ", ".join(path for _, path in planned.task.outputs) or "none"))
    parts.append(("values", ", ".join(planned.task.matrix_names) or "none"))
    parts.append(("inputs", ", ".join(i.name for i in planned.task.inputs) or "none"))
    parts.append(("code", count_of(len(planned.code), "file")))
    lines += [f"  {line}" for line in align(parts)]
    return "".join(f"{line}\n" for line in lines)


def explain_object(explained: Explained) -> dict[str, object]:
    """The object `scalable.cache-explain/1`."""
    planned = explained.task
    return {
        "schema": "scalable.cache-explain/1",
        "task": planned.task.name,
        "component": planned.component.name,
        "steps": [
            {
                "step": step.id,
                "cached": step.cached,
                "key": step.key,
                "run": step.record.run if step.record else None,
                "reason": step.reason.text if step.reason else None,
            }
            for step in explained.steps
        ],
        "parts": dict(planned.parts),
        "code": [{"path": file.path, "sha256": file.digest} for file in planned.code],
    }


def _row(step: Step) -> tuple[str, ...]:
    key = step.key[:_DIGITS] if step.key else "-"
    if step.record is not None:
        return "cached", step.id, f"from {step.record.run}", f"key {key}"
    return "run", step.id, step.reason.text if step.reason else "", f"key {key}"


def _short(value: str) -> str:
    """One line of at most sixty characters."""
    line = " ".join(value.split())
    return line if len(line) <= 60 else line[:59] + "…"

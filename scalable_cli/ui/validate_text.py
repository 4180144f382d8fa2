"""What a check of a manifest found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scalable_cli.ui.columns import count_of
from scalable_cli.ui.problems import problem_object
from scalable_cli.ui.terminal import PLAIN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scalable_cli.model.manifest import Manifest
    from scalable_cli.model.problem import Problem
    from scalable_cli.ui.terminal import Look


def valid_text(manifest: Manifest, look: Look = PLAIN) -> str:
    """The good news: name, targets, tasks and steps, and the lock."""
    targets = count_of(len(manifest.target_names), "target")
    tasks = count_of(len(manifest.tasks), "task")
    parts = [
        f'"{manifest.project.name}"',
        f"{targets} ({', '.join(manifest.target_names)})",
        f"{tasks}, {count_of(_steps(manifest), 'step')}",
    ]
    first = f"{look.bold(manifest.path)}: {look.green('ok')}: {', '.join(parts)}"
    return f"{first}\nlock {manifest.lock} (target '{manifest.target.name}')\n"


def validation_object(manifest: Manifest | None, problems: Sequence[Problem]) -> dict[str, object]:
    """The object `scalable.validate/1`; `manifest` is None when there are errors."""
    return {
        "schema": "scalable.validate/1",
        "valid": manifest is not None,
        "project": manifest.project.name if manifest else None,
        "target": manifest.target.name if manifest else None,
        "targets": list(manifest.target_names) if manifest else None,
        "tasks": len(manifest.tasks) if manifest else None,
        "steps": _steps(manifest) if manifest else None,
        "manifest_lock": manifest.lock if manifest else None,
        "problems": [problem_object(problem) for problem in problems],
    }


def _steps(manifest: Manifest) -> int:
    return sum(task.steps for task in manifest.tasks)

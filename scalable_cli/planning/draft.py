"""The chosen tasks expanded and linked, before it is known what is cached."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scalable_cli.model.plan import PlannedTask
from scalable_cli.planning.expand import EMPTY, Expanded, expand
from scalable_cli.planning.files import dockerfile_path
from scalable_cli.planning.keys import task_base, task_parts
from scalable_cli.planning.links import Link, Upstream, link_steps
from scalable_cli.planning.patterns import select_code

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from scalable_cli.model.manifest import Manifest, Task
    from scalable_cli.model.plan import CodeFile


@dataclass(frozen=True, slots=True)
class Draft:
    """A task in the plan: its steps, and one link a step. The workflow's tasks have no steps."""

    planned: PlannedTask
    expanded: Expanded
    links: list[Link]


def draft_tasks(
    manifest: Manifest,
    chosen: Sequence[Task],
    code: tuple[CodeFile, ...],
    files: Mapping[str, str],
) -> list[Draft]:
    """Draft the `chosen` tasks, which come upstream first.

    `code` are the project files that travel, `files` what `digest_files` found. Raises
    ManifestError for what cannot be expanded, linked or selected.
    """
    components = {component.name: component for component in manifest.components}
    upstream: dict[str, Upstream] = {}
    drafts: list[Draft] = []
    start = 0
    for task in chosen:
        expanded = EMPTY if task.runs_in_workflow else expand(task)
        steps = range(start, start + len(expanded.ids))
        links = list(link_steps(task, expanded.values, upstream, files)) if steps else []
        upstream[task.name] = Upstream(task, steps, expanded.values)
        component = components[task.component]
        selected = select_code(manifest, task, code)
        dockerfile = files.get(dockerfile_path(component) or "")
        parts = task_parts(task, component, manifest.target, dockerfile)
        base = task_base(parts, selected)
        planned = PlannedTask(task, component, steps, base, parts, selected)
        drafts.append(Draft(planned, expanded, links))
        start = steps.stop
    return drafts

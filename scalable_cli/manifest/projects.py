"""The project section, its workflow file, and what a target's images need."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scalable_cli.manifest import schema
from scalable_cli.manifest.files import leaves
from scalable_cli.model.manifest import Project, Provider

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from scalable_cli.manifest.fields import Fields, Reader
    from scalable_cli.manifest.findings import Findings
    from scalable_cli.manifest.nodes import Node, Scalar
    from scalable_cli.model.manifest import Component, Target, Task

WORKFLOW = "workflow.py"
_NEEDS_IMAGE = (Provider.AWS, Provider.GCP, Provider.KUBERNETES)


def read_project(node: Node, reader: Reader, folder: Path, tasks: Sequence[Task]) -> Project | None:
    """The project; None when it has no name. A workflow that tasks need must be there."""
    fields = reader.record(node, schema.PROJECT)
    if fields is None:
        return None
    name = fields.text("name")
    workflow = _workflow(fields, reader, folder, tasks)
    if name is None:
        return None
    return Project(
        name=name,
        default_storage=fields.text("default_storage") or "./scalable-runs",
        local_cache=fields.text("local_cache") or "./.scalable/cache",
        workflow=workflow,
        budget=fields.number("budget"),
        code=fields.text("code") or "bundle",
    )


def _workflow(fields: Fields, reader: Reader, folder: Path, tasks: Sequence[Task]) -> str | None:
    waiting = [task for task in tasks if task.runs_in_workflow]
    named = fields.text("workflow")
    if named is None:
        if (folder / WORKFLOW).is_file():
            return WORKFLOW
        if waiting and "workflow" not in fields.nodes and not reader.found.failed:
            said = f'task "{waiting[0].name}" has no command, and there is no {WORKFLOW}'
            hint = f"add a command, or write {WORKFLOW} beside the manifest"
            reader.found.warning("W601", waiting[0].place, said, hint=hint)
        return None
    where = fields.at("workflow")
    if leaves(named):
        said = f'workflow "{named[:200]}" leaves the project folder'
        hint = "use a path below the manifest's folder"
        reader.found.error("E307", where, said, hint=hint, words=named)
    elif waiting and not _is_file(folder, named):
        said = f'workflow "{named[:200]}" does not exist, and task "{waiting[0].name}" needs it'
        hint = "write it, or give the task a command"
        reader.found.error("E308", where, said, hint=hint, words=named)
    return named


def _is_file(folder: Path, name: str) -> bool:
    try:
        return (folder / name).is_file()
    except (OSError, ValueError):
        return False


def without_image(
    target: Target, key: Scalar, components: Sequence[tuple[Component, Fields]], found: Findings
) -> None:
    """Warn of components that have no image where steps run in nothing else."""
    if target.provider not in _NEEDS_IMAGE or target.image:
        return
    bare = [c.name for c, _ in components if not c.image and not c.build]
    if bare:
        said = f'target "{target.name}" needs images, and component "{bare[0]}" has none'
        hint = "add image: or build: to the component, or image: to the target"
        found.warning("W602", key, said, hint=hint)

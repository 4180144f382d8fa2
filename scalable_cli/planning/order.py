"""Which tasks a plan has, and in which order."""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING

from scalable_cli.errors import RefusedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scalable_cli.model.manifest import Manifest, Task


def chosen_tasks(manifest: Manifest, only: tuple[str, ...]) -> tuple[Task, ...]:
    """The tasks named by `only` (all when empty) and all upstream of them, upstream first.

    Tasks that are ready at the same time keep the order of the manifest. Raises UsageError
    for a name that is no task, RefusedError for an order that cannot be kept.
    """
    tasks = {task.name: task for task in manifest.tasks}
    for name in only:
        if name not in tasks:
            raise UsageError(f'no task is called "{name}"', hint=_suggestion(name, tasks))
    wanted = _with_upstream(tasks, only or tuple(tasks))
    return _sorted({name: task for name, task in tasks.items() if name in wanted})


def upstream_names(task: Task) -> tuple[str, ...]:
    """The tasks that `task` needs or reads from, each once, in the order written."""
    read = (item.task for item in task.inputs if item.task is not None)
    return tuple(dict.fromkeys((*task.needs, *read)))


def _with_upstream(tasks: Mapping[str, Task], names: tuple[str, ...]) -> set[str]:
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(upstream_names(tasks[name]))
    return found


def _sorted(tasks: Mapping[str, Task]) -> tuple[Task, ...]:
    names = tuple(tasks)
    position = {name: index for index, name in enumerate(names)}
    missing = {name: len(upstream_names(task)) for name, task in tasks.items()}
    downstream: dict[str, list[str]] = {name: [] for name in names}
    for name, task in tasks.items():
        for upstream in upstream_names(task):
            _check_order(task, tasks[upstream])
            downstream[upstream].append(name)
    ready = [position[name] for name in names if not missing[name]]
    heapify(ready)
    order: list[Task] = []
    while ready:
        name = names[heappop(ready)]
        order.append(tasks[name])
        for later in downstream[name]:
            missing[later] -= 1
            if not missing[later]:
                heappush(ready, position[later])
    if len(order) < len(names):
        stuck = ", ".join(f'"{name}"' for name in names if missing[name])
        raise RefusedError(f"tasks need each other: {stuck}", hint="break the circle in needs")
    return tuple(order)


def _check_order(task: Task, upstream: Task) -> None:
    """Refuse a step that would have to wait for the workflow, which starts after the steps."""
    if upstream.runs_in_workflow and not task.runs_in_workflow:
        raise RefusedError(
            f'task "{task.name}" needs "{upstream.name}", which the workflow does',
            hint=f'give "{upstream.name}" a command, or let the workflow do "{task.name}" too',
        )


def _suggestion(name: str, tasks: Mapping[str, Task]) -> str:
    from difflib import get_close_matches

    close = get_close_matches(name, tasks, n=1)
    if close:
        return f'did you mean "{close[0]}"?'
    return f"the tasks are {', '.join(tasks)}" if tasks else "the manifest has no tasks"

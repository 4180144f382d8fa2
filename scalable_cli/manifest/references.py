"""Follows what tasks name: components, needed tasks, inputs; finds circles and steps to pair."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from scalable_cli.manifest.files import leaves, project_path
from scalable_cli.manifest.matrix import MOST_STEPS
from scalable_cli.manifest.nodes import Listing, Mapping, Scalar
from scalable_cli.manifest.outputs import check_outputs
from scalable_cli.manifest.suggest import did_you_mean, one_of
from scalable_cli.model.manifest import Input

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from collections.abc import Mapping as Lookup
    from pathlib import Path

    from scalable_cli.manifest.findings import Findings
    from scalable_cli.manifest.nodes import Node
    from scalable_cli.manifest.tasks import ReadTask
    from scalable_cli.model.manifest import Task


@dataclass(frozen=True)
class References:
    """Follows the references of all tasks; `files` remembers which project files are there."""

    tasks: Lookup[str, ReadTask]
    task_names: Collection[str]
    components: Collection[str]
    folder: Path
    found: Findings

    def follow(self) -> tuple[Task, ...]:
        """The tasks with their inputs, and with needs that their inputs imply."""
        linked = [self._linked(read) for read in self.tasks.values()]
        by_name = {task.name: task for task in linked}
        self._check_circles(by_name)
        for task in linked:
            if "zip" in self.tasks[task.name].fields.nodes and task.zip:
                self._check_zip(task, by_name)
        total = sum(task.steps for task in linked)
        if total > MOST_STEPS >= max(task.steps for task in linked):
            said, hint = f"the tasks have {total} steps", f"at most {MOST_STEPS} in one manifest"
            self.found.error("E406", linked[-1].place, said, hint=hint)
        elif total <= MOST_STEPS:
            check_outputs(list(self.tasks.values()), self.found)
        return tuple(linked)

    def _linked(self, read: ReadTask) -> Task:
        task, nodes = read.task, read.fields.nodes
        if task.component and task.component not in self.components:
            hint = did_you_mean(task.component, self.components) or _known(self.components)
            said = f'component "{task.component[:80]}" is not there'
            node = nodes["component"]
            self.found.error("E301", node, said, hint=hint, words=task.component)
        needs = self._needs(task, nodes.get("needs"))
        inputs = self._inputs(task, nodes.get("inputs"))
        implied = [item.task for item in inputs if item.task]
        return replace(task, needs=tuple(dict.fromkeys([*needs, *implied])), inputs=inputs)

    def _needs(self, task: Task, node: Node | None) -> list[str]:
        items = node.items if isinstance(node, Listing) else []
        for name in task.needs:
            if name not in self.task_names:
                at = next(
                    (i for i in items if isinstance(i, Scalar) and i.text == name), task.place
                )
                hint = did_you_mean(name, self.task_names) or _known(self.task_names)
                said = f'task "{name[:80]}" is not there'
                self.found.error("E302", at, said, hint=hint, words=name)
        return [name for name in task.needs if name in self.tasks]

    def _inputs(self, task: Task, node: Node | None) -> tuple[Input, ...]:
        inputs = []
        pairs = self.tasks[task.name].fields.pairs("inputs")
        for name, text in pairs:
            assert isinstance(node, Mapping)
            where = node.items[name]
            if not isinstance(where, Scalar) or "{{" in text:
                continue
            source, dot, output = text.partition(".")
            if dot and source in self.tasks:
                outputs = dict(self.tasks[source].task.outputs)
                if output in outputs:
                    inputs.append(Input(name, source, output))
                elif leaves(text) or not (self.folder / text).is_file():
                    said = f'task "{source}" has no output "{output[:80]}"'
                    hint = did_you_mean(output, outputs) or _known(outputs, "its outputs")
                    self.found.error("E303", where, said, hint=hint, words=text)
                else:
                    inputs.append(Input(name, path=text))
            elif dot and source in self.task_names:
                continue
            elif text in self.tasks:
                hint = _known([f"{text}.{o}" for o, _ in self.tasks[text].task.outputs], "write")
                said = f'"{text}" is a task; an input is one of its outputs'
                self.found.error("E303", where, said, hint=hint, words=text)
            elif self._file(text, where):
                inputs.append(Input(name, path=text))
        return tuple(inputs)

    def _file(self, text: str, where: Scalar) -> bool:
        source, dot, output = text.partition(".")
        if dot and "/" not in text and not leaves(text) and not (self.folder / text).exists():
            near = did_you_mean(source, self.task_names)
            outputs = {
                f"{name}.{o}"
                for name, read in self.tasks.items()
                for o, _ in read.task.outputs
                if o == output
            }
            hint = did_you_mean(text, outputs)
            if near and hint:
                said = f'"{text}" is neither an output of a task nor a file'
                self.found.error("E303", where, said, hint=hint, words=text)
                return False
        path = project_path(self.folder, text, where, self.found, what="input file", or_folder=True)
        return path is not None

    def _check_circles(self, tasks: Lookup[str, Task]) -> None:
        for circle in circles({name: task.needs for name, task in tasks.items()}):
            said = f"tasks need each other in a circle: {' -> '.join((*circle, circle[0]))}"
            first = tasks[circle[0]]
            fields = self.tasks[circle[0]].fields
            where = fields.nodes.get("needs") or fields.nodes.get("inputs") or first.place
            hint = f'"{circle[0]}" cannot wait for itself'
            self.found.error("E304", where, said, hint=hint)

    def _check_zip(self, task: Task, tasks: Lookup[str, Task]) -> None:
        node = self.tasks[task.name].fields.at("zip")
        if self.tasks[task.name].matrix_failed:
            return
        needed = [tasks[n] for n in task.needs if tasks[n].matrix]
        if any(self.tasks[n].matrix_failed for n in task.needs):
            return
        if not task.matrix or not needed:
            said = "zip pairs the steps of two tasks with a matrix, and there is only one"
            self.found.error("E414", node, said, hint='remove "zip", or need a task with a matrix')
            return
        for other in needed:
            common = [name for name in task.matrix_names if name in other.matrix_names]
            if not common:
                said = f'task "{task.name}" and task "{other.name}" have no matrix name in common'
                hint = f'"{other.name}" has {one_of(other.matrix_names)}'
                self.found.error("E414", node, said, hint=hint)
            for name in common:
                alone = _values(task, name) - _values(other, name)
                if alone:
                    said = f'no step of task "{other.name}" has {name} "{min(alone)[:80]}"'
                    where = self.tasks[task.name].fields.at("matrix")
                    self.found.error(
                        "E415", where, said, hint=f'give "{other.name}" the same values'
                    )


def circles(needs: Lookup[str, Sequence[str]]) -> list[tuple[str, ...]]:
    """Each circle of needs once, in the order of the arrows; without recursion."""
    state: dict[str, int] = {}  # 1: on the path, 2: done
    result: list[tuple[str, ...]] = []
    for root in needs:
        path: list[str] = []
        work: list[tuple[str, int]] = [(root, 0)] if root not in state else []
        while work:
            name, position = work.pop()
            if position == 0:
                state[name] = 1
                path.append(name)
            known = [n for n in needs[name] if n in needs]
            if position == len(known):
                state[name] = 2
                path.pop()
                continue
            work.append((name, position + 1))
            below = known[position]
            if state.get(below) == 1:
                result.append(tuple(path[path.index(below) :]))
            elif below not in state:
                work.append((below, 0))
    return result


def _values(task: Task, name: str) -> set[str]:
    for axis in task.matrix:
        if name in axis.names:
            at = axis.names.index(name)
            return {row[at].text for row in axis.rows}
    return set()


def _known(names: Collection[str], what: str = "known") -> str | None:
    return f"{what}: {', '.join(list(names)[:12])}" if names else None

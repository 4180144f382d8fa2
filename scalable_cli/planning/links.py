"""What each step of a task waits for and reads; equal sequences are one shared object."""

from __future__ import annotations

from itertools import repeat
from typing import TYPE_CHECKING

from scalable_cli.errors import ManifestError
from scalable_cli.model.plan import FileInput, StepInput
from scalable_cli.model.problem import Problem
from scalable_cli.planning.order import upstream_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from scalable_cli.model.manifest import Input, Task, Value
    from scalable_cli.model.plan import InputRef

Needs = tuple["Sequence[int]", ...]
Link = tuple[Needs, tuple["InputRef", ...]]
Values = "Sequence[tuple[Value, ...]]"


def link_steps(
    task: Task,
    values: Sequence[tuple[Value, ...]],
    upstream: Mapping[str, Upstream],
    files: Mapping[str, str],
) -> Iterable[Link]:
    """What each step of `task` needs and reads, in the order of its steps.

    `files` is the digest of every project file that is an input. Steps that need and read
    the same get the same object. Raises ManifestError for a zip without a partner.
    """
    names = [n for n in upstream_names(task) if not upstream[n].task.runs_in_workflow]
    joins = {name: _Join(task, upstream[name]) for name in names}
    linker = _Linker(task, joins, files)
    shared = sorted({name for join in joins.values() for name in join.names})
    if not shared:
        return repeat(linker.link({}), len(values))
    return linker.link_all(values, shared)


class Upstream:
    """A task that was planned before, with the range of its steps in the plan."""

    def __init__(self, task: Task, steps: range, values: Sequence[tuple[Value, ...]]) -> None:
        self.task = task
        self.steps = steps
        self._values = values

    def groups(self, names: tuple[str, ...]) -> dict[tuple[str, ...], tuple[int, ...]]:
        """The steps by the texts of their values of `names`."""
        positions = [self.task.matrix_names.index(name) for name in names]
        found: dict[tuple[str, ...], list[int]] = {}
        for index, row in zip(self.steps, self._values, strict=True):
            found.setdefault(tuple([row[p].text for p in positions]), []).append(index)
        return {key: tuple(steps) for key, steps in found.items()}


class _Join:
    """How the steps of a task find their upstream steps in one upstream task."""

    def __init__(self, task: Task, upstream: Upstream) -> None:
        common = set(task.matrix_names) & set(upstream.task.matrix_names)
        self.upstream = upstream
        self.names = tuple(sorted(common)) if task.zip else ()
        self._groups = upstream.groups(self.names) if self.names else {}
        self._inputs: dict[tuple[str, tuple[str, ...]], StepInput] = {}

    def steps(self, key: tuple[str, ...]) -> Sequence[int]:
        return self._groups.get(key, ()) if self.names else self.upstream.steps

    def step_input(self, item: Input, key: tuple[str, ...]) -> StepInput:
        found = self._inputs.get((item.name, key))
        if found is None:
            outputs = [name for name, _ in self.upstream.task.outputs]
            position = outputs.index(item.output or "")
            label = f"{item.task}.{item.output}"
            found = StepInput(item.name, self.steps(key), position, label)
            self._inputs[item.name, key] = found
        return found


class _Linker:
    """Makes the links of one task from the values that it shares with its upstream tasks."""

    def __init__(self, task: Task, joins: dict[str, _Join], files: Mapping[str, str]) -> None:
        self._task = task
        self._joins = joins
        self._files = {
            item.name: FileInput(item.name, item.path, files[item.path])
            for item in task.inputs
            if item.path is not None
        }

    def link_all(self, values: Sequence[tuple[Value, ...]], shared: list[str]) -> Iterable[Link]:
        positions = [self._task.matrix_names.index(name) for name in shared]
        made: dict[tuple[str, ...], Link] = {}
        for row in values:
            key = tuple([row[p].text for p in positions])
            link = made.get(key)
            if link is None:
                link = made[key] = self.link(dict(zip(shared, key, strict=True)))
            yield link

    def link(self, shared: Mapping[str, str]) -> Link:
        keys = {n: tuple([shared[s] for s in join.names]) for n, join in self._joins.items()}
        needs = tuple(self._steps(name, key, shared) for name, key in keys.items())
        inputs = tuple(self._input(item, keys) for item in self._task.inputs)
        return needs, inputs

    def _input(self, item: Input, keys: Mapping[str, tuple[str, ...]]) -> InputRef:
        if item.task is None:
            return self._files[item.name]
        return self._joins[item.task].step_input(item, keys[item.task])

    def _steps(self, name: str, key: tuple[str, ...], shared: Mapping[str, str]) -> Sequence[int]:
        join = self._joins[name]
        steps = join.steps(key)
        if join.names and not steps:
            values = ", ".join(f"{n} {shared[n]}" for n in join.names)
            text = f'task "{self._task.name}" has a step with {values}, and "{name}" has none'
            hint = f'give both tasks the same values, or remove zip from "{self._task.name}"'
            raise ManifestError((Problem("E415", text, self._task.place, hint),))
        return steps

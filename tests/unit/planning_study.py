"""A small study for the tests of planning: manifests made by hand, and a run that is pretended."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from scalable_cli.model.artifact import ArtifactRef
from scalable_cli.model.cache import PastStep, StepRecord, TaskHistory
from scalable_cli.model.manifest import (
    Axis,
    Component,
    Input,
    LocalOptions,
    Manifest,
    Project,
    Provider,
    Target,
    Task,
    Value,
)
from scalable_cli.model.plan import FileInput
from scalable_cli.model.problem import Place
from scalable_cli.planning import PlanRequest, inputs_digest, make_plan, scan_code, step_key
from scalable_cli.store.cache import StepCache, object_key
from scalable_cli.store.local import LocalStore

if TYPE_CHECKING:
    from pathlib import Path

    from scalable_cli.model.plan import Plan, Step

PLACE = Place("scalable.yaml", 7, 3)
COMPONENT = Component("model")
HERE = Target("local", Provider.LOCAL, LocalOptions(2), 2)
PROJECT = Project("study", "./scalable-runs", "./.scalable/cache", "workflow.py")


def axis(name: str, *values: str | int) -> Axis:
    """A list in a matrix."""
    return Axis((name,), tuple((value(v),) for v in values))


def table(names: str, *rows: str, source: str = "table.csv") -> Axis:
    """A CSV file in a matrix; names and rows are words."""
    cells = tuple(tuple(value(word) for word in row.split()) for row in rows)
    return Axis(tuple(names.split()), cells, source)


def value(plain: str | int) -> Value:
    """A matrix value, as the manifest gives it."""
    return Value(str(plain), plain if isinstance(plain, int) else None)


def task(name: str, *matrix: Axis, reads: str = "", writes: str = "out", **fields: object) -> Task:
    """A task; `reads` are inputs like "prepare.grid" or "data.csv", `writes` output names."""
    inputs = tuple(_input(word) for word in reads.split())
    cells = "".join(f"-{{{{ matrix.{n} }}}}" for one in matrix for n in one.names)
    outputs = tuple((out, f"{name}/{out}{cells}.txt") for out in writes.split())
    given: dict[str, object] = {"command": f"make {name}", "inputs": inputs, "outputs": outputs}
    return Task(name, "model", PLACE, matrix=matrix, **(given | fields))  # type: ignore[arg-type]


def _input(word: str) -> Input:
    first, _, second = word.partition(".")
    if second in ("csv", "txt") or "/" in word:
        return Input(first.replace("/", "_"), path=word)
    return Input(second, task=first, output=second)


@dataclass(frozen=True)
class Study:
    """A project in `folder` with `tasks`, and its cache."""

    folder: Path
    tasks: tuple[Task, ...]
    component: Component = COMPONENT
    target: Target = HERE
    project: Project = PROJECT

    @property
    def manifest(self) -> Manifest:
        path = str(self.folder / "scalable.yaml")
        lock = hashlib.sha256(repr((self.tasks, self.component)).encode()).hexdigest()
        components, folder = (self.component,), str(self.folder)
        return Manifest(
            path, folder, self.project, self.target, ("local",), components, self.tasks, lock
        )

    @property
    def store(self) -> LocalStore:
        return LocalStore(self.folder / "scalable-runs")

    @property
    def cache(self) -> StepCache:
        return StepCache(self.store)

    def with_tasks(self, *tasks: Task) -> Study:
        return replace(self, tasks=tasks)

    def changed(self, name: str, **fields: object) -> Study:
        """The study with some fields of one task replaced."""
        new = [replace(t, **fields) if t.name == name else t for t in self.tasks]  # type: ignore[arg-type]
        return replace(self, tasks=tuple(new))

    def plan(self, **request: object) -> Plan:
        manifest = self.manifest
        asked = {"code": scan_code(manifest)} | request
        return make_plan(PlanRequest(manifest, self.cache, **asked))  # type: ignore[arg-type]

    def reasons(self, **request: object) -> dict[str, str | None]:
        """What the plan says of each step; None where it is cached."""
        return {s.id: s.reason and s.reason.text for s in self.plan(**request).steps}

    def run(self, *, content: str = "", **request: object) -> Plan:
        """Pretend to run the plan: every output holds its own path and `content`."""
        plan, cache = self.plan(**request), self.cache
        done: list[StepRecord] = []
        read: list[dict[str, str]] = []
        for step in plan.steps:
            digests = _digests(step, done)
            key = step_key(plan.task_of(step), step, digests)
            assert step.key in (None, key)
            done.append(step.record or self._do(step, key, content))
            read.append(digests)
            cache.write(done[-1])
        for planned in plan.tasks:
            cache.write_history(_history(planned, plan, done, read))
        return plan

    def _do(self, step: Step, key: str, content: str) -> StepRecord:
        refs = []
        for path in step.outputs:
            data = (path + content).encode()
            digest = hashlib.sha256(data).hexdigest()
            self.store.write(object_key(digest), data)
            refs.append(ArtifactRef(path, digest, len(data), f"{self.store.uri}/{path}"))
        return StepRecord(key, step.id, "run-1", tuple(refs), 1.5, 1.25, 4096)


def _digests(step: Step, done: list[StepRecord]) -> dict[str, str]:
    found = {}
    for item in step.inputs:
        if isinstance(item, FileInput):
            found[item.name] = item.digest
        else:
            found[item.name] = inputs_digest(done[s].outputs[item.output] for s in item.steps)
    return found


def _history(planned, plan, done, read) -> TaskHistory:  # type: ignore[no-untyped-def]
    past = tuple(
        PastStep(
            tuple(v.text for v in plan.steps[s].values),
            done[s].key,
            tuple(read[s].items()),
            1.5,
        )
        for s in planned.steps
    )
    code = tuple((f.path, f.digest) for f in planned.code)
    names = planned.task.matrix_names
    return TaskHistory(planned.task.name, "run-1", names, planned.parts, code, past)

"""Runs the commands of the climate template's manifest as a run would, for its tests."""

from __future__ import annotations

import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from climate_reference import TEMPLATE, read_csv

from scalable_cli.planning import render_command

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from scalable_cli.model.manifest import Manifest, Task, Value


@dataclass(frozen=True)
class Study:
    """A copy of the template in which the manifest's commands have been run."""

    folder: Path
    log: str

    def rows(self, name: str) -> list[dict[str, str]]:
        return read_csv(self.folder / name)

    def series(self, scenario: str, ecs: str, column: str) -> dict[int, float]:
        rows = self.rows(f"results/{scenario}/ecs_{ecs}.csv")
        return {int(row["year"]): float(row[column]) for row in rows}


def run_study(
    manifest: Manifest,
    folder: Path,
    chosen: Callable[[Mapping[str, str]], bool],
    path: str | None = None,
) -> Study:
    """Run the commands of the manifest in `folder`, the chosen simulations only."""
    environ = {**os.environ, "LC_ALL": "C", "PATH": path or os.environ["PATH"]}
    made: dict[str, list[str]] = {}
    logs = []

    def run(step: tuple[Task, tuple[Value, ...]]) -> str:
        task, values = step
        command = rendered(task, values, made, folder)
        return subprocess.run(
            ["sh", "-c", command], cwd=folder, env=environ, capture_output=True, text=True,
            check=True,
        ).stdout  # fmt: skip

    for task in manifest.tasks:
        steps = [values for values in steps_of(task) if not values or chosen(named(task, values))]
        with ThreadPoolExecutor(2) as pool:
            logs += pool.map(run, [(task, values) for values in steps])
        for name, template in task.outputs:
            made[f"{task.name}.{name}"] = [filled(template, named(task, v)) for v in steps]
    return Study(folder, "".join(logs))


def rendered(
    task: Task, values: tuple[Value, ...], made: Mapping[str, list[str]], folder: Path
) -> str:
    inputs = {i.name: [i.path] if i.path else made[f"{i.task}.{i.output}"] for i in task.inputs}
    lists = {}
    for name, paths in inputs.items():
        (folder / f"{name}.list").write_text("".join(f"{path}\n" for path in paths))
        lists[name] = f"{name}.list"
    outputs = {name: filled(template, named(task, values)) for name, template in task.outputs}
    for output in outputs.values():
        (folder / output).parent.mkdir(parents=True, exist_ok=True)
    command = render_command(task, values, inputs, lists, outputs)
    assert isinstance(command, str)
    return command


def steps_of(task: Task) -> Iterator[tuple[Value, ...]]:
    for rows in product(*(axis.rows for axis in task.matrix)):
        yield tuple(value for row in rows for value in row)


def named(task: Task, values: tuple[Value, ...]) -> dict[str, str]:
    return dict(zip(task.matrix_names, (value.text for value in values), strict=True))


def filled(template: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        template = template.replace(f"{{{{ matrix.{name} }}}}", value)
    return template


def copy_template(folder: Path) -> Path:
    shutil.copytree(TEMPLATE, folder)
    return folder

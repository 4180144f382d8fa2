"""Matrices: lists, ranges, CSV files; which values are numbers; speed with many rows."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from scalable_cli.errors import ManifestError
from scalable_cli.manifest import open_manifest
from scalable_cli.manifest.references import circles
from scalable_cli.model.manifest import Axis, Input, Task, Value
from scalable_cli.model.problem import Problem

HEAD = """version: 1
project: {name: demo}
targets: {local: {provider: local}}
components: {model: {}}
tasks:
"""


def manifest(folder: Path, tasks: str, files: dict[str, str] | None = None) -> tuple[Task, ...]:
    for name, text in (files or {}).items():
        (folder / name).write_text(text)
    (folder / "scalable.yaml").write_text(HEAD + tasks)
    return open_manifest(folder / "scalable.yaml", {}).resolve().tasks


def problems(folder: Path, tasks: str) -> list[Problem]:
    with pytest.raises(ManifestError) as caught:
        manifest(folder, tasks)
    return list(caught.value.problems)


def axes(folder: Path, matrix: str, files: dict[str, str] | None = None) -> tuple[Axis, ...]:
    text = f"  run:\n    component: model\n    command: x\n    matrix: {matrix}\n"
    return manifest(folder, text, files)[0].matrix


@pytest.mark.parametrize(
    ("written", "numbers"),
    [
        ("[1, 2]", [1, 2]),
        ("[-1, 0]", [-1, 0]),
        ("[1, 2.5]", [1.0, 2.5]),
        ("[1e3, 2]", [1000.0, 2.0]),
        ("[01, 02]", [None, None]),
        ("[1, two]", [None, None]),
        ("[nan, 1]", [None, None]),
        ("[1e999, 1]", [None, None]),
        ("['1', \"2\"]", [1, 2]),
        ("['', a]", None),
        ("[true, no]", [None, None]),
        ("3..1", [3, 2, 1]),
        ("-1..1", [-1, 0, 1]),
        ("5..5", [5]),
    ],
)
def test_which_values_are_numbers(
    tmp_path: Path, written: str, numbers: list[int | float | None] | None
) -> None:
    if numbers is None:
        with pytest.raises(ManifestError):
            axes(tmp_path, f"{{a: {written}}}")
        return

    (axis,) = axes(tmp_path, f"{{a: {written}}}")

    read = [row[0].number for row in axis.rows]
    assert read == numbers
    assert [type(n) for n in read] == [type(n) for n in numbers]


def test_a_csv_file_has_one_step_a_row_and_types_by_column(tmp_path: Path) -> None:
    rows = '\ufeffcounty,year,share\n01001,2030,0.5\n\n"04,013",2040,1\n'

    (axis,) = axes(tmp_path, "rows.csv", {"rows.csv": rows})

    assert axis.names == ("county", "year", "share")
    assert axis.source == "rows.csv"
    assert axis.rows == (
        (Value("01001"), Value("2030", 2030), Value("0.5", 0.5)),
        (Value("04,013"), Value("2040", 2040), Value("1", 1.0)),
    )


def test_a_csv_file_beside_other_names(tmp_path: Path) -> None:
    read = axes(tmp_path, "{rows: rows.csv, model: [a, b]}", {"rows.csv": "x\n1\n2\n3\n"})

    assert [axis.names for axis in read] == [("x",), ("model",)]


def test_a_hundred_thousand_rows_are_quick(tmp_path: Path) -> None:
    rows = "scenario,policy,seed\n" + "".join(f"{i},p{i % 7},{i * 31}\n" for i in range(100_000))
    task = """  run:
    component: model
    command: x {{ matrix.scenario }}
    matrix: rows.csv
    outputs: {table: "out/{{ matrix.policy }}/{{ matrix.scenario }}.csv"}
"""
    started = time.process_time()

    (read,) = manifest(tmp_path, task, {"rows.csv": rows})

    assert read.steps == 100_000
    assert time.process_time() - started < 4


def test_all_tasks_together_have_at_most_a_million_steps(tmp_path: Path) -> None:
    one = "    component: model\n    command: x\n    matrix: {a: 1..600000}\n"

    (problem,) = problems(tmp_path, f"  one:\n{one}  two:\n{one}")

    assert (problem.code, problem.text) == ("E406", "the tasks have 1200000 steps")


def test_an_input_implies_a_need(tmp_path: Path) -> None:
    tasks = """  a: {component: model, command: x, outputs: {grid: grid.nc}}
  b: {component: model, command: x, inputs: {g: a.grid, f: a.txt, h: sub.dir.txt}}
"""

    _, task = manifest(tmp_path, tasks, {"a.txt": "", "sub.dir.txt": ""})

    assert task.needs == ("a",)
    assert task.inputs == (
        Input("g", "a", "grid"),
        Input("f", path="a.txt"),
        Input("h", path="sub.dir.txt"),
    )


def test_a_link_out_of_the_project_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    project = tmp_path / "project"
    project.mkdir()
    (project / "link").symlink_to(tmp_path / "secret")

    (problem,) = problems(project, "  a: {component: model, command: x, inputs: {s: link}}\n")

    assert problem.code == "E307"


def test_outputs_of_the_workflow_are_not_compared(tmp_path: Path) -> None:
    tasks = (
        "  a: {component: model, outputs: {d: dir}}\n  b: {component: model, outputs: {d: dir}}\n"
    )

    assert len(manifest(tmp_path, tasks)) == 2


def test_arguments_of_a_function_have_names_of_their_own(tmp_path: Path) -> None:
    tasks = """  a:
    component: model
    python: m:f
    matrix: {x: [1], class: [1]}
    outputs: {x: "{{ matrix.x }}.csv", the-table: t.csv}
"""

    assert [p.code for p in problems(tmp_path, tasks)] == ["E212", "E212", "E407"]


def test_zip_pairs_what_both_have(tmp_path: Path) -> None:
    tasks = """  a: {component: model, command: x, matrix: {s: 1..5}}
  b: {component: model, command: x, needs: [a], zip: true, matrix: {s: 2..4, t: [x, y]}}
"""

    assert manifest(tmp_path, tasks)[1].zip is True


def test_every_circle_is_told_once() -> None:
    needs = {"a": ["b"], "b": ["c", "a"], "c": ["c"], "d": ["a", "gone"]}

    assert circles(needs) == [("c",), ("a", "b")]


def test_a_long_chain_of_needs_is_no_problem() -> None:
    needs = {f"t{i}": [f"t{i + 1}"] for i in range(50_000)}

    assert circles(needs) == []

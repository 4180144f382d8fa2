"""The engine runs steps in order, keeps their outputs, and uses what is known."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from engine_project import EngineProject, artifacts, counts, events, log

from scalable_cli.errors import SetupError, StorageError
from scalable_cli.model.run import RunState

PIPELINE = """\
  prepare:
    component: small
    command: sh make.sh > {{ outputs.grid }}
    code: [make.sh]
    outputs:
      grid: data/grid.txt
  simulate:
    component: small
    matrix:
      n: [1, 2, 3]
    inputs:
      grid: prepare.grid
    command: (cat {{ inputs.grid }}; echo {{ matrix.n }}) > {{ outputs.table }}
    code: []
    outputs:
      table: out/{{ matrix.n }}.txt
  collect:
    component: small
    inputs:
      tables: simulate.table
    command: cat {{ inputs.tables }} > {{ outputs.all }}; cat {{ inputs.tables.list }}
    code: []
    outputs:
      all: all.txt
"""


@pytest.fixture
def project(tmp_path: Path) -> EngineProject:
    return EngineProject(tmp_path)


def test_a_pipeline_runs_in_order_and_keeps_its_outputs(project: EngineProject) -> None:
    result = project.write(PIPELINE, make__sh="echo g\n").run()

    assert result.run.state is RunState.DONE
    assert artifacts(result) == {
        "data/grid.txt": "g\n",
        "out/1.txt": "g\n1\n",
        "out/2.txt": "g\n2\n",
        "out/3.txt": "g\n3\n",
        "all.txt": "g\n1\ng\n2\ng\n3\n",
    }
    assert log(result, "collect/collect/1.log").splitlines() == [
        "inputs/tables/out/1.txt",
        "inputs/tables/out/2.txt",
        "inputs/tables/out/3.txt",
    ]


def test_a_second_run_is_all_cached_and_shows_the_same_artifacts(project: EngineProject) -> None:
    first = project.write(PIPELINE, make__sh="echo g\n").run()
    second = project.run()

    assert counts(second) == {
        "prepare": (0, 1, 0, 0),
        "simulate": (0, 3, 0, 0),
        "collect": (0, 1, 0, 0),
    }
    assert artifacts(second) == artifacts(first)


def test_a_changed_script_runs_again_but_equal_output_stops_there(project: EngineProject) -> None:
    project.write(PIPELINE, make__sh="echo g\n").run()
    (project.folder / "make.sh").write_text("echo   g\n")

    reasons = [step.reason.text for step in project.plan().steps if step.reason]
    result = project.run()

    assert reasons == ["code changed (make.sh)", *["upstream runs"] * 4]
    assert counts(result) == {
        "prepare": (1, 0, 0, 0),
        "simulate": (0, 3, 0, 0),
        "collect": (0, 1, 0, 0),
    }


def test_a_changed_value_runs_its_step_and_what_needs_it(project: EngineProject) -> None:
    project.write(PIPELINE, make__sh="echo g\n").run()
    project.write(PIPELINE.replace("[1, 2, 3]", "[1, 2, 4]"))

    reasons = {step.id: step.reason.text for step in project.plan().steps if step.reason}
    result = project.run()

    assert reasons == {"simulate[n=4]": "parameter n 3 -> 4", "collect": "upstream runs"}
    assert counts(result)["simulate"] == (1, 2, 0, 0)
    assert artifacts(result)["all.txt"] == "g\n1\ng\n2\ng\n4\n"


def test_force_runs_everything_and_only_what_is_named(project: EngineProject) -> None:
    project.write(PIPELINE, make__sh="echo g\n").run()

    assert counts(project.run(force=True))["simulate"] == (3, 0, 0, 0)
    assert set(counts(project.run(only=("prepare",)))) == {"prepare"}


def test_an_output_that_vanished_is_made_again(project: EngineProject) -> None:
    result = project.write(PIPELINE, make__sh="echo g\n").run()
    for path in (project.folder / "runs" / "cache" / "objects").rglob("*"):
        if path.is_file() and path.read_text() == "g\n1\n":
            path.unlink()

    assert next(s.reason.text for s in project.plan().steps if s.reason) == "output missing"
    assert artifacts(project.run()) == artifacts(result)


def test_a_step_sees_its_code_and_inputs_and_nothing_else(project: EngineProject) -> None:
    tasks = """\
  look:
    component: small
    command: find . -not -type d | sort > {{ outputs.seen }}
    inputs:
      table: table.csv
    code: ["*.sh", lib/]
    outputs:
      seen: result/seen.txt
"""
    (project.folder / "lib" / "deep").mkdir(parents=True)
    (project.folder / "lib" / "deep" / "f.awk").write_text("")
    project.write(tasks, a__sh="", other__py="", table__csv="1\n")
    seen = artifacts(project.run())["result/seen.txt"].splitlines()

    assert seen == ["./a.sh", "./inputs/table/table.csv", "./lib", "./result/seen.txt"]


def test_a_folder_is_an_output_and_an_input(project: EngineProject) -> None:
    tasks = """\
  make:
    component: small
    command: mkdir -p store/sub && echo 1 > store/a && echo 2 > store/sub/b
    outputs:
      store: store/
  use:
    component: small
    inputs:
      store: make.store
    command: cat {{ inputs.store }}/a {{ inputs.store }}/sub/b > sum
    outputs:
      sum: sum
"""
    result = project.write(tasks).run()

    assert artifacts(result)["sum"] == "1\n2\n"
    assert counts(project.run()) == {"make": (0, 1, 0, 0), "use": (0, 1, 0, 0)}


def test_a_python_function_is_called_with_typed_values(project: EngineProject) -> None:
    tasks = """\
  area:
    component: small
    python: shapes:area
    matrix:
      side: [2, 3]
      kind: [square]
    outputs:
      area: area/{{ matrix.side }}.json
  total:
    component: small
    python: shapes:total
    inputs:
      areas: area.area
    outputs:
      total: total.txt
"""
    code = """
import json
def area(side, kind, area):
    return {"kind": kind, "area": side * side}
def total(areas, total):
    with open(total, "w") as out:
        out.write(str(sum(json.load(open(a))["area"] for a in areas)))
"""
    result = project.write(tasks, shapes__py=code).run()

    assert json.loads(artifacts(result)["area/3.json"]) == {"kind": "square", "area": 9}
    assert artifacts(result)["total.txt"] == "13"


def test_a_step_finds_its_environment(project: EngineProject) -> None:
    tasks = """\
  show:
    component: small
    env:
      GREETING: hello
    command: echo $GREETING $SCALABLE_TASK $SCALABLE_STEP $SCALABLE_ATTEMPT $SCALABLE_CPUS
      $SCALABLE_MEMORY_BYTES $SCALABLE_RUN_ID > out
    outputs:
      out: out
"""
    result = project.write(tasks).run()

    expected = f"hello show show 1 1 {100 << 20} {result.run.id}\n"
    assert artifacts(result)["out"] == expected


def test_processes_run_the_same_study(tmp_path: Path) -> None:
    project = EngineProject(tmp_path, processes=True).write(PIPELINE, make__sh="echo g\n")

    result = project.run()

    assert artifacts(result)["all.txt"] == "g\n1\ng\n2\ng\n3\n"
    assert {os.getpid()}.isdisjoint(
        int(str(event.values["worker"]).rpartition(":")[2])
        for event in events(result, "step.done")
        if str(event.values["worker"]).rpartition(":")[2].isdigit()
    )


def test_values_are_quoted_for_the_shell(project: EngineProject) -> None:
    tasks = """\
  say:
    component: small
    matrix:
      text: ["a b", "$(touch evil)", "it's", ";exit 3"]
    command: printf %s {{ matrix.text }} > {{ outputs.out }}
    outputs:
      out: out/{{ matrix.text }}.txt
"""
    result = project.write(tasks).run()

    assert result.run.failures == ()
    assert sorted(artifacts(result).values()) == sorted(["a b", "$(touch evil)", "it's", ";exit 3"])


def test_many_inputs_do_not_overflow_the_command_line(project: EngineProject) -> None:
    tasks = """\
  part:
    component: small
    matrix:
      n: 1..600
    command: echo {{ matrix.n }} > {{ outputs.part }}
    outputs:
      part: parts/{long}/{{ matrix.n }}
  sum:
    component: small
    inputs:
      parts: part.part
    command: cat {{ inputs.parts }} | wc -l > {{ outputs.sum }}
    outputs:
      sum: sum
"""
    result = project.write(tasks.replace("{long}", "x" * 200)).run()

    assert artifacts(result)["sum"].strip() == "600"


def test_measures_memory_and_processor_time(project: EngineProject) -> None:
    tasks = """\
  hungry:
    component: small
    command: python3 -c 'x = bytearray(60 << 20); sum(range(5000000))'
"""
    task = project.write(tasks).run().run.tasks[0]

    assert 60 << 20 <= task.peak_memory_bytes < 100 << 20
    assert 0.02 < task.cpu_seconds <= task.seconds + 0.5


def test_a_project_file_that_changes_is_not_changed_in_a_past_run(project: EngineProject) -> None:
    tasks = """\
  copy:
    component: small
    inputs:
      table: table.csv
    command: cp {{ inputs.table }} {{ outputs.out }}
    outputs:
      out: out.csv
"""
    first = project.write(tasks, table__csv="1\n").run()
    (project.folder / "table.csv").write_text("2\n")
    second = project.run()

    assert artifacts(first) == {"out.csv": "1\n"}
    assert artifacts(second) == {"out.csv": "2\n"}


def test_storage_that_is_a_file_is_said(project: EngineProject) -> None:
    project.write(PIPELINE, make__sh="echo g\n", runs="not a folder")

    with pytest.raises(StorageError) as caught:
        project.run()

    assert caught.value.hint


def test_no_python_anywhere_is_said(
    project: EngineProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    monkeypatch.delenv("CONDA_PREFIX", raising=False)
    tasks = "  f:\n    component: small\n    python: m:f\n"

    with pytest.raises(SetupError):
        project.write(tasks, m__py="").run()


def test_the_scratch_folder_is_gone_afterwards(project: EngineProject) -> None:
    project.write(PIPELINE, make__sh="echo g\n").run()

    assert list((project.folder / ".scalable" / "cache" / "scratch").iterdir()) == []


def test_a_folder_of_the_project_is_an_input(project: EngineProject) -> None:
    tasks = """\
  use:
    component: small
    inputs:
      data: data
    code: []
    command: cat {{ inputs.data }}/a {{ inputs.data }}/sub/b > {{ outputs.sum }}
    outputs:
      sum: sum
"""
    (project.folder / "data" / "sub").mkdir(parents=True)
    (project.folder / "data" / "a").write_text("1\n")
    (project.folder / "data" / "sub" / "b").write_text("2\n")
    first = project.write(tasks).run()
    (project.folder / "data" / "sub" / "b").write_text("3\n")

    assert artifacts(first)["sum"] == "1\n2\n"
    assert artifacts(project.run())["sum"] == "1\n3\n"

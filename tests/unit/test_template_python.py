"""The python template: its manifest, and its epidemic against theory; what the list shows."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from scalable_cli.manifest import open_manifest

TEMPLATES = Path(__file__).resolve().parents[2] / "scalable_cli" / "templates"
TEMPLATE = TEMPLATES / "python"


@pytest.fixture
def workflow(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The names of workflow.py, imported as a worker imports it: nothing runs."""
    scalable = ModuleType("scalable")
    scalable.ScalableSession = object  # type: ignore[attr-defined]
    scalable.cacheable = lambda function: function  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "scalable", scalable)
    return runpy.run_path(str(TEMPLATE / "workflow.py"))


@pytest.mark.parametrize("target", ["local", "aws"])
def test_the_manifest_leaves_its_task_to_the_workflow(target: str) -> None:
    source = open_manifest(TEMPLATE / "scalable.yaml", {})

    manifest = source.resolve(target)
    assert source.check() == ()
    assert manifest.project.workflow == "workflow.py"
    assert [(task.name, task.runs_in_workflow) for task in manifest.tasks] == [("simulate", True)]


def test_a_case_has_the_same_result_every_time(workflow: dict[str, Any]) -> None:
    first = workflow["simulate"]((2.0, 0.2))

    assert workflow["simulate"]((2.0, 0.2)) == first


def test_large_outbreaks_are_as_frequent_and_as_large_as_theory_says(
    workflow: dict[str, Any],
) -> None:
    row = workflow["simulate"]((3.0, 0.0))

    # One case dies out with probability 1/R (a birth-death process); 200 repeats.
    assert row["chance_large"] == pytest.approx(1 - 1 / 3, abs=0.1)
    assert row["share_reached"] == pytest.approx(0.9405, abs=0.01)
    assert row["share_expected"] == pytest.approx(0.94048, abs=0.0001)


def test_nothing_spreads_below_the_threshold(workflow: dict[str, Any]) -> None:
    row = workflow["simulate"]((3.0, 0.8))

    assert row["share_expected"] == 0
    assert row["chance_large"] < 0.05


def test_the_table_has_a_line_for_each_case(workflow: dict[str, Any]) -> None:
    table = workflow["as_csv"]([{"a": 1.0, "b": 0.25}, {"a": 2.0, "b": 1 / 3}])

    assert table == "a,b\n1,0.25\n2,0.3333\n"


@pytest.mark.parametrize("name", ["climate", "python"])
def test_the_first_line_of_the_readme_says_what_the_template_is(name: str) -> None:
    lines = (TEMPLATES / name / "README.md").read_text(encoding="utf-8").splitlines()

    # `scalable init --list` shows this line.
    assert lines[0].startswith("# ")
    assert lines[2].endswith(".")
    assert len(lines[2]) <= 100
    assert lines[3] == ""

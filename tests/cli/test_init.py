"""`scalable init`: a project from a template, and nothing of the user's is touched."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from cli_tools import Application
    from conftest import Program


@pytest.mark.parametrize("template", ["climate", "python"])
def test_a_template_becomes_a_project_that_plans(
    template: str, scalable: Program, app: Application, tmp_path: Path
) -> None:
    made = scalable("init", "demo", "--template", template)
    plan = app("plan", "demo/scalable.yaml", "-q")

    assert (made.code, made.err) == (0, "")
    assert made.out.startswith(f'Created demo/ from the template "{template}":\n')
    assert "  scalable run demo/scalable.yaml\n" in made.out
    assert (tmp_path / "demo" / "README.md").is_file()
    assert (plan.code, plan.err) == (0, "")


def test_the_first_template_is_the_climate_study(app: Application) -> None:
    result = app("init", "demo", "--json")

    assert (result.code, result.err) == (0, "")
    assert result.json["template"] == "climate"
    assert "scalable.yaml" in result.json["files"]


def test_templates_are_listed(scalable: Program) -> None:
    result = scalable("init", "--list")

    assert (result.code, result.err) == (0, "")
    assert [line.split()[0] for line in result.out.splitlines()[:2]] == ["climate", "python"]
    assert "Use one: scalable init DIR --template NAME\n" in result.out


def test_files_that_are_there_are_named_and_kept(app: Application, tmp_path: Path) -> None:
    (tmp_path / "scalable.yaml").write_text("mine")

    result = app("init")

    assert (result.code, result.out) == (5, "")
    assert '"." already holds "scalable.yaml"; nothing was written' in result.err
    assert [path.name for path in tmp_path.iterdir()] == ["scalable.yaml"]
    assert (tmp_path / "scalable.yaml").read_text() == "mine"


def test_an_unknown_template_is_refused_with_a_suggestion(app: Application) -> None:
    result = app("init", "demo", "--template", "climat")

    assert (result.code, result.out) == (2, "")
    assert 'unknown template "climat"\n  help: did you mean "climate"?' in result.err


def test_a_folder_that_cannot_be_written_is_refused(app: Application, tmp_path: Path) -> None:
    (tmp_path / "demo").write_text("a file")

    result = app("init", "demo")

    assert (result.code, result.out) == (8, "")
    assert result.err.startswith('scalable: error: cannot write "')

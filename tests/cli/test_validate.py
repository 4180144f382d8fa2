"""`scalable validate`: every problem with its place; good manifests with what they hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cli_tools import Golden
    from conftest import Program

BROKEN = """\
version: 1
project:
  name: study
targets:
  cloud:
    provider: awss
  local:
    provider: local
    max_wokers: 4
components:
  small:
    cpus: 1
tasks:
  prepare:
    component: smal
    command: "true"
"""


def test_a_good_manifest_is_summed_up(scalable: Program, study: Path, golden: Golden) -> None:
    result = scalable("validate", cwd=study)

    assert (result.code, result.err) == (0, "")
    golden("validate_ok.txt", result.out)


def test_all_problems_are_shown_with_their_lines(
    scalable: Program, project: Callable[..., Path], golden: Golden
) -> None:
    folder = project({"scalable.yaml": BROKEN})

    result = scalable("validate", cwd=folder)

    assert (result.code, result.err) == (3, "")
    golden("validate_errors.txt", result.out)
    assert 'error: unknown provider "awss"' in result.out
    assert "3 errors, 0 warnings" in result.out


def test_json_has_every_problem(scalable: Program, project: Callable[..., Path]) -> None:
    folder = project({"scalable.yaml": BROKEN})

    result = scalable("validate", "--json", cwd=folder)

    assert (result.code, result.err) == (3, "")
    assert (result.json["schema"], result.json["valid"]) == ("scalable.validate/1", False)
    first = result.json["problems"][0]
    assert (first["file"], first["line"], first["column"]) == ("scalable.yaml", 6, 15)
    assert first["words"] == "awss"
    assert set(first) == {
        "code", "severity", "message", "hint", "file", "line", "column", "words"
    }  # fmt: skip


def test_json_of_a_good_manifest_has_its_lock(scalable: Program, study: Path) -> None:
    result = scalable("validate", "--json", cwd=study)

    assert (result.code, result.err) == (0, "")
    assert (result.json["valid"], result.json["steps"], result.json["tasks"]) == (True, 5, 2)
    assert len(result.json["manifest_lock"]) == 64


def test_a_missing_manifest_is_a_problem_with_a_hint(scalable: Program, tmp_path: Path) -> None:
    result = scalable("validate", cwd=tmp_path)

    assert (result.code, result.err) == (3, "")
    assert 'scalable.yaml:1:1: error: "scalable.yaml" does not exist' in result.out


def test_colours_are_written_only_where_they_are_wanted(
    scalable: Program, project: Callable[..., Path]
) -> None:
    folder = project({"scalable.yaml": BROKEN})

    forced = scalable("validate", cwd=folder, env={"NO_COLOR": "", "FORCE_COLOR": "1"})
    refused = scalable("validate", cwd=folder, env={"NO_COLOR": "1", "FORCE_COLOR": "1"})
    piped = scalable("validate", cwd=folder, env={"NO_COLOR": ""})

    assert "\x1b[31merror\x1b[0m" in forced.out
    assert "\x1b" not in refused.out
    assert "\x1b" not in piped.out

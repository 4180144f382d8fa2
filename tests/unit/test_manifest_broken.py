"""Broken manifests, kept as files: each has exactly the problems that its `.expected` lists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scalable_cli.errors import ManifestError
from scalable_cli.manifest import open_manifest
from scalable_cli.manifest.codes import CODES
from scalable_cli.model.problem import Problem, Severity

FOLDER = Path(__file__).parent.parent / "manifests" / "broken"
FILES = sorted(FOLDER.glob("*.yaml"))
ENVIRON = {"S3_BUCKET": "bkt", "HOME": "/home/x"}


def problems_of(path: Path) -> tuple[Problem, ...]:
    try:
        return open_manifest(path, ENVIRON, shown_as=path.name).check()
    except ManifestError as error:
        return error.problems


def as_line(problem: Problem, file: str) -> str:
    """line:column code text | hint"""
    place = problem.place
    where = f"{place.line}:{place.column}"
    where = where if place.file == file else f"{place.file}:{where}"
    hint = f" | {problem.hint}" if problem.hint else ""
    return f"{where} {problem.code} {problem.text}{hint}"


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_a_broken_manifest_has_its_problems(path: Path) -> None:
    problems = problems_of(path)

    expected = path.with_suffix(".expected").read_text().splitlines()
    assert expected == [as_line(problem, path.name) for problem in problems]
    assert any(problem.severity is Severity.ERROR for problem in problems)


def test_there_are_enough_broken_manifests_and_none_without_expectation() -> None:
    assert len(FILES) >= 60
    assert {path.stem for path in FILES} == {path.stem for path in FOLDER.glob("*.expected")}


def test_every_code_is_listed_and_tried() -> None:
    not_a_file = {"E101", "E102", "E103", "E105", "E117"}
    elsewhere = not_a_file | {"W601", "W602"} | {"E310"}  # planning finds the last

    tried = {
        match[1]
        for path in FOLDER.glob("*.expected")
        for match in re.finditer(r"^\S+ ([EW]\d{3}) ", path.read_text(), re.MULTILINE)
    }

    assert tried | elsewhere == set(CODES)


def test_messages_are_lower_case_and_short() -> None:
    for path in FILES:
        for problem in problems_of(path):
            assert problem.text[0] in '"${' or not problem.text[0].isupper()
            assert "\n" not in problem.text + (problem.hint or "")
            assert len(problem.text) < 300

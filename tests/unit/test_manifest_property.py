"""Whatever is done to a manifest: it is valid, or there are problems with places; never a trace."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scalable_cli.errors import ManifestError
from scalable_cli.manifest import open_manifest
from scalable_cli.manifest.source import ManifestSource
from scalable_cli.model.problem import Problem, Severity

if TYPE_CHECKING:
    from collections.abc import Sequence

FOLDER = Path(__file__).parent.parent / "manifests"
TEXTS = [path.read_text() for path in sorted((FOLDER / "valid").glob("*.yaml"))]
PIECES = [
    "", " ", "  ", "\n", "\t", ":", "- ", "#", "'", '"', "[", "]", "{", "}", ",", "&a", "*a", "!t",
    "|", ">", "?", "---\n", "\\", "\0", "é", "\u2028", "{{", "}}", "{{ matrix.x }}", "${X}", "${",
    "$${", "-1", "0", "1e9", "99999999999999999999", "1..5", "5..1", "1..", "true", "null", "~",
    "../x", "/", "a/b", "x.csv", "16G", "12m", "1:99", "nan", "inf", "x2", "s3://", "aws", "gcp",
    "fargate", "cloud_run", "provider", "component", "needs", "inputs", "overlay", "project",
]  # fmt: skip

edits = st.lists(
    st.tuples(
        st.sampled_from(["insert", "replace", "word", "drop line", "double line", "indent"]),
        st.floats(0, 1, exclude_max=True),
        st.sampled_from(PIECES),
    ),
    min_size=1,
    max_size=6,
)


def edited(text: str, changes: Sequence[tuple[str, float, str]]) -> str:
    for kind, where, piece in changes:
        at = int(where * len(text))
        lines = text.split("\n")
        line = int(where * len(lines))
        if kind == "insert":
            text = text[:at] + piece + text[at:]
        elif kind == "replace":
            text = text[:at] + piece + text[at + max(1, len(piece)) :]
        elif kind == "word":
            key, colon, _ = lines[line].partition(":")
            lines[line] = f"{key}{colon} {piece}"
            text = "\n".join(lines)
        elif kind == "indent":
            lines[line] = "  " + lines[line]
            text = "\n".join(lines)
        else:
            lines[line : line + 1] = [lines[line]] * (2 if kind == "double line" else 0)
            text = "\n".join(lines)
    return text


def errors(problems: Sequence[Problem]) -> list[Problem]:
    return [problem for problem in problems if problem.severity is Severity.ERROR]


def marks(problems: Sequence[Problem]) -> set[object]:
    return {(problem.place, problem.code, problem.text) for problem in problems}


def opened(path: Path) -> ManifestSource | Sequence[Problem]:
    try:
        return open_manifest(path, {"S3_BUCKET": "bkt"}, shown_as="scalable.yaml")
    except ManifestError as error:
        return error.problems


def check(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "scalable.yaml")
        path.write_bytes(text.encode())
        source = opened(path)
        if not isinstance(source, ManifestSource):
            assert errors(source)
            return
        found = source.check()
        for problem in found:
            assert problem.place.line >= 1
            assert problem.place.column >= 1
            assert problem.text
            assert "\n" not in problem.text
        for target in source.target_names:
            try:
                manifest = source.resolve(target)
            except ManifestError as error:
                told = errors(error.problems)
            else:
                assert len(manifest.lock) == 64
                continue
            assert told
            assert marks(told) <= marks(found)
        assert source.target_names or errors(found)


examples = functools.partial(
    settings,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@examples(max_examples=300)
@given(st.sampled_from(TEXTS), edits)
def test_an_edited_manifest_is_valid_or_has_problems(
    text: str, changes: list[tuple[str, float, str]]
) -> None:
    check(edited(text, changes))


@pytest.mark.nightly
@pytest.mark.timeout(3600)
@examples(max_examples=10_000)
@given(st.sampled_from(TEXTS), edits)
def test_many_edited_manifests_are_valid_or_have_problems(
    text: str, changes: list[tuple[str, float, str]]
) -> None:
    check(edited(text, changes))


@examples(max_examples=100)
@given(st.text(max_size=300))
def test_any_text_is_valid_or_has_problems(text: str) -> None:
    check(text.encode("utf-8", "replace").decode())

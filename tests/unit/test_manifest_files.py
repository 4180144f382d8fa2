"""Files that are hardly manifests: a problem with a place, quickly, whatever they hold."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from scalable_cli.errors import ManifestError
from scalable_cli.manifest import open_manifest
from scalable_cli.model.problem import Problem


def only_problem(path: Path) -> Problem:
    started = time.process_time()
    try:
        problems = open_manifest(path, {}, shown_as="scalable.yaml").check()
    except ManifestError as error:
        problems = error.problems
    assert time.process_time() - started < 2
    assert problems
    assert problems[0].place.file == "scalable.yaml"
    assert problems[0].place.line >= 1
    return problems[0]


def written(folder: Path, content: bytes) -> Path:
    path = folder / "scalable.yaml"
    path.write_bytes(content)
    return path


def test_a_missing_file(tmp_path: Path) -> None:
    assert only_problem(tmp_path / "none.yaml").code == "E101"
    assert only_problem(tmp_path / "none" / "scalable.yaml").code == "E101"


def test_a_folder(tmp_path: Path) -> None:
    assert only_problem(tmp_path).code == "E102"


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file(tmp_path: Path) -> None:
    path = written(tmp_path, b"version: 1\n")
    path.chmod(0)

    assert only_problem(path).code == "E103"


def test_names_that_no_file_can_have(tmp_path: Path) -> None:
    assert only_problem(tmp_path / "a\0b").code in ("E101", "E103")
    assert only_problem(tmp_path / ("x" * 5000)).code in ("E101", "E103")


def test_fifty_megabytes(tmp_path: Path) -> None:
    assert only_problem(written(tmp_path, b"# filler\n" * (50 << 20 >> 3))).code == "E105"


@pytest.mark.parametrize(
    "content",
    [
        b"version: 1\nproject: " + b"[" * 10_000,
        b"version: 1\nproject: " + b"{a: " * 10_000 + b"}" * 10_000,
        b"- " * 10_000 + b"a",
        b"\n".join(b" " * n + b"a:" for n in range(2000)),
    ],
    ids=["lists", "mappings", "block lists", "block mappings"],
)
def test_nested_without_end(tmp_path: Path, content: bytes) -> None:
    assert only_problem(written(tmp_path, content)).code == "E113"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "E106"),
        (b"\n\n  \n", "E106"),
        (b"\xef\xbb\xbf", "E106"),
        (b"#" * 1_000_000, "E106"),
        (b"# line\n" * 40_000, "E106"),
        (b"# line\n" * 100_000, "E105"),
        (b"\t" * 100_000 + b"a", "E108"),
        (b"\0" * 100_000, "E107"),
        (b"version: 1\n\x1b[31m", "E107"),
        (b"\xff\xfev\0e\0r\0", "E104"),
        (b"\x80" * 1000, "E104"),
        (b"a" * 2_000_000, "E115"),
        (b"a " * 1_000_000, "E115"),
        (b"a: " * 600_000, "E109"),
        (b"x: '" + b"y" * 2_000_000, "E109"),
        (b"[" + b"a, " * 500_000 + b"]", "E117"),
        (b"- a\n" * 49_000, "E117"),
        (b"a: b\n" * 49_000, "E112"),
        (b"? " * 10_000 + b"a", "E116"),
        (b"&a " * 1000, "E110"),
        (b"--- a\n" * 1000, "E114"),
        (b"%" * 100_000, "E109"),
        (b'"\\UFFFFFFFF"', "E109"),
        (b'"\\uD800"', "E107"),
        (b"!" * 100_000, "E111"),
        (b"%TAG ! tag:x,2000:\n---\n!a b", "E118"),
        (b"%YAML 9.9\n---\na: b", "E109"),
    ],
)
def test_what_is_no_manifest(tmp_path: Path, content: bytes, code: str) -> None:
    assert only_problem(written(tmp_path, content)).code == code


def test_line_ends_and_a_byte_order_mark_do_not_move_places(tmp_path: Path) -> None:
    text = 'version: 1\nproject:\n  name: "Bad Näme"\n'
    plain = only_problem(written(tmp_path, text.encode()))
    crlf = only_problem(written(tmp_path, b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode()))
    mac = only_problem(written(tmp_path, text.replace("\n", "\r").encode()))

    assert plain == crlf == mac


def test_columns_count_characters(tmp_path: Path) -> None:
    text = "version: 1\nproject: {näme: é, nope: 1}\n"

    problems = open_manifest(written(tmp_path, text.encode()), {}).check()

    places = [p.place.column for p in problems if p.code == "E201"]
    assert places == [11, 20]

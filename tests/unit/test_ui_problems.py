"""Problems point at the offending words, whatever stands in the line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scalable_cli.model.problem import Place, Problem, Severity
from scalable_cli.ui.problems import problems_text

if TYPE_CHECKING:
    from pathlib import Path


def problem(line: int, column: int, words: str | None = None, **more: object) -> Problem:
    place = Place("scalable.yaml", line, column)
    return Problem("E104", "something is wrong", place, words=words, **more)  # type: ignore[arg-type]


def shown(text: str, found: Problem, folder: Path) -> list[str]:
    (folder / "scalable.yaml").write_text(text, encoding="utf-8")
    return problems_text([found], folder).splitlines()


def test_the_caret_stands_below_the_words(tmp_path: Path) -> None:
    lines = shown(
        "a: 1\nprovider: awss\n", problem(2, 11, "awss", hint='did you mean "aws"?'), tmp_path
    )

    assert lines == [
        "scalable.yaml:2:11: error: something is wrong [E104]",
        "    2 | provider: awss",
        "      |           ^^^^",
        '  help: did you mean "aws"?',
        "1 error, 0 warnings",
    ]


def test_tabs_and_wide_characters_keep_the_caret_in_place(tmp_path: Path) -> None:
    tab = shown("\ta: x\n", problem(1, 5, "x"), tmp_path)
    wide = shown("名前: x\n", problem(1, 5, "x"), tmp_path)

    assert tab[1:3] == ["    1 |  a: x", "      |     ^"]
    assert wide[1:3] == ["    1 | 名前: x", "      |       ^"]


def test_a_long_line_is_shown_around_the_words(tmp_path: Path) -> None:
    lines = shown("x" * 5000 + "bad" + "y" * 5000, problem(1, 5001, "bad"), tmp_path)

    assert "xbady" in lines[1]
    assert len(lines[1]) < 120
    assert lines[1].index("bad") == lines[2].index("^^^")


def test_a_place_outside_the_file_needs_no_source(tmp_path: Path) -> None:
    lines = shown("a: 1\n", problem(99, 7, "zzz"), tmp_path)

    assert lines == ["scalable.yaml:99:7: error: something is wrong [E104]", "1 error, 0 warnings"]


def test_control_characters_never_reach_the_terminal(tmp_path: Path) -> None:
    lines = shown("a: \x1b[31mred\x00\n", problem(1, 4, "\x1b[31m"), tmp_path)

    assert "\x1b" not in "".join(lines)
    assert "\x00" not in "".join(lines)


def test_warnings_are_counted_apart(tmp_path: Path) -> None:
    lines = shown("a: 1\n", problem(1, 1, severity=Severity.WARNING), tmp_path)

    assert lines[0].startswith("scalable.yaml:1:1: warning: ")
    assert lines[-1] == "0 errors, 1 warning"

"""Problems of a manifest: each with its source line, a caret, and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING
from unicodedata import east_asian_width

from scalable_cli.model.problem import Severity
from scalable_cli.ui.columns import count_of
from scalable_cli.ui.terminal import PLAIN

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from scalable_cli.model.problem import Problem
    from scalable_cli.ui.terminal import Look

COMMAND_LINE = "command line"  # the file of a problem in what `--set` says
_GUTTER = 5
_WIDEST = 100
_LARGEST_SOURCE = 4 << 20


def problems_text(problems: Sequence[Problem], cwd: Path, look: Look = PLAIN) -> str:
    """Every problem in the order given, then how many there are."""
    sources: dict[str, list[str]] = {}
    parts = [_problem(problem, _lines(problem, cwd, sources), look) for problem in problems]
    return "".join([*parts, f"{tally(problems)}\n"])


def tally(problems: Sequence[Problem]) -> str:
    """How many: "2 errors, 0 warnings"."""
    errors = sum(1 for problem in problems if problem.severity is Severity.ERROR)
    return f"{count_of(errors, 'error')}, {count_of(len(problems) - errors, 'warning')}"


def problem_object(problem: Problem) -> dict[str, object]:
    """The form of a problem in JSON."""
    return {
        "code": problem.code,
        "severity": problem.severity.value,
        "message": problem.text,
        "hint": problem.hint,
        "file": problem.place.file,
        "line": problem.place.line,
        "column": problem.place.column,
        "words": problem.words,
    }


def _problem(problem: Problem, source: Sequence[str], look: Look) -> str:
    severity = problem.severity.value
    painted = look.red(severity) if problem.severity is Severity.ERROR else look.yellow(severity)
    here = problem.place.file == COMMAND_LINE
    place = COMMAND_LINE if here else str(problem.place)
    head = f"{look.bold(place)}: {painted}: {problem.text} [{problem.code}]\n"
    hint = f"  {look.cyan('help')}: {problem.hint}\n" if problem.hint else ""
    return head + _excerpt(problem, source, look) + hint


def _excerpt(problem: Problem, source: Sequence[str], look: Look) -> str:
    number, column = problem.place.line, problem.place.column
    if not 1 <= number <= len(source) or not source[number - 1].strip():
        return ""
    line = _printable(source[number - 1])
    start = min(column - 1, len(line))
    first = max(0, start - _WIDEST + 20)
    shown = line[first : first + _WIDEST]
    words = (problem.words or "").splitlines()
    length = max(1, min(len(words[0]) if words else 1, len(shown) - (start - first)))
    under = shown[start - first : start - first + length] or " "
    padding = " " * _cells(shown[: start - first])
    carets = look.red("^" * max(1, _cells(under)))
    numbered = look.dim(f"{number:>{_GUTTER}} |")
    blank = look.dim(" " * _GUTTER + " |")
    return f"{numbered} {shown}\n{blank} {padding}{carets}\n"


def _lines(problem: Problem, cwd: Path, sources: dict[str, list[str]]) -> list[str]:
    name = problem.place.file
    if name not in sources:
        sources[name] = _read(cwd / name)
    return sources[name]


def _read(path: Path) -> list[str]:
    try:
        if not path.is_file() or path.stat().st_size > _LARGEST_SOURCE:
            return []
        return path.read_text("utf-8", errors="replace").split("\n")
    except OSError:
        return []


def _printable(line: str) -> str:
    """One character for one, so that columns stay: tabs and control characters are blanks."""
    return "".join(c if c.isprintable() else " " for c in line.rstrip("\r"))


def _cells(text: str) -> int:
    """The terminal cells that a text takes."""
    return sum(2 if east_asian_width(c) in "WF" else 1 for c in text)

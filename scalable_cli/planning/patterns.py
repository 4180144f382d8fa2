"""Which project files a task's steps see: its `code` patterns, in the language of .gitignore."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from scalable_cli.errors import ManifestError
from scalable_cli.model.problem import Problem

if TYPE_CHECKING:
    from pathspec import PathSpec
    from pathspec.pattern import Pattern

    from scalable_cli.model.manifest import Manifest, Task
    from scalable_cli.model.plan import CodeFile


def select_code(manifest: Manifest, task: Task, code: tuple[CodeFile, ...]) -> tuple[CodeFile, ...]:
    """The files of `code` that the task's patterns select; all of them without patterns.

    The last pattern that matches decides, so "!tests/" after "*.py" leaves the tests out.
    Raises ManifestError (E310) for a pattern that is none or that selects nothing.
    """
    if task.code is None or manifest.project.code == "none":
        return code
    problems = [p for p in (_problem(task, text, code) for text in task.code) if p]
    if problems:
        raise ManifestError(problems)
    spec = _compiled(task.code)
    return tuple(file for file in code if spec.match_file(file.path))


def _problem(task: Task, text: str, code: tuple[CodeFile, ...]) -> Problem | None:
    try:
        spec = _compiled((text,))
    except ValueError:
        hint = "write it as a line of .gitignore"
        return Problem("E310", f'"{text}" is not a pattern', task.place, hint, text)
    positive = any(pattern.include for pattern in spec.patterns)
    if not positive or any(spec.match_file(file.path) for file in code):
        return None
    hint = "check its spelling, and that .gitignore does not leave the files out"
    return Problem("E310", f'code "{text}" selects no file', task.place, hint, text)


@lru_cache(maxsize=64)
def _compiled(patterns: tuple[str, ...]) -> PathSpec[Pattern]:
    from pathspec import PathSpec

    return PathSpec.from_lines("gitignore", patterns)

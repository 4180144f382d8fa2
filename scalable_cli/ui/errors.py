"""An error on stderr: in words, or as one JSON object."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scalable_cli.errors import ManifestError, ScalableError
from scalable_cli.ui.json_text import json_text
from scalable_cli.ui.terminal import PLAIN

if TYPE_CHECKING:
    from pathlib import Path

    from scalable_cli.ui.terminal import Look


def error_text(error: ScalableError, cwd: Path, look: Look = PLAIN) -> str:
    """The error and its hint; for a manifest every problem with its source line."""
    if isinstance(error, ManifestError):
        from scalable_cli.ui.problems import problems_text

        return problems_text(error.problems, cwd, look)
    text = f"scalable: {look.red('error')}: {error.text}\n"
    if error.hint:
        text += f"  {look.cyan('help')}: {error.hint}\n"
    return text


def error_json(error: ScalableError) -> str:
    """The object `scalable.error/1` on one line; `code` is the name of the exit code."""
    problems: list[dict[str, object]] = []
    if isinstance(error, ManifestError):
        from scalable_cli.ui.problems import problem_object

        problems = [problem_object(problem) for problem in error.problems]
    return json_text(
        {
            "schema": "scalable.error/1",
            "code": error.exit.name.lower(),
            "exit_code": int(error.exit),
            "message": error.text,
            "hint": error.hint,
            "problems": problems,
        },
        indent=None,
    )

"""Collects the problems of one reading of the manifest, each with its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scalable_cli.manifest.nodes import Scalar
from scalable_cli.model.problem import Place, Problem, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scalable_cli.manifest.nodes import Node


_LONGEST = 200


class Findings:
    """The problems found so far; `file` is the manifest as the user named it."""

    def __init__(self, file: str, source: str = "") -> None:
        self.file = file
        self.source = source
        self.problems: list[Problem] = []

    def error(
        self,
        code: str,
        where: Node | Place,
        text: str,
        *,
        hint: str | None = None,
        words: str | None = None,
    ) -> None:
        """Record an error; `words` narrow the place to where they stand in `where`."""
        place = where if isinstance(where, Place) else self.place(where, words)
        self.problems.append(Problem(code, _line(text), place, hint, words and words[:_LONGEST]))

    def warning(
        self, code: str, where: Node | Place, text: str, *, hint: str | None = None
    ) -> None:
        """Record a warning."""
        place = where if isinstance(where, Place) else self.place(where)
        self.problems.append(Problem(code, _line(text), place, hint, severity=Severity.WARNING))

    def place(self, node: Node, words: str | None = None) -> Place:
        """Where `node` stands, or where `words` stand in its text."""
        if not isinstance(node, Scalar):
            return Place(self.file, node.line, node.column)
        if node.origin is not None:
            return Place(node.origin, 1, 1)
        at = self.source.find(words, node.start, node.end) if words else -1
        if at < 0:
            return Place(self.file, node.line, node.column)
        line = node.line + self.source.count("\n", node.start, at)
        return Place(self.file, line, at - self.source.rfind("\n", 0, at))

    @property
    def failed(self) -> bool:
        """Whether an error was found."""
        return any(problem.severity is Severity.ERROR for problem in self.problems)


def _line(text: str) -> str:
    return " ".join(text.split()) if "\n" in text else text


def in_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """The problems by place, each once."""
    unique = {(p.place, p.code, p.text): p for p in problems}
    return tuple(unique[key] for key in sorted(unique))

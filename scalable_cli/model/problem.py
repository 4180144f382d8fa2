"""One finding about what the user wrote: where, what, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Severity(Enum):
    """An error stops the command; a warning does not."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A position in a file; line and column count from 1, column in characters."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding.

    `code` is stable across releases ("E104"); `text` is lower case with the user's
    words in double quotes; `words` are the offending words as they stand in the file.
    """

    code: str
    text: str
    place: Place
    hint: str | None = None
    words: str | None = None
    severity: Severity = Severity.ERROR

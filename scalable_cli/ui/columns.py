"""Lines of aligned columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

GAP = 2


def align(rows: Sequence[Sequence[str]], right: Collection[int] = ()) -> list[str]:
    """One line a row; columns as wide as their widest cell, those in `right` right-aligned."""
    if not rows:
        return []
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [_line(row, widths, right) for row in rows]


def clip(text: str, width: int) -> str:
    """The text in at most `width` characters, its loss marked."""
    return text if len(text) <= width else text[: max(1, width - 1)] + "…"


def count_of(number: int, word: str) -> str:
    """A number with its noun: "1 step", "1,001 steps"."""
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def _line(row: Sequence[str], widths: Sequence[int], right: Collection[int]) -> str:
    cells = (
        cell.rjust(width) if i in right else cell.ljust(width)
        for i, (cell, width) in enumerate(zip(row, widths, strict=True))
    )
    return (" " * GAP).join(cells).rstrip()

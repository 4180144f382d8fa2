"""Reads a CSV file of matrix rows; its problems have places in that file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from scalable_cli.manifest.files import project_path
from scalable_cli.manifest.schema import NAME, NAME_FORM
from scalable_cli.manifest.text import place_at
from scalable_cli.model.problem import Place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scalable_cli.manifest.findings import Findings
    from scalable_cli.manifest.nodes import Scalar

MAX_BYTES = 256 << 20
MAX_ROWS = 1_000_000
MAX_PROBLEMS = 20

Table = tuple[tuple[str, ...], list[tuple[str, ...]]]


def read_rows(folder: Path, name: str, node: Scalar, found: Findings) -> Table | None:
    """Header and rows of the CSV file `name`; None when there is a problem.

    UTF-8, first row is the header, every row as long as it, no row twice; blank lines are
    skipped.
    """
    path = project_path(folder, name, node, found, what="matrix file")
    if path is None:
        return None
    shown = str(Path(found.file).parent / name)
    text = _read(path, shown, found)
    if text is None:
        return None
    before = len(found.problems)
    table = _parse(text, shown, found)
    return table if len(found.problems) == before else None


def _read(path: Path, shown: str, found: Findings) -> str | None:
    try:
        if path.stat().st_size > MAX_BYTES:
            found.error("E410", Place(shown, 1, 1), f"larger than {MAX_BYTES >> 20} MB")
            return None
        raw = path.read_bytes()
    except OSError as error:
        said = f"cannot be read: {(error.strerror or str(error)).lower()}"
        found.error("E410", Place(shown, 1, 1), said)
        return None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8-sig")
        said = f"byte 0x{raw[error.start]:02x} is not UTF-8"
        found.error("E410", place_at(before, len(before), shown), said, hint="save it as UTF-8")
        return None
    if "\0" in text:
        found.error("E410", place_at(text, text.index("\0"), shown), "a NUL byte is not allowed")
        return None
    return text


def _parse(text: str, shown: str, found: Findings) -> Table | None:
    import csv

    start = Place(shown, 1, 1)
    lines = _Lines(text)
    try:
        _, cells = next(lines.rows, (1, []))
        if not cells:
            found.error("E408", start, "the file is empty", hint="the first line names the columns")
            return None
        names = _header(cells, start, found)
        if names is None:
            return None
        rows = _body(names, lines.rows, shown, found)
    except csv.Error as error:
        found.error("E410", Place(shown, lines.line, 1), f"not valid CSV: {error}")
        return None
    if not rows:
        found.error("E404", start, "there are no rows below the header")
    return names, rows


class _Lines:
    """The rows of a CSV text that are not blank, each with the line that it begins on."""

    def __init__(self, text: str) -> None:
        self.line = 1
        self.rows = self._rows(text)

    def _rows(self, text: str) -> Iterator[tuple[int, list[str]]]:
        import csv
        import io

        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        for cells in reader:
            if cells:
                yield self.line, cells
            self.line = reader.line_num + 1


def _body(
    names: tuple[str, ...], rows: Iterator[tuple[int, list[str]]], shown: str, found: Findings
) -> list[tuple[str, ...]]:
    """The good rows below the header; stops after some problems."""
    lines: dict[tuple[str, ...], int] = {}
    problems = 0
    for line, cells in rows:
        row = tuple(cells)
        place = Place(shown, line, 1)
        if len(row) != len(names):
            said = f"{len(row)} values where the header has {len(names)}"
            found.error("E409", place, said)
            problems += 1
        elif row in lines:
            said = f"this row stands twice; the first is on line {lines[row]}"
            found.error("E405", place, said)
            problems += 1
        else:
            lines[row] = line
        if len(lines) > MAX_ROWS:
            found.error("E406", place, f"more than {MAX_ROWS} rows")
        if problems >= MAX_PROBLEMS or len(lines) > MAX_ROWS:
            break
    return list(lines) or [()] * problems


def _header(cells: list[str], place: Place, found: Findings) -> tuple[str, ...] | None:
    names = tuple(cell.strip() for cell in cells)
    failed = False
    column = 1
    for position, (cell, name) in enumerate(zip(cells, names, strict=True)):
        here = Place(place.file, place.line, column)
        column += len(cell) + 1
        if not re.fullmatch(NAME, name):
            said = f'"{name[:80]}" is not a column name that is allowed'
            found.error("E408", here, said, hint=NAME_FORM)
            failed = True
        elif name in names[:position]:
            found.error("E408", here, f'column "{name}" stands twice')
            failed = True
    return None if failed else names

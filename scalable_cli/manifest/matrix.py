"""Reads a task's matrix: lists, ranges `a..b`, CSV files, and mappings of these by name."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scalable_cli.manifest.csv_rows import read_rows
from scalable_cli.manifest.expand import expand
from scalable_cli.manifest.nodes import Listing, Mapping, Scalar
from scalable_cli.manifest.schema import NAME, NAME_FORM
from scalable_cli.model.manifest import Axis, Value

if TYPE_CHECKING:
    from collections.abc import Mapping as Environ
    from collections.abc import Sequence
    from pathlib import Path

    from scalable_cli.manifest.findings import Findings
    from scalable_cli.manifest.nodes import Node

MOST_STEPS = 1_000_000
_RANGE = re.compile(r"\s*([+-]?\d+)\s*\.\.\s*([+-]?\d+)\s*")
_INTEGER = re.compile(r"0|-?[1-9]\d{0,17}", re.ASCII)
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d{1,3})?", re.ASCII)


@dataclass(frozen=True)
class MatrixReader:
    """Reads matrices; `folder` is where CSV files are looked for."""

    folder: Path
    environ: Environ[str, str]
    found: Findings
    files: dict[str, tuple[tuple[str, ...], list[tuple[str, ...]]] | None] = field(
        default_factory=dict
    )

    def read(self, node: Node) -> tuple[Axis, ...] | None:
        """The axes of a matrix; None when there is a problem, which `found` then has."""
        if isinstance(node, Mapping):
            return self._named(node)
        if isinstance(node, Scalar) and (text := self._text(node)) is not None:
            if text.lower().endswith(".csv"):
                axis = self._file(node, text)
                return (axis,) if axis else None
            hint = "write a mapping of names to lists, or the name of a CSV file"
            self.found.error("E204", node, f'"{text}" is not a matrix', hint=hint, words=node.text)
        elif isinstance(node, Listing):
            hint = "give it a name, such as: scenario: [1, 2]"
            self.found.error("E204", node, "a list where a mapping is needed", hint=hint)
        return None

    def _named(self, node: Mapping) -> tuple[Axis, ...] | None:
        if not node.items:
            self.found.error("E404", node, "the matrix is empty", hint="leave it out")
            return None
        axes = [self._axis(node.keys[name], value) for name, value in node.items.items()]
        good = [axis for axis in axes if axis is not None]
        seen: set[str] = set()
        for axis, key in zip(axes, node.keys.values(), strict=True):
            for name in axis.names if axis else ():
                if name in seen:
                    self.found.error("E407", key, f'matrix name "{name}" stands twice')
                seen.add(name)
        names = sum(len(axis.names) for axis in good)
        return tuple(good) if len(good) == len(axes) and len(seen) == names else None

    def _axis(self, key: Scalar, node: Node) -> Axis | None:
        text = self._text(node) if isinstance(node, Scalar) else ""
        if text is None:
            return None
        if isinstance(node, Scalar) and text.lower().endswith(".csv"):
            return self._file(node, text)
        if not re.fullmatch(NAME, key.text):
            said = f'"{key.text[:80]}" is not a name that is allowed here'
            self.found.error("E212", key, said, hint=NAME_FORM, words=key.text)
            return None
        if isinstance(node, Scalar):
            return self._range(key.text, node, text)
        if isinstance(node, Mapping):
            self.found.error("E204", node, "a mapping where a list or a range is needed")
            return None
        return self._list(key.text, node)

    def _list(self, name: str, node: Listing) -> Axis | None:
        if not node.items:
            self.found.error("E404", node, f'matrix "{name}" has no values')
            return None
        texts: list[str] = []
        seen: set[str] = set()
        failed = False
        for item in node.items:
            if not isinstance(item, Scalar):
                self.found.error("E204", item, "a matrix value must be a single text")
                failed = True
                continue
            text = self._text(item)
            if text is None:
                failed = True
            elif text in seen:
                said = f'value "{text[:80]}" of "{name}" stands twice'
                self.found.error("E405", item, said, words=item.text)
                failed = True
            else:
                seen.add(text)
                texts.append(text)
        return None if failed else Axis((name,), tuple((v,) for v in typed(texts)))

    def _range(self, name: str, node: Scalar, text: str) -> Axis | None:
        match = _RANGE.fullmatch(text)
        if match is None:
            code, said = "E204", f'"{text[:80]}" is neither a list nor a range nor a CSV file'
            if ".." in text:
                code, said = "E403", f'"{text[:80]}" is not a range'
            hint = "write a list, or a range of whole numbers such as 1..500"
            self.found.error(code, node, said, hint=hint, words=node.text)
            return None
        if max(len(match[1]), len(match[2])) > 16:
            self.found.error("E403", node, f'"{text[:80]}" is not a range', words=node.text)
            return None
        first, last = int(match[1]), int(match[2])
        if abs(last - first) >= MOST_STEPS:
            said = f'"{text}" has {abs(last - first) + 1} values'
            self.found.error("E406", node, said, hint=f"at most {MOST_STEPS}", words=node.text)
            return None
        step = 1 if last >= first else -1
        numbers = range(first, last + step, step)
        return Axis((name,), tuple((Value(str(n), n),) for n in numbers))

    def _file(self, node: Scalar, text: str) -> Axis | None:
        if text not in self.files:
            self.files[text] = read_rows(self.folder, text, node, self.found)
        table = self.files[text]
        if table is None:
            return None
        names, rows = table
        columns = [typed(column) for column in zip(*rows, strict=True)]
        return Axis(names, tuple(zip(*columns, strict=True)), text)

    def _text(self, node: Scalar) -> str | None:
        text = expand(node, self.environ, self.found)
        if text is not None and not text.strip():
            self.found.error("E213", node, "a value is missing here")
            return None
        return text


def typed(texts: Sequence[str]) -> list[Value]:
    """The values of one column: numbers when every text is one, whole numbers when all are.

    Text with a leading zero, such as a county code, is not a number.
    """
    if all(map(_INTEGER.fullmatch, texts)):
        return [Value(text, int(text)) for text in texts]
    if all(map(_NUMBER.fullmatch, texts)):
        numbers = [float(text) for text in texts]
        if all(map(math.isfinite, numbers)):
            return [Value(text, number) for text, number in zip(texts, numbers, strict=True)]
    return [Value(text) for text in texts]

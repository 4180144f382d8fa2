"""The steps of one task: the product of its matrix, their ids and output paths."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import chain, product
from typing import TYPE_CHECKING

from scalable_cli.errors import ManifestError
from scalable_cli.model.problem import Problem
from scalable_cli.planning.template import filled

if TYPE_CHECKING:
    from collections.abc import Callable

    from scalable_cli.model.manifest import Axis, Task, Value

# Texts that would make two ids equal, or an id hard to read, stand in quotes.
_NEEDS_QUOTES = re.compile(r'[,"\[\]\x00-\x1f\x7f]|^\s|\s$|^$')
_MAY_ESCAPE = re.compile(r"\.\.|\n/|\x00")
_ESCAPES = re.compile(r"\A/|(\A|/)\.\.(/|\Z)|\x00")


@dataclass(frozen=True, slots=True)
class Expanded:
    """The steps of one task, each list in the order of the steps: the first axis slowest."""

    values: list[tuple[Value, ...]]
    ids: list[str]
    outputs: list[tuple[str, ...]]


# What the workflow does has no steps.
EMPTY = Expanded([], [], [])


def expand(task: Task) -> Expanded:
    """Every step of `task`; raises ManifestError for equal steps and escaping outputs."""
    values = _product(task.matrix)
    ids = _ids(task)
    if len(set(ids)) < len(ids):
        raise _problem(task, "E405", f'two steps are both called "{_first_repeated(ids)}"')
    outputs = _outputs(task, values)
    return Expanded(values, ids, outputs)


def _product(axes: tuple[Axis, ...]) -> list[tuple[Value, ...]]:
    if len(axes) == 1:
        return list(axes[0].rows)
    if all(len(axis.names) == 1 for axis in axes):
        return list(product(*[[row[0] for row in axis.rows] for axis in axes]))
    rows = product(*[axis.rows for axis in axes])
    return [tuple(chain.from_iterable(row)) for row in rows]


def _ids(task: Task) -> list[str]:
    if not task.matrix:
        return [task.name]
    labels = [[_label(axis.names, row) for row in axis.rows] for axis in task.matrix]
    return [f"{task.name}[{','.join(row)}]" for row in product(*labels)]


def _label(names: tuple[str, ...], row: tuple[Value, ...]) -> str:
    return ",".join(f"{name}={_quoted(value.text)}" for name, value in zip(names, row, strict=True))


def _quoted(text: str) -> str:
    if text.isalnum() or _NEEDS_QUOTES.search(text) is None:
        return text
    import json

    return json.dumps(text, ensure_ascii=False)


def _outputs(task: Task, values: list[tuple[Value, ...]]) -> list[tuple[str, ...]]:
    fill = [filled(template, task.matrix_names) for _, template in task.outputs]
    if not fill:
        return [()] * len(values)
    texts = [[value.text for value in row] for row in values]
    columns = [_paths(task, one, texts) for one in fill]
    return list(zip(*columns, strict=True))


def _paths(task: Task, fill: Callable[[list[str]], str], texts: list[list[str]]) -> list[str]:
    paths = [fill(row) for row in texts]
    if _MAY_ESCAPE.search("\n" + "\n".join(paths)):
        for path in paths:
            if _ESCAPES.search(path):
                raise _problem(task, "E307", f'output "{path}" is outside of the run')
    return paths


def _first_repeated(ids: list[str]) -> str:
    seen: set[str] = set()
    return next(i for i in ids if i in seen or seen.add(i))  # type: ignore[func-returns-value]


def _problem(task: Task, code: str, text: str) -> ManifestError:
    hint = f'look at the matrix and the outputs of task "{task.name}"'
    return ManifestError((Problem(code, text, task.place, hint),))

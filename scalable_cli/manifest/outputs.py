"""Finds steps that would write the same output, or one inside another's."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

from scalable_cli.manifest.files import leaves
from scalable_cli.manifest.nodes import Mapping
from scalable_cli.manifest.placeholders import split_template

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from scalable_cli.manifest.findings import Findings
    from scalable_cli.manifest.nodes import Node
    from scalable_cli.manifest.tasks import ReadTask
    from scalable_cli.model.manifest import Task


def check_outputs(tasks: Sequence[ReadTask], found: Findings) -> None:
    """Render every output of every step and compare: equal, inside another, outside the folder.

    One problem for each pair of outputs. Tasks that the workflow does name no paths.
    """
    claims = _Claims(found)
    for read in tasks:
        if read.matrix_failed or read.task.runs_in_workflow:
            continue
        outputs = read.fields.nodes.get("outputs")
        for name, template in read.task.outputs:
            if isinstance(outputs, Mapping) and _tells_apart(read.task, template):
                claims.add(f"{read.task.name}.{name}", outputs.items[name], read.task, template)
    claims.compare_folders()


def rendered(task: Task, template: str) -> Iterator[str]:
    """The path of an output for every combination of the matrix values that it uses."""
    parts = split_template(template)
    names = parts[1::2]
    if not names:
        return iter((template,))
    places: dict[str, int] = {}
    columns: list[list[tuple[str, ...]]] = []
    for axis in task.matrix:
        mine = [n for n in axis.names if n in names]
        at = [axis.names.index(n) for n in mine]
        for n in mine:
            places[n] = len(places)
        if mine:
            columns.append([tuple(row[i].text for i in at) for row in axis.rows])
    form = "".join(
        f"{{{places[part]}}}" if i % 2 else part.replace("{", "{{").replace("}", "}}")
        for i, part in enumerate(parts)
    ).format
    if len(columns) == 1:
        return (form(*row) for row in columns[0])
    return (form(*(text for row in rows for text in row)) for rows in product(*columns))


def _tells_apart(task: Task, template: str) -> bool:
    """Whether every placeholder is known, and each axis with several rows is used."""
    names = set(split_template(template)[1::2])
    return names <= set(task.matrix_names) and all(
        len(axis.rows) == 1 or names.intersection(axis.names) for axis in task.matrix
    )


class _Claims:
    """Which output has which path, and which folders they lie in."""

    def __init__(self, found: Findings) -> None:
        self.found = found
        self.labels: list[tuple[str, Node]] = []
        self.owners: dict[str, int] = {}
        self.folders: dict[str, int] = {}

    def add(self, label: str, node: Node, task: Task, template: str) -> None:
        """Claim the paths of one output of a task."""
        owner = len(self.labels)
        self.labels.append((label, node))
        paths: Iterable[str] = rendered(task, template)
        if _wild(task, template):
            paths = [path for path in paths if self._inside(path, node)]
        told: set[int] = set()
        owners, folders = self.owners, self.folders
        for path in paths:
            other = owners.get(path)
            if other is None:
                owners[path] = owner
                head = path[: max(0, path.rfind("/"))]
                while head and head not in folders:
                    folders[head] = owner
                    head = head[: max(0, head.rfind("/"))]
            elif other not in told:
                told.add(other)
                self._same(owner, other, path)

    def compare_folders(self) -> None:
        """Report outputs that lie inside another output; each pair once."""
        told: set[tuple[int, int]] = set()
        for path in self.owners.keys() & self.folders.keys():
            pair = self.owners[path], self.folders[path]
            if pair in told:
                continue
            told.add(pair)
            outer, (inner, node) = self.labels[pair[0]][0], self.labels[pair[1]]
            said = f'output "{inner}" lies inside output "{outer}"'
            self.found.error("E412", node, said, hint="give each its own folder")

    def _same(self, owner: int, other: int, path: str) -> None:
        label, node = self.labels[owner]
        if owner == other:
            said = f'two steps write "{path[:200]}" as output "{label}"'
            hint = "let each combination of the matrix give another path"
        else:
            said = (
                f'output "{label}" and output "{self.labels[other][0]}" both write "{path[:200]}"'
            )
            hint = "give each its own path"
        self.found.error("E411", node, said, hint=hint)

    def _inside(self, path: str, node: Node) -> bool:
        if leaves(path) or any(part in ("", ".") for part in path.split("/")):
            said = f'a step would write "{path[:200]}", which is not a path in the results'
            hint = "use matrix values that can be part of a file name"
            self.found.error("E307", node, said, hint=hint)
            return False
        return True


def _wild(task: Task, template: str) -> bool:
    """Whether a matrix value in the path could change its folders."""
    names = set(split_template(template)[1::2])
    return any(
        value.text in ("", ".", "..") or "/" in value.text
        for axis in task.matrix
        for position, name in enumerate(axis.names)
        if name in names
        for value in (row[position] for row in axis.rows)
    )

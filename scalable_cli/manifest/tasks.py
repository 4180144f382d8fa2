"""One task of the manifest: from its node to a `Task`, with the checks that need only itself."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from keyword import iskeyword
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from scalable_cli.manifest import schema
from scalable_cli.manifest.files import leaves
from scalable_cli.manifest.matrix import MOST_STEPS
from scalable_cli.manifest.nodes import Listing, Mapping, Scalar
from scalable_cli.manifest.placeholders import check_placeholders, split_template
from scalable_cli.model.manifest import Declared, Retry, Task

if TYPE_CHECKING:
    from scalable_cli.manifest.fields import Fields, Reader
    from scalable_cli.manifest.matrix import MatrixReader
    from scalable_cli.manifest.nodes import Node
    from scalable_cli.model.manifest import Axis


@dataclass(frozen=True)
class ReadTask:
    """A task as it stands, before its references are followed.

    `task` has no inputs yet; `matrix_failed` says that its matrix is not known.
    """

    task: Task
    fields: Fields
    matrix_failed: bool


def read_task(key: Scalar, node: Node, reader: Reader, matrices: MatrixReader) -> ReadTask | None:
    """The task called `key`; None when it is not a mapping."""
    found = reader.found
    fields = reader.record(node, schema.TASK)
    if fields is None:
        return None
    if not re.fullmatch(schema.NAME, key.text):
        said = f'"{key.text[:80]}" is not a name that is allowed for a task'
        found.error("E212", key, said, hint=schema.NAME_FORM, words=key.text)
    axes: tuple[Axis, ...] | None = ()
    if "matrix" in fields.nodes:
        axes = matrices.read(fields.nodes["matrix"])
    command = fields.values.get("command")
    if "command" in fields.nodes and "python" in fields.nodes:
        said = '"command" and "python" exclude each other'
        found.error("E215", fields.nodes["python"], said, hint="keep one of them")
    if isinstance(command, list) and not command:
        found.error("E213", fields.nodes["command"], "the command is empty")
    retry = fields.record("retry")
    estimate = fields.record("estimate")
    timeout = fields.number("timeout")
    backoff = fields.number("backoff")
    checkpoint = fields.text("checkpoint")
    if checkpoint and leaves(checkpoint):
        said = f'checkpoint "{checkpoint[:200]}" leaves the working folder'
        found.error("E307", fields.nodes["checkpoint"], said, hint="use a relative path")
    task = Task(
        name=key.text,
        component=fields.text("component") or "",
        place=found.place(key),
        needs=tuple(dict.fromkeys(fields.texts("needs"))),
        matrix=axes or (),
        zip=fields.flag("zip", False),
        command=tuple(command) if isinstance(command, list) else command,
        python=fields.text("python"),
        outputs=tuple((n, tidy(path)) for n, path in fields.pairs("outputs")),
        code=fields.texts("code") if "code" in fields.values else None,
        env=fields.pairs("env"),
        cache=fields.flag("cache", True),
        retry=Retry(
            retries=fields.integer("retries") or 0,
            backoff_s=1.0 if backoff is None else float(backoff),
            memory_factor=(retry and retry.number("memory")) or Decimal(1),
        ),
        timeout_s=None if timeout is None else float(timeout),
        checkpoint=tidy(checkpoint) if checkpoint else None,
        declared=Declared(
            duration_s=estimate.number("duration") if estimate else None,
            output_bytes=estimate.integer("output") if estimate else None,
            transfer_bytes=estimate.integer("transfer") if estimate else None,
        ),
    )
    read = ReadTask(task, fields, axes is None)
    _check_steps(read, reader)
    _check_templates(read, reader)
    if task.python:
        _check_arguments(read, reader)
    return read


def tidy(path: str) -> str:
    """An output path without "./" in front, doubled or closing slashes."""
    if path.startswith("/"):
        return path
    return re.sub(r"/+", "/", re.sub(r"^(\./+)+", "", path)).rstrip("/")


def _check_steps(read: ReadTask, reader: Reader) -> None:
    steps = read.task.steps
    if steps > MOST_STEPS:
        said = f'task "{read.task.name}" has {steps} steps'
        hint = f"at most {MOST_STEPS} in one manifest"
        reader.found.error("E406", read.fields.at("matrix"), said, hint=hint)


def _check_arguments(read: ReadTask, reader: Reader) -> None:
    """Matrix values, inputs and outputs are a function's keyword arguments."""
    inputs = read.fields.pairs("inputs")
    names = [*read.task.matrix_names, *(n for n, _ in inputs), *(n for n, _ in read.task.outputs)]
    where = read.fields.nodes["python"]
    for position, name in enumerate(names):
        if not name.isidentifier() or iskeyword(name):
            said = f'"{name[:80]}" cannot be an argument of a function'
            hint = "rename it: letters, digits and _, not a word of Python"
            reader.found.error("E212", where, said, hint=hint)
        elif name in names[:position]:
            said = f'"{name}" would be two arguments of one function'
            hint = "give matrix values, inputs and outputs different names"
            reader.found.error("E407", where, said, hint=hint)


def _check_templates(read: ReadTask, reader: Reader) -> None:
    task, nodes = read.task, read.fields.nodes
    matrix = _Anything() if read.matrix_failed else task.matrix_names
    known = {
        "matrix": matrix,
        "inputs": _keys(nodes.get("inputs")),
        "outputs": _keys(nodes.get("outputs")),
    }
    command = nodes.get("command")
    texts = command.items if isinstance(command, Listing) else [command]
    for node in texts:
        if isinstance(node, Scalar):
            check_placeholders(node, known, reader.found)
    outputs = nodes.get("outputs")
    if isinstance(outputs, Mapping):
        for name, node in outputs.items.items():
            if isinstance(node, Scalar) and name in read.fields.values.get("outputs", {}):
                _check_output(read, name, node, reader)
    inputs = nodes.get("inputs")
    for node in inputs.items.values() if isinstance(inputs, Mapping) else ():
        if isinstance(node, Scalar) and "{{" in node.text:
            said = "an input has no placeholders"
            hint = "a step that reads another file for each value takes the name in its command"
            reader.found.error("E401", node, said, hint=hint, words="{{")


def _check_output(read: ReadTask, name: str, node: Scalar, reader: Reader) -> None:
    task, found = read.task, reader.found
    matrix = _Anything() if read.matrix_failed else task.matrix_names
    used = check_placeholders(node, {"matrix": matrix}, found)
    path = str(read.fields.values["outputs"][name])
    bare = "".join(split_template(path)[::2])
    if not tidy(path) or "." in PurePosixPath(tidy(path)).parts or "\n" in bare:
        found.error("E307", node, f'output "{path[:200]}" is not a path of a file', words=node.text)
    elif leaves(path):
        said = f'output "{path[:200]}" leaves the folder of results'
        hint = "write a relative path without .."
        found.error("E307", node, said, hint=hint, words=node.text)
    if read.matrix_failed or task.runs_in_workflow:
        return
    missing = [
        axis for axis in task.matrix if len(axis.rows) > 1 and not used.intersection(axis.names)
    ]
    for axis in missing:
        what = axis.names[0]
        said = f'output "{name}" is the same for every "{what}"'
        hint = f"put {{{{ matrix.{what} }}}} into its path"
        found.error("E413", node, said, hint=hint)


def _keys(node: Node | None) -> tuple[str, ...]:
    return tuple(node.items) if isinstance(node, Mapping) else ()


class _Anything(tuple[str, ...]):
    """Stands for names that are not known because their source has a problem."""

    __slots__ = ()

    def __contains__(self, _name: object) -> bool:
        return True

"""A step's working folder: the code it may see, its inputs, an empty place for its outputs."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from scalable_cli.engine.steps import RunContext, StepSpec
    from scalable_cli.model.store import Store


def make_workdir(
    folder: str, context: RunContext, spec: StepSpec, code: Path, store: Store
) -> None:
    """Fill `folder`, which exists and is empty. Raises StorageError, OSError."""
    outputs = tuple(path for _, path in spec.outputs)
    real = parents_of([*outputs, *(file.path for file in spec.inputs)])
    real |= parents_of([path for path, _ in spec.lists])
    view = context.tasks[spec.task].code
    folders, links = _layout(context.code, view, frozenset(real), frozenset(outputs))
    for path in folders:
        os.mkdir(f"{folder}/{path}")
    for path in links:
        os.symlink(f"{code}/{path}", f"{folder}/{path}")
    from pathlib import Path

    for file in spec.inputs:
        store.fetch(file.key, Path(f"{folder}/{file.path}"))
    for path, lines in spec.lists:
        with open(f"{folder}/{path}", "w", encoding="utf-8") as stream:
            stream.writelines(f"{line}\n" for line in lines)


def parents_of(paths: Sequence[str]) -> set[str]:
    """Every folder above the paths."""
    found: set[str] = set()
    for path in paths:
        parent = path.rpartition("/")[0]
        while parent and parent not in found:
            found.add(parent)
            parent = parent.rpartition("/")[0]
    return found


@lru_cache(maxsize=256)
def _layout(
    bundle: tuple[str, ...],
    view: tuple[str, ...] | None,
    real: frozenset[str],
    outputs: frozenset[str],
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The folders to make, parents first, and the paths to link.

    A folder of the bundle is one link when the step sees all of it and puts nothing into it;
    else it is made, and what is in it is linked. What an output will replace is not shown.
    """
    shown = set(bundle if view is None else view)
    hidden = [path for path in bundle if path not in shown or _covers(outputs, path)]
    whole = real | parents_of(hidden)
    links: set[str] = set()
    folders = set(real)
    for path in bundle:
        if path not in shown or _covers(outputs, path):
            continue
        parts = path.split("/")
        prefix = ""
        for part in parts:
            prefix = f"{prefix}/{part}" if prefix else part
            if prefix not in whole:
                links.add(prefix)
                break
            folders.add(prefix)
    return tuple(sorted(folders)), tuple(sorted(links))


def _covers(outputs: frozenset[str], path: str) -> bool:
    """Whether `path` is an output or lies in one."""
    return any(path == output or path.startswith(f"{output}/") for output in outputs)

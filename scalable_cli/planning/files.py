"""The digests of the project files that tasks name: inputs and Dockerfiles."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from scalable_cli.errors import StorageError
from scalable_cli.model.digest import digest_of
from scalable_cli.planning.index import DigestIndex, unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from scalable_cli.model.manifest import Component, Manifest, Task
    from scalable_cli.model.plan import CodeFile


def digest_files(
    manifest: Manifest, tasks: Sequence[Task], code: Sequence[CodeFile]
) -> dict[str, str]:
    """The digest of each file that `tasks` name, by its path: inputs, and Dockerfiles.

    What the scan of the project did not find is read here, ignored files too. The digest
    of a folder is that of the paths and digests of the files in it. A Dockerfile that is
    not there is left out. Raises StorageError for an input that cannot be read.
    """
    inputs = {item.path for task in tasks for item in task.inputs if item.path is not None}
    paths = sorted(inputs | _dockerfiles(manifest, tasks))
    scanned = {file.path: file.digest for file in code}
    found = {path: scanned[path] for path in paths if path in scanned}
    rest = [path for path in paths if path not in found]
    if rest:
        index = DigestIndex(manifest, "input")
        found |= {path: _digest(Path(manifest.folder), path, index) for path in rest}
        index.save(forget=False)
    return found


def list_input(manifest: Manifest, path: str) -> tuple[tuple[str, str], ...] | None:
    """The files of an input that is a folder, each (path in the project, SHA-256); else None.

    The digest of the input is that of this listing. Raises StorageError, OSError.
    """
    folder = Path(manifest.folder)
    if not (folder / path).is_dir():
        return None
    return _listing(folder, path, DigestIndex(manifest, "input"))


def dockerfile_path(component: Component) -> str | None:
    """The path of the file that the component's image is built from."""
    if component.build is None:
        return None
    return component.build.dockerfile.removeprefix("./")


def _dockerfiles(manifest: Manifest, tasks: Sequence[Task]) -> set[str]:
    used = {task.component for task in tasks}
    paths = {dockerfile_path(c) for c in manifest.components if c.name in used}
    return {path for path in paths if path and (Path(manifest.folder) / path).is_file()}


def _digest(folder: Path, path: str, index: DigestIndex) -> str:
    try:
        full = folder / path
        if not full.is_dir():
            return index.digest(path, full.stat())
        return digest_of(_listing(folder, path, index))
    except FileNotFoundError as error:
        hint = "create the file, or change the input in the manifest"
        raise StorageError(f'input file "{path}" is not there', hint=hint) from error
    except OSError as error:
        raise unreadable(path, error) from error


def _listing(folder: Path, path: str, index: DigestIndex) -> tuple[tuple[str, str], ...]:
    names = sorted(_files_below(folder, path))
    return tuple((name, index.digest(name, (folder / name).stat())) for name in names)


def _files_below(folder: Path, path: str) -> Iterator[str]:
    with os.scandir(folder / path) as entries:
        for entry in entries:
            name = f"{path.rstrip('/')}/{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                yield from _files_below(folder, name)
            elif entry.is_file():
                yield name

"""From the working folder to the run's artifacts: checked, hashed, moved whole."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from scalable_cli.errors import StorageError
from scalable_cli.host import umask
from scalable_cli.model.artifact import ArtifactRef
from scalable_cli.model.digest import digest_of, digest_of_file
from scalable_cli.store.cache import is_refused, object_key

if TYPE_CHECKING:
    from scalable_cli.engine.steps import StepSpec
    from scalable_cli.model.store import Store


class OutputError(Exception):
    """An output is not there, or is not where it must be."""


def collect(spec: StepSpec, folder: str, run: str, store: Store) -> tuple[ArtifactRef, ...]:
    """Move a step's outputs into the run; nothing is moved unless all are there and sound.

    Their bytes are kept in the cache too, where that may be written.
    Raises OutputError in the user's words, StorageError, OSError.
    """
    root = os.path.realpath(folder)
    found = [_find(name, path, root) for name, path in spec.outputs]
    return tuple(
        _store(path, place, run, store)
        for (_, path), place in zip(spec.outputs, found, strict=True)
    )


def _find(name: str, path: str, root: str) -> str:
    """The real place of an output."""
    place = os.path.realpath(f"{root}/{path}")
    if place != f"{root}/{path}" and not place.startswith(f"{root}/"):
        raise OutputError(f'output "{name}" ({path}) is a link to outside of the working folder')
    try:
        mode = os.stat(place).st_mode
    except OSError:
        raise OutputError(f'output "{name}" is missing: the step did not write {path}') from None
    if stat.S_ISDIR(mode):
        for parent, folders, files in os.walk(place):
            for entry in (*folders, *files):
                if not os.path.realpath(f"{parent}/{entry}").startswith(f"{root}/"):
                    raise OutputError(f'output "{name}": {entry} is a link to outside')
    elif not stat.S_ISREG(mode):
        raise OutputError(f'output "{name}" ({path}) is neither a file nor a folder')
    return place


def _store(path: str, place: str, run: str, store: Store) -> ArtifactRef:
    if not os.path.isdir(place):
        digest, size = _store_file(store, f"{run}/artifacts/{path}", Path(place))
        return ArtifactRef(path, digest, size)
    files = []
    for parent, _, names in sorted(os.walk(place)):
        for name in sorted(names):
            source = os.path.realpath(f"{parent}/{name}")
            below = os.path.relpath(f"{parent}/{name}", place)
            digest, size = _store_file(store, f"{run}/artifacts/{path}/{below}", Path(source))
            files.append((below, digest, size))
    files.sort()
    listing = tuple(files)
    return ArtifactRef(path, digest_of(listing), sum(f[2] for f in files), files=listing)


def _store_file(store: Store, key: str, source: Path) -> tuple[str, int]:
    status = source.stat()
    digest = digest_of_file(source)
    # Artifacts, cache and staged inputs may share one inode: nobody writes to it any more.
    source.chmod(read_only(status.st_mode))
    store.put(key, source, move=True)
    keep_object(store, key, digest)
    return digest, status.st_size


def keep_object(store: Store, key: str, digest: str) -> None:
    """Keep what lies at `key` in the cache, unless that may not be written.

    An object of that name is replaced without a look: these bytes are known to be right,
    and a fresh object is safe from a clean-up that goes on meanwhile.
    """
    try:
        store.copy(key, object_key(digest))
    except StorageError as error:
        if not is_refused(error):
            raise


def read_only(mode: int) -> int:
    """The mode of a stored file: for all whom the umask admits, executable if it was."""
    return (0o555 if mode & 0o100 else 0o444) & ~umask()

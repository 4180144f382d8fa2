"""What a cache holds: results, the files that they refer to, and what else lies there."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scalable_cli.errors import RefusedError, StorageError
from scalable_cli.store.cache import OBJECTS, RECORD_SCHEMA, STEPS, StepCache
from scalable_cli.store.local import TEMPORARY

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from scalable_cli.model.artifact import Entry
    from scalable_cli.model.cache import StepRecord
    from scalable_cli.model.store import Store

CODE, FUNCTIONS = "cache/code/", "cache/functions/"


@dataclass(frozen=True, slots=True)
class Stored:
    """A file of the cache: its size, and the bytes of disk that come free when it is removed.

    `frees` is 0 while a run has the same file; `modified` in seconds since the epoch.
    """

    key: str
    size: int
    frees: int
    modified: float


@dataclass(frozen=True, slots=True)
class Result:
    """A step's cached result; `file` is its record, as young as its last use."""

    record: StepRecord
    file: Stored

    @property
    def files(self) -> Mapping[str, int]:
        """The objects that it refers to: digest to size."""
        found: dict[str, int] = {}
        for ref in self.record.outputs:
            if ref.files is None:
                found[ref.digest] = ref.size
            else:
                found.update((digest, size) for _, digest, size in ref.files)
        return found

    @property
    def size(self) -> int:
        """The bytes of its outputs."""
        return sum(ref.size for ref in self.record.outputs)


@dataclass(frozen=True, slots=True)
class Inventory:
    """All that a cache holds; `objects` by digest, `damaged` are records that nobody can read."""

    results: tuple[Result, ...]
    objects: Mapping[str, Stored]
    functions: tuple[Stored, ...] = ()
    bundles: tuple[Stored, ...] = ()
    damaged: tuple[Stored, ...] = ()
    unfinished: tuple[Stored, ...] = ()

    @property
    def files(self) -> Iterator[Stored]:
        """Every file but those that were never finished."""
        yield from (result.file for result in self.results)
        yield from self.objects.values()
        for others in (self.functions, self.bundles, self.damaged):
            yield from others


def take_inventory(store: Store) -> Inventory:
    """List the cache in `store`. Raises StorageError, RefusedError for a later version's records.

    What a later version wrote might refer to any object, so no object could be told unused.
    """
    cache = StepCache(store)
    results, damaged = [], []
    for entry in store.scan(STEPS):
        record = cache.record(entry.key.rpartition("/")[2].removesuffix(".json"))
        file = _stored(store, entry)
        if record is not None:
            results.append(Result(record, file))
        else:
            _check_version(store, entry.key)
            damaged.append(file)
    objects = [_stored(store, entry) for entry in store.scan(OBJECTS)]
    return Inventory(
        tuple(results),
        {file.key.rpartition("/")[2]: file for file in objects},
        tuple(_stored(store, entry) for entry in store.scan(FUNCTIONS)),
        tuple(_stored(store, entry) for entry in store.scan(CODE)),
        tuple(damaged),
        tuple(_unfinished(store)),
    )


def _stored(store: Store, entry: Entry) -> Stored:
    path = store.local_path(entry.key)
    if path is None:
        return Stored(entry.key, entry.size, entry.size, entry.modified)
    try:
        status = os.stat(path)
    except OSError:  # removed since it was listed
        return Stored(entry.key, 0, 0, entry.modified)
    return Stored(entry.key, status.st_size, _frees(status), status.st_mtime)


def _frees(status: os.stat_result) -> int:
    """The disk's blocks, which st_blocks counts in 512 bytes, unless other names hold them."""
    return status.st_blocks * 512 if status.st_nlink == 1 else 0


def _check_version(store: Store, key: str) -> None:
    try:
        document = json.loads(store.read(key))
    except (StorageError, ValueError, RecursionError):
        return
    schema = document.get("schema") if isinstance(document, dict) else None
    if isinstance(schema, str) and schema.startswith("scalable.") and schema != RECORD_SCHEMA:
        raise RefusedError(
            f'the cache has a record of another version ("{schema}")',
            hint="use the newest scalable that writes to this storage",
        )


def _unfinished(store: Store) -> Iterator[Stored]:
    """Temporary files of writers that were killed, in runs too: listings do not show them."""
    cache = store.local_path("cache")
    if cache is None:
        return
    for folder, _, names in os.walk(cache.parent):
        for name in names:
            if name.startswith(TEMPORARY):
                path = f"{folder}/{name}"
                try:
                    status = os.stat(path)
                except OSError:  # finished meanwhile
                    continue
                key = os.path.relpath(path, cache.parent)
                yield Stored(key, status.st_size, _frees(status), status.st_mtime)

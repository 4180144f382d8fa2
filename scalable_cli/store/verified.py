"""Whether stored objects still have the bytes that their names promise."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import tempfile
import time
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from scalable_cli.errors import StorageError
from scalable_cli.model.digest import digest_of_file
from scalable_cli.store.local import LocalStore

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scalable_cli.model.store import Store

_SCHEMA = "scalable.verified/1"

# Bytes that changed this shortly before they were read may change again within the same tick
# of the file system's clock: FAT counts in 2 s, ext3 and HFS+ in 1 s.
_RACY_NS = 2_000_000_000

Identity = list[int]


class Condition(Enum):
    """What became of a cached result's files; the values are said of a cache entry."""

    SOUND = "is sound"
    DAMAGED = "is damaged"
    INCOMPLETE = "is incomplete"
    UNREADABLE = "cannot be read"


class Verified:
    """Objects of `store` whose SHA-256 was computed here: digest to (inode, size, mtime_ns).

    Kept in `folder`, the local cache, so that an object that did not change is hashed once. An
    object of a store elsewhere is fetched for that, once; its inode counts as 0.
    """

    def __init__(self, store: Store, folder: Path) -> None:
        self._store = store
        # Asked for every cached output: the store's own paths take as long as the disk.
        self._root = store.uri if store.local_path("x") is not None else None
        self._local = LocalStore(folder)
        self._folder = folder
        name = hashlib.sha256(store.uri.encode()).hexdigest()[:12]
        self._name = f"verified-{name}.json"
        self._known: dict[str, Identity] | None = None
        self._changed = False

    def condition(self, key: str, digest: str, size: int | None = None) -> Condition:
        """How the bytes at `key` are; they should have this digest and, if given, this size."""
        try:
            identity = self._identity(key)
            if identity is None:
                return Condition.INCOMPLETE
            if size is not None and identity[1] != size:
                return Condition.DAMAGED
            if self._index().get(digest) == identity:
                return Condition.SOUND
            found = self._digest(key)
        except (FileNotFoundError, NotADirectoryError):
            return Condition.INCOMPLETE
        except OSError as error:
            return Condition.DAMAGED if error.errno == errno.EIO else Condition.UNREADABLE
        except StorageError:
            return Condition.UNREADABLE
        if found != digest:
            return Condition.DAMAGED
        if identity[2] < time.time_ns() - _RACY_NS:
            self._index()[digest] = identity
            self._changed = True
        return Condition.SOUND

    def forget(self, digests: Iterable[str]) -> None:
        """Forget objects that are gone."""
        known = self._index()
        for digest in digests:
            self._changed |= known.pop(digest, None) is not None

    def save(self) -> None:
        """Keep what was found; only speed depends on it, so failing to is fine."""
        if not self._changed:
            return
        document = {"schema": _SCHEMA, "storage": self._store.uri, "objects": self._known}
        with contextlib.suppress(StorageError):
            self._local.write(self._name, json.dumps(document, separators=(",", ":")).encode())
            self._changed = False

    def _index(self) -> dict[str, Identity]:
        if self._known is None:
            self._known = self._read()
        return self._known

    def _read(self) -> dict[str, Identity]:
        try:
            document = json.loads(self._local.read(self._name))
            if document["schema"] != _SCHEMA or document["storage"] != self._store.uri:
                return {}
            known = document["objects"]
            return known if isinstance(known, dict) else {}
        except (StorageError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
            return {}  # absent or damaged: every object is read again

    def _identity(self, key: str) -> Identity | None:
        if self._root is not None:
            status = os.stat(f"{self._root}/{key}")
            return [status.st_ino, status.st_size, status.st_mtime_ns]
        entry = self._store.stat(key)
        return None if entry is None else [0, entry.size, int(entry.modified * 1e9)]

    def _digest(self, key: str) -> str:
        if self._root is not None:
            return digest_of_file(Path(self._root, key))
        self._folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".tmp-", dir=self._folder) as folder:
            path = Path(folder, "object")
            self._store.fetch(key, path)
            return digest_of_file(path)

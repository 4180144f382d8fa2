"""A store that counts what it is asked, in the classes that providers charge by."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from scalable_cli.model.artifact import Entry
    from scalable_cli.model.store import Store

# Keys in one page of a listing (S3 and GCS).
_PAGE = 1000


@dataclass
class Requests:
    """Requests of each class, and bytes; `writes` are PUT, COPY, POST, `lists` cost as much.

    A large file counts as one request for each of its parts and two for their frame.
    """

    writes: int = 0
    reads: int = 0
    lists: int = 0
    deletes: int = 0
    bytes_up: int = 0
    bytes_down: int = 0


class CountingStore:
    """The same promises as the store inside; `requests` is what was asked so far.

    Put it inside a RetryingStore to count every try. Counts start at 0 on every machine that
    the store travels to.
    """

    def __init__(self, inner: Store, part_bytes: int = 8 << 20) -> None:
        self._inner = inner
        self._part_bytes = part_bytes
        self._lock = threading.Lock()
        self.requests = Requests()

    def __reduce__(self) -> tuple[type[CountingStore], tuple[Store, int]]:
        """Travel with the store inside, without the counts."""
        return CountingStore, (self._inner, self._part_bytes)

    @property
    def uri(self) -> str:
        """That of the store inside."""
        return self._inner.uri

    def scan(self, prefix: str) -> Iterator[Entry]:
        """A listing: one request for each 1,000 keys."""
        self._count(lists=1)
        for number, entry in enumerate(self._inner.scan(prefix), 1):
            if number % _PAGE == 1 and number > 1:
                self._count(lists=1)
            yield entry

    def folders(self, prefix: str) -> list[str]:
        """The names directly below `prefix`."""
        found = self._inner.folders(prefix)
        self._count(lists=1 + len(found) // _PAGE)
        return found

    def read(self, key: str) -> bytes:
        """All bytes of `key`."""
        self._count(reads=1)
        data = self._inner.read(key)
        self._count(bytes_down=len(data))
        return data

    def write(
        self, key: str, data: bytes, *, create_only: bool = False, if_version: str | None = None
    ) -> bool:
        """Replace `key` with `data`; False when the condition does not hold."""
        self._count(writes=1, bytes_up=len(data))
        return self._inner.write(key, data, create_only=create_only, if_version=if_version)

    def stat(self, key: str) -> Entry | None:
        """The entry of `key`, or None."""
        self._count(reads=1)
        return self._inner.stat(key)

    def delete(self, key: str) -> None:
        """Remove `key`; a missing key is fine."""
        self._count(deletes=1)
        self._inner.delete(key)

    def put(self, key: str, path: Path, *, move: bool = False, digest: str | None = None) -> None:
        """Store the file at `path` under `key`."""
        size = path.stat().st_size if path.exists() else 0
        parts = -(-size // self._part_bytes)
        self._count(writes=1 if parts < 2 else parts + 2, bytes_up=size)
        self._inner.put(key, path, move=move, digest=digest)

    def fetch(self, key: str, path: Path) -> Entry:
        """Make `key` readable as the file `path`."""
        self._count(reads=1)
        entry = self._inner.fetch(key, path)
        self._count(reads=max(0, -(-entry.size // self._part_bytes) - 1), bytes_down=entry.size)
        return entry

    def copy(self, source: str, target: str) -> None:
        """Make `target` hold what `source` holds."""
        self._count(writes=1)
        self._inner.copy(source, target)

    def local_path(self, key: str) -> Path | None:
        """The file that holds `key` on this machine, if any."""
        return self._inner.local_path(key)

    def _count(self, **more: int) -> None:
        with self._lock:
            for name, count in more.items():
                setattr(self.requests, name, getattr(self.requests, name) + count)

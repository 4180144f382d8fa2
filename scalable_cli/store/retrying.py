"""A store that tries again what may succeed later."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from scalable_cli.store.backoff import Backoff

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from scalable_cli.model.artifact import Entry
    from scalable_cli.model.store import Store


class RetryingStore:
    """The same promises as the store inside, with transient failures tried again.

    A conditional write whose answer was lost may have happened: when the condition then fails
    and the key holds just these bytes, it counts as done.
    """

    def __init__(self, inner: Store, backoff: Backoff | None = None) -> None:
        self._inner = inner
        self._backoff = backoff or Backoff()

    def __reduce__(self) -> tuple[type[RetryingStore], tuple[Store, Backoff]]:
        """Travel with the store inside."""
        return RetryingStore, (self._inner, self._backoff)

    @property
    def uri(self) -> str:
        """That of the store inside."""
        return self._inner.uri

    def scan(self, prefix: str) -> Iterator[Entry]:
        """A listing; the store inside tries each of its pages again by itself."""
        return self._inner.scan(prefix)

    def folders(self, prefix: str) -> list[str]:
        """The names directly below `prefix`."""
        return self._backoff.call(partial(self._inner.folders, prefix))

    def read(self, key: str) -> bytes:
        """All bytes of `key`."""
        return self._backoff.call(partial(self._inner.read, key))

    def write(
        self, key: str, data: bytes, *, create_only: bool = False, if_version: str | None = None
    ) -> bool:
        """Replace `key` with `data`; False when the condition does not hold."""
        tries = 0

        def write() -> bool:
            nonlocal tries
            tries += 1
            return self._inner.write(key, data, create_only=create_only, if_version=if_version)

        if self._backoff.call(write):
            return True
        return tries > 1 and self._inner.stat(key) is not None and self.read(key) == data

    def stat(self, key: str) -> Entry | None:
        """The entry of `key`, or None."""
        return self._backoff.call(partial(self._inner.stat, key))

    def delete(self, key: str) -> None:
        """Remove `key`; a missing key is fine."""
        self._backoff.call(partial(self._inner.delete, key))

    def put(self, key: str, path: Path, *, move: bool = False, digest: str | None = None) -> None:
        """Store the file at `path` under `key`."""
        self._backoff.call(partial(self._inner.put, key, path, move=move, digest=digest))

    def fetch(self, key: str, path: Path) -> Entry:
        """Make `key` readable as the file `path`."""
        return self._backoff.call(partial(self._inner.fetch, key, path))

    def copy(self, source: str, target: str) -> None:
        """Make `target` hold what `source` holds."""
        self._backoff.call(partial(self._inner.copy, source, target))

    def local_path(self, key: str) -> Path | None:
        """The file that holds `key` on this machine, if any."""
        return self._inner.local_path(key)

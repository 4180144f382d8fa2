"""A store whose outages are waited for: each operation is tried again for a while."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from scalable_cli.errors import StorageError
from scalable_cli.host.patience import Patience, Tries, persist, wait

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from scalable_cli.model.artifact import Entry
    from scalable_cli.model.store import Store


T = TypeVar("T")


def patient(
    store: Store, patience: Patience | None = None, pause: Callable[[float], bool] = wait
) -> PatientStore:
    """The store with this patience (else the one that it has), and this way to pause."""
    known = store.patience if isinstance(store, PatientStore) else Patience()
    return PatientStore(plain(store), patience or known, pause)


def plain(store: Store) -> Store:
    """The store itself, which fails at once."""
    return store.inner if isinstance(store, PatientStore) else store


class PatientStore:
    """Asks `inner` again after a failure that may pass; the last one is raised.

    A failed operation may have been carried out, so what is repeated must end the same way.
    `pause` waits so many seconds and tells whether to give up.
    """

    def __init__(
        self, inner: Store, patience: Patience, pause: Callable[[float], bool] = wait
    ) -> None:
        self.inner = inner
        self.patience, self._pause = patience, pause

    def __reduce__(self) -> tuple[type[PatientStore], tuple[Store, Patience]]:
        """Travel to a worker without `pause`, which belongs to this process."""
        return PatientStore, (self.inner, self.patience)

    @property
    def uri(self) -> str:
        """Where the store lies."""
        return self.inner.uri

    def scan(self, prefix: str) -> Iterator[Entry]:
        """Every key that starts with `prefix`, sorted; goes on behind the last one told."""
        tries, last = Tries(self.patience, self._pause), ""
        while True:
            try:
                for entry in self.inner.scan(prefix):
                    if entry.key > last:
                        last = entry.key
                        yield entry
                return
            except StorageError as error:
                tries.again(error)

    def folders(self, prefix: str) -> list[str]:
        """The names directly below `prefix`."""
        return self._persist(lambda: self.inner.folders(prefix))

    def read(self, key: str) -> bytes:
        """All bytes of `key`."""
        return self._persist(lambda: self.inner.read(key))

    def write(
        self, key: str, data: bytes, *, create_only: bool = False, if_version: str | None = None
    ) -> bool:
        """Replace `key`; with `create_only`, a key that holds `data` since a failed try is ours."""
        failed = False

        def once() -> bool:
            nonlocal failed
            try:
                done = self.inner.write(key, data, create_only=create_only, if_version=if_version)
            except StorageError:
                failed = True
                raise
            return done or (failed and self.inner.read(key) == data)

        return self._persist(once)

    def stat(self, key: str) -> Entry | None:
        """The entry of `key`, or None."""
        return self._persist(lambda: self.inner.stat(key))

    def delete(self, key: str) -> None:
        """Remove `key`."""
        self._persist(lambda: self.inner.delete(key))

    def put(self, key: str, path: Path, *, move: bool = False, digest: str | None = None) -> None:
        """Store a file; one that a failed try has moved already is there."""
        failed = False

        def once() -> None:
            nonlocal failed
            if failed and move and not path.exists() and self.inner.stat(key) is not None:
                return
            failed = True
            self.inner.put(key, path, move=move, digest=digest)

        self._persist(once)

    def fetch(self, key: str, path: Path) -> Entry:
        """Make `key` readable as `path`; what a failed try left there is replaced."""
        failed = False

        def once() -> Entry:
            nonlocal failed
            if failed:
                path.unlink(missing_ok=True)
            failed = True
            return self.inner.fetch(key, path)

        return self._persist(once)

    def copy(self, source: str, target: str) -> None:
        """Make `target` hold what `source` holds."""
        self._persist(lambda: self.inner.copy(source, target))

    def local_path(self, key: str) -> Path | None:
        """The file that holds `key` on this machine."""
        return self.inner.local_path(key)

    def _persist(self, action: Callable[[], T]) -> T:
        return persist(action, self.patience, self._pause)

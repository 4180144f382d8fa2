"""A store that fails by chance, is slow, or is away: wraps a real one, by seed."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from scalable_cli.errors import StorageError
from scalable_cli.model.artifact import Entry
from scalable_cli.model.store import Store


@dataclass(frozen=True)
class Faults:
    """What goes wrong.

    A share `rate` of the operations fails, every second of them after it was carried out. With
    `torn` a failing write leaves half of the bytes. Each operation takes `slow_s` longer, each
    upload of an artifact `upload_s`, during which the file `uploading` holds the process's
    number. Keys that contain `away` fail while the file `away_while` is there, for good where
    `lasting`. `remote` hides the files, so that nothing but logs goes past the store.
    """

    seed: int = 0
    rate: float = 0.0
    torn: bool = False
    slow_s: float = 0.0
    upload_s: float = 0.0
    uploading: str = ""
    away: str = ""
    away_while: str = ""
    lasting: bool = False
    remote: bool = True


@dataclass
class FaultyStore:
    """The store `inner` with `faults`; travels to workers."""

    inner: Store
    faults: Faults
    _count: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __reduce__(self) -> tuple[type[FaultyStore], tuple[Store, Faults]]:
        return FaultyStore, (self.inner, self.faults)

    @property
    def uri(self) -> str:
        return self.inner.uri

    def scan(self, prefix: str) -> Iterator[Entry]:
        after = self._strike(prefix)
        for number, entry in enumerate(self.inner.scan(prefix)):
            if after and number == 1:
                self._fail(prefix)
            yield entry
        if after:
            self._fail(prefix)

    def folders(self, prefix: str) -> list[str]:
        after = self._strike(prefix)
        found = self.inner.folders(prefix)
        return self._fail(prefix) if after else found

    def read(self, key: str) -> bytes:
        after = self._strike(key)
        data = self.inner.read(key)
        return self._fail(key) if after else data

    def write(
        self, key: str, data: bytes, *, create_only: bool = False, if_version: str | None = None
    ) -> bool:
        after = self._strike(key)
        if after and self.faults.torn and not create_only:
            self.inner.write(key, data[: len(data) // 2])
            self._fail(key)
        done = self.inner.write(key, data, create_only=create_only, if_version=if_version)
        return self._fail(key) if after else done

    def stat(self, key: str) -> Entry | None:
        after = self._strike(key)
        entry = self.inner.stat(key)
        return self._fail(key) if after else entry

    def delete(self, key: str) -> None:
        after = self._strike(key)
        self.inner.delete(key)
        if after:
            self._fail(key)

    def put(self, key: str, path: Path, *, move: bool = False, digest: str | None = None) -> None:
        after = self._strike(key)
        if self.faults.upload_s and "/artifacts/" in key:
            Path(self.faults.uploading).write_text(str(os.getpid()))
            time.sleep(self.faults.upload_s)
        if after and self.faults.torn:
            self.inner.write(key, path.read_bytes()[: path.stat().st_size // 2])
            self._fail(key)
        self.inner.put(key, path, move=move, digest=digest)
        if after:
            self._fail(key)

    def fetch(self, key: str, path: Path) -> Entry:
        after = self._strike(key)
        entry = self.inner.fetch(key, path)
        return self._fail(key) if after else entry

    def copy(self, source: str, target: str) -> None:
        after = self._strike(target)
        self.inner.copy(source, target)
        if after:
            self._fail(target)

    def local_path(self, key: str) -> Path | None:
        remote = self.faults.remote and "/logs/" not in key
        return None if remote else self.inner.local_path(key)

    def _strike(self, key: str) -> bool:
        """Fail now, or tell that it must fail after the work was done."""
        if self.faults.slow_s:
            time.sleep(self.faults.slow_s)
        faults = self.faults
        if faults.away and faults.away in key and os.path.exists(faults.away_while):
            text = f'cannot write "{key}": no space left'
            raise StorageError(text, hint="free some", lasting=faults.lasting)
        with self._lock:
            self._count += 1
            chance = random.Random(f"{self.faults.seed} {os.getpid()} {self._count}").random()
        if chance < self.faults.rate / 2:
            self._fail(key)
        return chance < self.faults.rate

    def _fail(self, key: str) -> None:
        raise StorageError(f'cannot reach "{key}": injected')

"""A file as the source of an upload: its digest, its parts, and whether it stayed the same."""

from __future__ import annotations

import base64
import hashlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scalable_cli.errors import StorageError

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from scalable_cli.store.parts import Part

_BLOCK = 1 << 20


@dataclass(frozen=True)
class Stamp:
    """What changes when a file is written to."""

    size: int
    mtime_ns: int
    inode: int


class Source:
    """An open file that must not change; errors are StorageErrors that name it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._file = open(path, "rb", buffering=0)  # noqa: SIM115
        except OSError as error:
            raise _unreadable(path, error) from error
        self.stamp = self._stamp()

    def __enter__(self) -> Source:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    @property
    def size(self) -> int:
        """Bytes, as they were when the file was opened."""
        return self.stamp.size

    def read(self, start: int, size: int) -> bytes:
        """Exactly these bytes; fewer in the file is a StorageError."""
        try:
            data = os.pread(self._file.fileno(), size, start)
            while len(data) < size:
                more = os.pread(self._file.fileno(), size - len(data), start + len(data))
                if not more:
                    raise self._changed()
                data += more
        except OSError as error:
            raise _unreadable(self._path, error) from error
        return data

    def part(self, part: Part) -> bytes:
        """The bytes of one part."""
        return self.read(part.start, part.size)

    def check(self) -> None:
        """Raise StorageError when the file is not what it was when opened."""
        if self._stamp() != self.stamp:
            raise self._changed()

    def digests(self) -> tuple[str, str]:
        """SHA-256 in hex, and CRC32C in base64 as GCS writes it, in one pass."""
        import google_crc32c

        sha, crc = hashlib.sha256(), google_crc32c.Checksum()
        for start in range(0, self.size, _BLOCK):
            block = self.read(start, min(_BLOCK, self.size - start))
            sha.update(block)
            crc.update(block)
        self.check()
        return sha.hexdigest(), base64.b64encode(crc.digest()).decode()

    def _stamp(self) -> Stamp:
        status = os.fstat(self._file.fileno())
        return Stamp(status.st_size, status.st_mtime_ns, status.st_ino)

    def _changed(self) -> StorageError:
        return StorageError(
            f'"{self._path}" changed while it was read', hint="try again when it is complete"
        )


def crc32c(data: bytes) -> str:
    """CRC32C in base64, big-endian: what S3 and GCS verify."""
    import google_crc32c

    return base64.b64encode(google_crc32c.value(data).to_bytes(4, "big")).decode()


def _unreadable(path: Path, error: OSError) -> StorageError:
    reason = (error.strerror or str(error)).lower()
    return StorageError(f'cannot read "{path}": {reason}', hint="check the file's permissions")

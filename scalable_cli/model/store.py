"""The protocol of everything that keeps bytes under keys: local folders, S3, GCS.

A key is a relative path with `/`, without `..`, empty parts or a leading slash.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from scalable_cli.model.artifact import Entry


class Store(Protocol):
    """Bytes under keys. Each write is whole or not at all; every failure is a StorageError."""

    @property
    def uri(self) -> str:
        """Where this store lies, without a trailing slash: an absolute path, `s3://…`, `gs://…`."""

    def scan(self, prefix: str) -> Iterator[Entry]:
        """Every key that starts with `prefix`, sorted by key; nothing when there is none."""

    def folders(self, prefix: str) -> list[str]:
        """The names directly below `prefix` ("" or ending in "/") that hold keys, sorted."""

    def read(self, key: str) -> bytes:
        """All bytes of `key`; a missing key is a StorageError."""

    def write(
        self, key: str, data: bytes, *, create_only: bool = False, if_version: str | None = None
    ) -> bool:
        """Replace `key` with `data`; False, and nothing written, when a condition does not hold.

        `create_only`: the key must not exist. `if_version`: it must exist with that version.
        """

    def stat(self, key: str) -> Entry | None:
        """The entry of `key` with the digest that its writer recorded, or None."""

    def delete(self, key: str) -> None:
        """Remove `key`; a missing key is fine."""

    def put(self, key: str, path: Path, *, move: bool = False, digest: str | None = None) -> None:
        """Store the file at `path` under `key`; with `move` the file may be gone afterwards.

        `digest` is the file's SHA-256 when the caller knows it; a store that keeps digests
        computes it otherwise. A file that changes meanwhile is a StorageError.
        """

    def fetch(self, key: str, path: Path) -> Entry:
        """Make `key` readable as the file `path` (a link where possible; treat it as read-only).

        `path` appears whole or not at all. The entry is that of the bytes fetched.
        """

    def copy(self, source: str, target: str) -> None:
        """Make `target` hold what `source` holds, without moving the bytes through here."""

    def local_path(self, key: str) -> Path | None:
        """The file that holds `key` on this machine; None when the store is elsewhere."""

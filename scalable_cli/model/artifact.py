"""What a run stores, and what a store lists."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """One key in a store's listing: size in bytes, `modified` in seconds since the epoch.

    `version` changes with every write of the key and says nothing else. `digest` is the SHA-256
    that the writer recorded beside the bytes; a listing does not know it, `stat` may.
    """

    key: str
    size: int
    modified: float
    version: str = ""
    digest: str | None = None


@dataclass(frozen=True, slots=True)
class ArtifactRef:
    """The address and digest of a stored thing.

    `path` is relative to the run's `artifacts/`; `uri` is where it lies (set once stored).
    A folder has `files`, sorted by path, each (path below the folder, SHA-256, size), and
    its `digest` is the SHA-256 of their canonical form; `size` is the sum, in bytes.
    """

    path: str
    digest: str
    size: int
    uri: str = ""
    files: tuple[tuple[str, str, int], ...] | None = None

    @property
    def is_folder(self) -> bool:
        """Whether this is a folder of files."""
        return self.files is not None
